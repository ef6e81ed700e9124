"""A registry that plays a script: what each step answers to each party, in order, the last answer again and again.

A key is a step's letter and a party's sign, as in the cases: `P` ping, `L` login, `T` scoped login, `H`/`G` manifest, `C` config;
`+` the stored secret, `0` anonymous, `!` any other (a made-up one). On a Basic registry `P+` is the ping with the pair; `V` is a ping with a
bearer, which other checkers make last. `l` and `t` are logins by POST, with an identity token instead of a pair.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

USERNAME, SECRET = "jane", "s3cret-of-jane"
REPOSITORY = "team/app"


@dataclass(frozen=True)
class Say:
    """One answer. `body` bytes, or an object sent as JSON; `token` adds a bearer token of the asker to a JSON object."""

    status: int = 200
    body: Any = b""
    headers: tuple[tuple[str, str], ...] = ()
    kind: str | None = None
    demand: str | None = None
    delay_s: float = 0.0
    token: str | None = None


def tok(field_name: str = "token", **more: Any) -> Say:
    """A good token answer, the bearer in `field_name`."""
    return Say(body=more, token=field_name)


def err(code: str, status: int = 401, message: str = "no", **more: Any) -> Say:
    """A registry's error JSON."""
    return Say(status, {"errors": [{"code": code, "message": message}]}, **more)


def html(status: int = 200, text: str = "<html><body>hello</body></html>", **more: Any) -> Say:
    """A web page."""
    return Say(status, text.encode(), kind="text/html", **more)


OCI = "application/vnd.oci.image."
INDEX, IMAGE = f"{OCI}index.v1+json", f"{OCI}manifest.v1+json"


def document(kind: str, body: Any, **more: Any) -> Say:
    """A manifest of this media type, with its digest."""
    raw = json.dumps(body).encode()
    digest = "sha256:" + hashlib.sha256(raw).hexdigest()
    return Say(body=raw, kind=kind, headers=(("Docker-Content-Digest", digest),), **more)


def image(architecture: str = "amd64") -> tuple[Say, Say]:
    """A single image's manifest and its config."""
    config = json.dumps({"os": "linux", "architecture": architecture}).encode()
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    manifest = {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "layers": [],
        "config": {"mediaType": f"{OCI}config.v1+json", "digest": digest, "size": len(config)},
    }
    return document(IMAGE, manifest), Say(body=config, kind="application/octet-stream")


