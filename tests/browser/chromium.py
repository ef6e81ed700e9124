"""Debian's Chromium without a window, driven by its own DevTools protocol: one page, its console, its keyboard."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType


@dataclass
class Page:
    """One tab. `said` is what the browser reported as wrong: script errors, blocked loads, broken policies."""

    socket: ClientWebSocketResponse
    said: list[str] = field(default_factory=list)
    _count: int = 0
    _loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)

    async def send(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol, and its result."""
        self._count += 1
        answer = self._answers[self._count] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": self._count, "method": method, "params": parameters})
        return await asyncio.wait_for(answer, 20)

    async def listen(self) -> None:
        """Read what the browser sends until it goes."""
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told.get("result"))
            elif told["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] in ("error", "warning"):
                self.said.append(told["params"]["entry"]["text"])
            elif told["method"] == "Runtime.exceptionThrown":
                self.said.append(json.dumps(told["params"]))

    async def open(self, url: str) -> None:
        """Go there, and wait until it is loaded."""
        self._loaded.clear()
        await self.send("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), 20)

    async def value(self, expression: str) -> Any:
        """What a script in the page's world gives; the page itself runs none."""
        told = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        return told["result"].get("value")

    async def key(self, name: str, text: str = "") -> None:
        """Press and release one key."""
        code = {"Tab": 9, "Enter": 13}.get(name, 0)
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code, text=text if kind == "keyDown" else "")

    async def loads(self, action: Any) -> None:
        """Do something that loads another page, and wait for it."""
        self._loaded.clear()
        await action
        await asyncio.wait_for(self._loaded.wait(), 20)


@asynccontextmanager
async def browsing(program: str) -> AsyncIterator[Page]:
    """A browser of its own, with nothing of the user's; ended, with all that it started, when the block is left."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program, "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--no-proxy-server", f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank",
            stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            assert process.stderr is not None
            port = 0
            while not port:
                line = await asyncio.wait_for(process.stderr.readline(), 30)
                found = re.search(rb"DevTools listening on ws://127\.0\.0\.1:([0-9]+)/", line)
                port = int(found[1]) if found else 0
            async with ClientSession() as session:
                tabs = await (await session.get(f"http://127.0.0.1:{port}/json/list")).json(content_type=None)
                address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
                async with session.ws_connect(address, max_msg_size=0) as socket, asyncio.TaskGroup() as tasks:
                    page = Page(socket)
                    listening = tasks.create_task(page.listen())
                    for room in ("Page", "Runtime", "Log"):
                        await page.send(f"{room}.enable")
                    yield page
                    listening.cancel()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
