"""A running service over a database of its own, a client without manners, and tokens."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from multidict import CIMultiDictProxy
from pydantic import SecretStr
from yarl import URL

from tests.cases.scripted import SECRET, USERNAME
from validator.api import House, application, listening
from validator.config import Settings
from validator.credential import Credential, parse_scope
from validator.ledger import open_embedded
from validator.ledger.tokens import Scope
from validator.logs import configure_logging
from validator.serving import open_house

QUICK: dict[str, Any] = {"repeat_after_s": 0.05}
"""The one repeat of a refused login waits this long in tests."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def text(self) -> str:
        return self.raw.decode()

    @property
    def kind(self) -> str:
        """The problem's kind."""
        assert self.headers["Content-Type"] == "application/problem+json"
        return str(self.body["type"]).removeprefix("urn:validator:problem:")


@dataclass(slots=True)
class Service:
    """One running service."""

    house: House
    url: URL
    session: ClientSession
    _names: list[str] = field(default_factory=list)

    async def token(self, *scopes: str, user: str = "*") -> str:
        """A token's text."""
        name = f"token-{len(self._names)}"
        self._names.append(name)
        _, text = await self.house.ledger.tokens.create(name, map(Scope, scopes or list(Scope)), user, now=datetime.now(UTC))
        return text.get_secret_value()

    async def keep(self, user: str, name: str, registry: str, secret: str = SECRET, *, username: str = USERNAME, proof: str | None = None) -> None:
        """Store a credential without asking."""
        stored = Credential(user=user, name=name, scope=parse_scope(registry), username=username, secret=SecretStr(secret), written=registry)
        store: Any = self.house.store
        await store.put(stored, proof=proof)

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, headers: dict[str, str] | None = None, **more: Any
    ) -> Answered:  # fmt: skip
        """One request; `body` is sent as JSON, bytes as they are."""
        fields = {"Authorization": f"Bearer {token}"} if token is not None else {}
        if isinstance(body, bytes):
            more |= {"data": body}
            fields.setdefault("Content-Type", "application/json")
        elif body is not None:
            more |= {"json": body}
        url = URL(f"{self.url}".rstrip("/") + path, encoded=True)
        async with self.session.request(method, url, headers={**fields, **(headers or {})}, allow_redirects=False, **more) as response:
            return Answered(response.status, response.headers, await response.read())

    async def get(self, path: str, token: str | None = None, **more: Any) -> Answered:
        return await self.ask("GET", path, token=token, **more)

    async def post(self, path: str, body: Any, token: str | None = None, **more: Any) -> Answered:
        return await self.ask("POST", path, body, token=token, **more)


@pytest.fixture(autouse=True)
def quiet() -> io.StringIO:
    """The log goes here, not to the terminal."""
    stream = io.StringIO()
    configure_logging("info", stream=stream, json=True)
    return stream


Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty database at the newest revision, and its key: copied, it opens in a moment."""
    folder = tmp_path_factory.mktemp("blank")

    async def make() -> None:
        async with open_embedded(folder / "validator.db", folder / "master.key"):
            pass

    asyncio.run(make())
    return folder


@pytest.fixture
def opening(tmp_path: Path, blank: Path) -> Open:
    """Opens services: `async with opening(registries={...}, api={...}) as service`."""
    count = 0

    @asynccontextmanager
    async def opened(*, registries: dict[str, Any] | None = None, api: dict[str, Any] | None = None, **more: Any) -> AsyncIterator[Service]:
        nonlocal count
        count += 1
        folder = tmp_path / f"service-{count}"
        shutil.copytree(blank, folder)
        hosts = {host: {**said, "pace": {**QUICK, **said.get("pace", {})}} for host, said in (registries or {}).items()}
        said = {
            "store": f"sqlite:///{folder}/validator.db",
            "key_file": folder / "master.key",
            "registries": hosts,
            "api": {"port": 0, **(api or {})},
            "sweep": {"schedule": None},
        }
        settings = Settings.model_validate({**said, **more})
        async with AsyncExitStack() as stack:
            house = await stack.enter_async_context(open_house(settings))
            url = await stack.enter_async_context(listening(application(house), house))
            session = await stack.enter_async_context(ClientSession(timeout=ClientTimeout(total=20), cookie_jar=DummyCookieJar()))
            yield Service(house, url, session)

    return opened


@pytest.fixture
async def service(opening: Open) -> AsyncIterator[Service]:
    """One with the default settings."""
    async with opening() as opened:
        yield opened