def index(*entries: dict[str, Any]) -> Say:
    """An index of these entries; each gets a digest and a media type if it has none."""
    filled = [{"mediaType": IMAGE, "digest": "sha256:" + f"{n:x}" * 64, "size": 1, **entry} for n, entry in enumerate(entries, 1)]
    return document(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": filled})


def on(architecture: str, variant: str | None = None, os: str = "linux", **more: Any) -> dict[str, Any]:
    """An index's entry for a platform."""
    platform = {"os": os, "architecture": architecture, **({"variant": variant} if variant is not None else {})}
    return {"platform": platform, **more}


BEARER = "bearer"
Answers = dict[str, Say | list[Say]]
DEFAULTS: Answers = {
    "P0": Say(401, {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}, demand=BEARER),
    "L+": tok(), "L!": err("UNAUTHORIZED"), "L0": err("UNAUTHORIZED"),
    "V+": Say(body={}), "V!": Say(body={}), "V0": Say(body={}), "V?": err("UNAUTHORIZED", demand=BEARER),
    "T+": tok(), "T!": err("UNAUTHORIZED"), "T0": tok(), "H+": image()[0], "H0": err("UNAUTHORIZED", demand=BEARER), "H!": err("UNAUTHORIZED", demand=BEARER),
    "l+": tok("access_token"), "l!": err("UNAUTHORIZED"), "t+": tok("access_token"), "t!": err("UNAUTHORIZED"),
}  # fmt: skip


@dataclass
class Scripted:
    """The registry and its token server, on two ports. `seen` are the steps in their order, `queries` of token requests."""

    script: Answers
    demand: Callable[[str], list[str]] | None = None
    seen: list[str] = field(default_factory=list)
    queries: list[list[tuple[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    refuse_unknown: bool = False
    """A made-up username (of a control) is refused whatever the script says of `!`."""
    most_at_once: int = 0
    """How many requests were in their delay at one time, at most."""
    port: int = 0
    realm_port: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    _held: int = 0
    _turns: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    _runners: list[web.AppRunner] = field(default_factory=list)

    async def __aenter__(self) -> Scripted:
        self.port, self.realm_port = await self._serve(), await self._serve()
        return self

    async def __aexit__(self, *_: object) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _serve(self) -> int:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.05)  # an answer that nobody waits for any more
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._runners.append(runner)
        port: int = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # aiohttp tells a port no other way
        return port

    @property
    def host(self) -> str:
        """The registry as users write it."""
        return f"127.0.0.1:{self.port}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """The settings' `registries` for it."""
        return {self.host: {"plain_http": True, "allow_private": True, "realm_hosts": [f"127.0.0.1:{self.realm_port}"], **more}}

    def count(self, *steps: str) -> int:
        """How many requests of these steps came."""
        return sum(Counter(self.seen)[step] for step in steps)

    @property
    def realm(self) -> str:
        """The token server's URL."""
        return f"http://127.0.0.1:{self.realm_port}/token"

    def _party(self, request: web.Request) -> str:
        sent = request.headers.get("Authorization", "")
        scheme, _, value = sent.partition(" ")
        if scheme == "Basic":
            pair = base64.b64decode(value).decode()
            return "+" if pair == f"{USERNAME}:{SECRET}" else "!"
        if scheme == "Bearer":
            return self.tokens.get(value, "?")
        return "0"

    def _is_control(self, request: web.Request) -> bool:
        pair = base64.b64decode(request.headers["Authorization"].partition(" ")[2]).decode()
        return pair.startswith("validator-control-")

    def _step(self, request: web.Request) -> str:
        if request.path.endswith("/token"):
            return "T" if request.query.getall("scope", []) else "L"
        if request.path in ("/v2/", "/v2"):
            return "V" if request.headers.get("Authorization", "").startswith("Bearer ") else "P"
        return "C" if "/blobs/" in request.path else "H" if request.method == "HEAD" else "G"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        step = self._step(request) + self._party(request)
        if request.method == "POST":
            form = {name: str(value) for name, value in (await request.post()).items()}
            self.forms.append(form)
            step = ("t" if "scope" in form else "l") + ("+" if form.get("refresh_token") == SECRET else "!")
        self.seen.append(step)
        self.headers.append(dict(request.headers))
        if step[0] in "LTlt":
            self.queries.append(list(request.query.items()))
        if self.refuse_unknown and step in ("L!", "T!") and self._is_control(request):
            return self._response(err("UNAUTHORIZED"), step)
        said = self.script.get(step, self.script.get(step.replace("G", "H")) or DEFAULTS.get(step) or DEFAULTS.get(step.replace("G", "H")))
        agent = request.headers.get("User-Agent", "")
        if isinstance(said, list) and not agent.startswith("validator/"):
            # other programs have turns of their own, and take none of ours
            at = self._turns[agent, step, id(said)]
            self._turns[agent, step, id(said)] += 1
            said = said[min(at, len(said) - 1)]
        say = said.pop(0) if isinstance(said, list) and len(said) > 1 else said[0] if isinstance(said, list) else said
        assert say is not None, f"the script says nothing for {step}"
        self._held += 1
        self.most_at_once = max(self.most_at_once, self._held)
        try:
            await asyncio.sleep(say.delay_s)
        finally:
            self._held -= 1
        return self._response(say, step)

    def _response(self, say: Say, step: str) -> web.Response:
        headers = list(say.headers)
        if say.demand == BEARER:
            values = self.demand(self.realm) if self.demand is not None else [f'Bearer realm="{self.realm}",service="registry"']
            headers += [("WWW-Authenticate", value) for value in values]
        elif say.demand is not None:
            headers.append(("WWW-Authenticate", say.demand))
        body = say.body
        if say.token is not None:
            names = say.token.split("+")
            body = dict(body)
            for name in names:
                body.setdefault(name, f"{name}-{step}-{len(self.tokens)}")
                self.tokens[body[name]] = step[1:]
        kind = say.kind or ("application/json" if not isinstance(body, bytes) else None)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = web.Response(status=say.status, body=raw)
        if kind is not None:
            response.content_type = kind
        for name, value in headers:
            response.headers.add(name, value)
        return response
