"""A client of the HTTP service, for programs that submit workflows: `async with Client(url, token) as validator: await validator.preflight(...)`.

It imports no other room of ours, and its values are plain: what the service adds in a later version is left out, not an error.
Whether a workflow is submitted when the service cannot answer is the caller's to decide: every way to fail is a `ServiceError`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar
from pydantic import SecretStr

__all__ = ["Checked", "Client", "Credential", "Image", "Preflight", "ServiceError"]

MOST: Final = 16 << 20
"""Bytes of an answer that are read."""
_ON_THE_WAY_S: Final = 5.0
"""What an answer may take beyond the deadline that the service itself keeps."""


class ServiceError(Exception):
    """The service did not answer, or with a problem. `status` and `kind` (such as `too_many_requests`) are None and "" where it did not."""

    def __init__(self, text: str, *, status: int | None = None, kind: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.kind = kind
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What will happen to one image; `outcome` is pullable, denied, not_found, wrong_platform or unknown."""

    image: str
    outcome: str
    reason: str
    via: str | None = None
    hints: tuple[str, ...] = ()
    cause: str = ""
    advice: str = ""
    digest: str | None = None
    cached: bool = False
    checked_at: str | None = None
    retry_at: str | None = None
    file: str | None = None
    line: int | None = None
    task: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """`outcome` is ready, blocked or unknown."""

    outcome: str
    images: tuple[Image, ...]
    took_ms: int

    @property
    def blocked(self) -> tuple[Image, ...]:
        """The images that will not be pulled."""
        return tuple(image for image in self.images if image.outcome not in ("pullable", "unknown"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The verdict about one secret."""

    verdict: str
    reason: str
    cause: str = ""
    advice: str = ""
    level: str | None = None
    hints: tuple[str, ...] = ()
    registry: str | None = None
    username: str = ""
    retry_at: str | None = None
    expires_at: str | None = None
    checked_at: str | None = None
    image: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A stored credential with its last confirmed verdict; no secret."""

    user: str
    name: str
    registry: str
    state: str
    verdict: str | None = None
    reason: str | None = None
    level: str | None = None
    checked_at: str | None = None
    expires_at: str | None = None


Value = TypeVar("Value")


class Client:
    """One service. `session` is yours to give and to close; else the client makes one of its own, without cookies and proxies."""

    def __init__(self, url: str, token: SecretStr | str, *, session: ClientSession | None = None, timeout_s: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._token = token if isinstance(token, SecretStr) else SecretStr(token)
        self._given = session
        self._session = session
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Client:
        if self._session is None:
            self._session = ClientSession(cookie_jar=DummyCookieJar())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._given is None and self._session is not None:
            await self._session.close()
            self._session = None

    async def preflight(
        self, user: str, images: Sequence[str] | None = None, *, workflow: str | None = None, platform: str | None = None, deadline_s: float = 10.0
    ) -> Preflight:  # fmt: skip
        """Will a cluster pull these images (or those that the text of a workflow names) with what `user` has stored? Raises ServiceError."""
        body = {"user": user, "images": list(images) if images is not None else None, "workflow": workflow, "platform": platform}
        told = {key: value for key, value in body.items() if value is not None} | {"deadline_ms": round(deadline_s * 1000)}
        said = await self._ask("POST", "/v1/preflight", told, deadline_s + _ON_THE_WAY_S)
        return Preflight(outcome=said["outcome"], images=tuple(_value(Image, one) for one in said["images"]), took_ms=said["took_ms"])

    async def check(
        self, registry: str, username: str, auth: SecretStr, *, image: str | None = None, platform: str | None = None
    ) -> Checked:  # fmt: skip
        """Does this secret work? It takes a minute at most. Raises ServiceError."""
        body = {"registry": registry, "username": username, "auth": auth.get_secret_value(), "image": image, "platform": platform}
        return _value(Checked, await self._ask("POST", "/v1/check", {key: value for key, value in body.items() if value is not None}, 70))

    async def credentials(self, user: str) -> tuple[Credential, ...]:
        """What `user` has stored, and what was last confirmed of it. Raises ServiceError."""
        said = await self._ask("GET", f"/v1/users/{quote(user, safe='')}/credentials", None, self._timeout_s)
        return tuple(_value(Credential, row) for row in said["credentials"])

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float) -> Any:
        assert self._session is not None, "open the client by `async with`"
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}", "Accept": "application/json"}
        try:
            async with self._session.request(
                method, self._url + path, json=body, headers=headers, timeout=ClientTimeout(total=timeout_s), allow_redirects=False
            ) as answer:  # fmt: skip
                raw = bytearray()
                async for chunk in answer.content.iter_any():
                    raw += chunk
                    if len(raw) > MOST:
                        raise ServiceError("the service's answer is larger than any of its own", status=answer.status)
                status, wait = answer.status, answer.headers.get("Retry-After", "")
        except (ClientError, OSError, TimeoutError) as error:
            raise ServiceError(f"the service did not answer ({type(error).__name__})") from None
        try:
            said = json.loads(raw)
        except ValueError:
            raise ServiceError(f"the service answered {status} and no JSON", status=status) from None
        if status >= 300:
            kind = str(said.get("type", "")).rpartition(":")[2] if isinstance(said, dict) else ""
            detail = str(said.get("detail", "")) if isinstance(said, dict) else ""
            raise ServiceError(
                detail or f"the service answered {status}", status=status, kind=kind, retry_after_s=float(wait) if wait.isdigit() else None
            )
        return said


def _value(model: type[Value], said: Mapping[str, Any]) -> Value:
    """What `said` holds of the fields of `model`, lists as tuples."""
    names = {field.name for field in fields(model)}  # type: ignore[arg-type]  # a dataclass, each time
    return model(**{key: tuple(value) if isinstance(value, list) else value for key, value in said.items() if key in names})
