"""A registry that is scripted below HTTP, step by step, and what it saw.

Steps are written as in the cases: `P` ping, `L` login, `T` scoped login, `H`/`G` HEAD/GET of the manifest, `B` blob, with the party
behind: `+` the stored secret, `!` another one, `0` nobody; a ping has a party only with an Authorization (`P+`), and is `V+` with a bearer,
which other checkers make last.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, quote_plus

from validator.emulator.base.wire import WireRequest
from validator.emulator.hostile import Hostile, Script, scripts

USERNAME, SECRET = "alice", 'CANARY/9f3c "kestrel" & 17'
REPOSITORY: Final = "team/app"
IMAGE: Final = f"reg.test/{REPOSITORY}:1"
REALM: Final = "https://auth.reg.test/token"
OCI: Final = "application/vnd.oci.image"
BEARERS: Final = {"+": "bearer-of-the-subject-1", "0": "bearer-of-nobody-2", "!": "bearer-of-a-control-3"}
NEVER_DIALLED: Final = "169.254.169.254"

reply = scripts.reply
HTML: Final = {"Content-Type": "text/html"}


def refused(status: int = 401, code: str = "UNAUTHORIZED", message: str = "authentication required", **more: Any) -> Script:
    """A registry's error."""
    return reply(status, {"errors": [{"code": code, "message": message}]}, **more)


def bare(script: Script) -> Script:
    """The same without its body, as a HEAD is answered."""
    return Script(script.steps[:1], script.keep)


def challenged(*challenges: str) -> Script:
    """A 401 of the ping with these challenges, each in a field of its own."""
    return reply(401, {"errors": [{"code": "UNAUTHORIZED"}]}, tuple(("WWW-Authenticate", text) for text in challenges))


def demanding(realm: str, service: str = "reg.test", more: str = "") -> Script:
    """A 401 with a Bearer challenge for `realm`."""
    return challenged(f'Bearer realm="{realm}",service="{service}"{more}')


def led(status: int, location: str, **more: Any) -> Script:
    """A redirect."""
    return reply(status, b"", {"Location": location, **more})


def token(bearer: str, **more: Any) -> Script:
    """A token endpoint's yes."""
    return reply(200, {"token": bearer, "expires_in": 300, **more})


def page(status: int = 200, text: str = "<html><title>Just a moment...</title></html>", **fields: str) -> Script:
    """A web page."""
    return reply(status, text, {**HTML, **fields})


CONFIG: Final = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
CONFIG_DIGEST: Final = "sha256:" + hashlib.sha256(CONFIG).hexdigest()


def manifest(layers: Sequence[Mapping[str, object]] = ()) -> bytes:
    """A single image for linux/amd64."""
    config = {"mediaType": f"{OCI}.config.v1+json", "digest": CONFIG_DIGEST, "size": len(CONFIG)}
    return json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": config, "layers": list(layers)}).encode()


def shown(body: bytes, *, head: bool, kind: str = f"{OCI}.manifest.v1+json") -> Script:
    """A manifest's answer; a HEAD's has its length and no body."""
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    fields = {"Content-Type": kind, "Content-Length": str(len(body)), "Docker-Content-Digest": digest}
    return Script((scripts.head(200, fields), b"" if head else body), keep=True)


