"""A bare client for the emulators: it follows nothing, retries nothing and adds nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Protocol

import pytest
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from multidict import CIMultiDictProxy


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def challenge(self) -> str | None:
        return self.headers.get("Www-Authenticate")

    @property
    def content(self) -> Any:
        return json.loads(self.body)


class Ask(Protocol):
    """Send one request: `login` as Basic, `bearer` as Bearer, a `form` or raw `body`."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        *,
        login: tuple[str, str] | None = None,
        bearer: str | None = None,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        body: bytes | None = None,
        ssl: SSLContext | None = None,
    ) -> Awaitable[Answered]: ...


@dataclass(slots=True)
class Clock:
    """Epoch seconds that stand still until `now` is changed."""

    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ask() -> AsyncIterator[Callable[..., Awaitable[Answered]]]:
    async with ClientSession(
        timeout=ClientTimeout(total=5), cookie_jar=DummyCookieJar(), auto_decompress=False, skip_auto_headers={"Accept"}
    ) as session:
        session._retry_connection = False

        async def send(
            url: str,
            method: str = "GET",
            *,
            login: tuple[str, str] | None = None,
            bearer: str | None = None,
            headers: dict[str, str] | None = None,
            form: dict[str, str] | None = None,
            body: bytes | None = None,
            ssl: SSLContext | None = None,
        ) -> Answered:
            fields = dict(headers or {})
            if login is not None:
                fields["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
            if bearer is not None:
                fields["Authorization"] = f"Bearer {bearer}"
            async with session.request(method, url, headers=fields, data=form or body, ssl=ssl or True, allow_redirects=False) as response:
                return Answered(response.status, response.headers.copy(), await response.read())  # type: ignore[arg-type]  # a copy reads the same

        yield send