def usual(realm: str = REALM) -> dict[str, Script]:
    """What the cases' Defaults say: a good key, a private image, a control that is refused."""
    return {
        "P": demanding(realm), "L+": token(BEARERS["+"]), "T+": token(BEARERS["+"]), "L!": refused(), "T!": refused(), "L0": refused(),
        "T0": token(BEARERS["0"]), "H+": shown(manifest(), head=True), "G+": shown(manifest(), head=False),
        "H0": bare(refused()), "H!": bare(refused()),
        "V+": reply(200, {}), "V!": reply(200, {}), "V0": reply(200, {}), "V?": refused(),
        "B+": reply(200, CONFIG, {"Content-Type": f"{OCI}.config.v1+json"}),
    }  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One request on the wire: its step, and all that came with it."""

    step: str
    host: str
    wire: WireRequest
    connection: int

    @property
    def carries_secret(self) -> bool:
        """Whether the stored secret stands anywhere in it."""
        return any(form in repr(self.wire) for form in FORMS)


def forms(secret: str = SECRET, username: str = USERNAME) -> tuple[str, ...]:
    """How `secret` may be written: plain, base64, as a Basic value, quoted for a URL, as JSON, as Python, as HTML."""
    basic = base64.b64encode(f"{username}:{secret}".encode()).decode()
    plain = base64.b64encode(secret.encode()).decode()
    written = (json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret), quote(secret, safe=""), quote_plus(secret), quote(secret))
    return tuple(dict.fromkeys((secret, plain, plain.rstrip("="), basic, basic.rstrip("="), *written)))


FORMS: Final = forms()


class Site(Hostile):
    """A registry with its token server behind one port; `usual()` with what the test scripts laid over it."""

    def __init__(self, scripted: Mapping[str, Script | Sequence[Script]] | None = None, *, realm: str = REALM, secret: str = SECRET) -> None:
        super().__init__({**usual(realm), **(scripted or {})})
        self.secret = secret
        self.asked_of: list[Asked] = []
        self._turns: dict[tuple[str, str, int], int] = {}
        self._ends: list[asyncio.StreamWriter] = []

    @property
    def steps(self) -> list[str]:
        """The steps that came, in order."""
        return [asked.step for asked in self.asked_of]

    @property
    def secrets(self) -> list[Asked]:
        """Every request that carried the stored secret."""
        return [asked for asked in self.asked_of if asked.carries_secret]

    def at(self, step: str) -> list[WireRequest]:
        """The requests of a step."""
        return [asked.wire for asked in self.asked_of if asked.step == step]

    def step(self, request: WireRequest) -> str:
        """A request's letter and party."""
        kind, _, carried = request.login()
        party = "0"
        if kind == "basic":
            party = "+" if carried == self.secret else "!"
        elif kind == "bearer":
            party = next((name for name, bearer in BEARERS.items() if bearer == carried), "?")
        if request.path in ("/v2/", "/v2"):
            return "P" if kind == "none" else f"V{party}" if kind == "bearer" else f"P{party}"
        if request.path.endswith("/token"):
            return ("T" if "scope=" in request.target else "L") + party
        if "/manifests/" in request.path:
            return ("H" if request.method == "HEAD" else "G") + party
        return ("B" + party) if "/blobs/" in request.path else request.path

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.append(writer)
        await super()._serve(reader, writer)

    async def stop(self) -> None:
        """Close all, those too that wait for the other side's last word in TLS."""
        await super().stop()
        for writer in self._ends:
            writer.transport.abort()
        await asyncio.sleep(0)

    def _next(self, request: WireRequest) -> Script:
        step = self.step(request)
        for name in (step, request.path) if step.startswith("V") else (request.path, step):
            if (queue := self._scripts.get(name)) is None:
                continue
            if not (request.value("user-agent") or "").startswith("validator/"):
                return queue[self._turn(request.value("user-agent") or "", name, len(queue))]
            return queue.popleft() if len(queue) > 1 else queue[0]
        return refused(404, "NAME_UNKNOWN", "no script for this step")

    def _turn(self, agent: str, name: str, answers: int) -> int:
        """Which answer is this one's: other programs have turns of their own, and take none of ours."""
        at = self._turns.get((agent, name, answers), 0)
        self._turns[agent, name, answers] = at + 1
        return min(at, answers - 1)

    def _record(self, request: WireRequest, connection: int) -> None:
        super()._record(request, connection)
        self.asked_of.append(Asked(self.step(request), request.value("host") or "", request, connection))


def hidden_from(*texts: str, secret: str = SECRET, username: str = USERNAME) -> None:
    """Assert that no form of the secret stands in any of `texts`."""
    for text in texts:
        found = [form for form in forms(secret, username) if form in text]
        assert not found, f"the secret shows, as {found[0]!r}: …{text[max(0, text.find(found[0]) - 60) :][:160]}…"
