"""GHCR (`ghcr.io`) and `api.github.com` as registries/ghcr.md 3, 4, 6 and 9 tell.

Listeners: `registry` (`/v2/`, `/token`), `api` (introspection) and `cdn` (where blobs are redirected to; it must never
see a secret). Of one secret the record calls its base64 "bearer of NAME": GHCR's bearer token is the secret itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from validator.emulator.base import Call, Emulated, Planted, Settings, Truth, answer_json
from validator.emulator.ghcr import texts, world
from validator.emulator.ghcr.world import Kind, Package, Refused, Rules, Token

__all__ = ["Ghcr", "Kind", "Package", "Refused", "Rules", "Token", "world"]

_LOCK_S: Final = 900.0


class Ghcr(Emulated):
    """GitHub with a planted world: `tokens` and `packages` by name, `rules` in force (change them with `switch`).

    `long_ghs`: the installation token has the form of about 520 characters that GitHub issues since 2026-04-27.
    """

    name = "ghcr"
    host = "ghcr.io"

    def __init__(self, *, clock: Callable[[], float] = time.time, seed: str = "validator", long_ghs: bool = True) -> None:
        super().__init__(clock=clock, seed=seed)
        self.registry = self.listener("registry", self._registry)
        self.api = self.listener("api", self._api)
        self.cdn = self.listener("cdn", self._cdn)
        self.rules = Rules()
        self.tokens: dict[str, Token] = {}
        self.packages: dict[str, Package] = {package.name: package for package in world.default_packages()}
        self._bad: Counter[str] = Counter()
        self._locked: dict[str, float] = {}
        for token in world.default_tokens(seed, clock(), long_ghs=long_ghs):
            self.add(token)

    def add(self, token: Token) -> None:
        """Plant a token, or put it in the place of the one of its name."""
        self.tokens[token.name] = token
        self.plant(token.name, token.secret)
        self.plant(f"bearer of {token.name}", texts.to_base64(token.secret))

    def change(self, name: str, **changes: Any) -> Token:
        """Change a token: `change("good", state="revoked")`."""
        self.tokens[name] = replace(self.tokens[name], **changes)
        return self.tokens[name]

    def publish(self, package: Package) -> None:
        """Add or replace a package."""
        self.packages[package.name] = package

    def switch(self, **changes: Any) -> None:
        """Change some of the rules."""
        self.rules = replace(self.rules, **changes)

    def secret(self, name: str) -> str:
        """The secret of the planted token `name`."""
        return self.tokens[name].secret

    def settings(self) -> Settings:
        urls = {"endpoint": self.registry.url(), "api": self.api.url(), "realm_hosts": [self.registry.authority]}
        return {self.host: {**urls, "plain_http": self.registry.ssl is None, "allow_private": True}}

    def planted(self) -> tuple[Planted, ...]:
        tokens = self.tokens.values()
        return tuple(Planted(token.name, token.owner, token.secret, self.truth("", token.secret).why) for token in tokens)

    def truth(self, username: str, secret: str, repository: str | None = None) -> Truth:
        token = self._token(secret)
        if token is None:
            why = "unknown token"
        elif not token.is_live(self.clock()):
            why = "expired" if token.state == "live" else token.state
        else:
            why = "live"
        package = self.packages.get(repository or "")
        accepted = token is not None and why == "live"
        if repository is None:
            return Truth(accepted=accepted, why=why)
        pulls = accepted and token is not None and package is not None and world.why_refused(token, package, self.rules) is None
        return Truth(accepted=accepted, why=why, pulls=pulls, public=package is not None and package.is_public)

    def refusal(self, call: Call) -> web.Response:
        """403 `denied` at `/token`, 401 at the API and at the rest of the registry."""
        if call.listener is self.api:
            return self._api_answer(401, texts.message("Bad credentials", 401), limit=60)
        if call.path == "/token":
            return self._error(403, "DENIED", "denied")
        return self._challenged(call)

    def _token(self, secret: str | None) -> Token | None:
        return next((token for token in self.tokens.values() if token.secret == secret), None)

    def _live(self, secret: str | None) -> Token | None:
        token = self._token(secret)
        return token if token is not None and token.is_live(self.clock()) else None

    async def _registry(self, call: Call) -> web.Response:
        if self.rules.incident == "api_ok_ghcr_down":
            return self._error(503, "UNAVAILABLE", "service unavailable")
        if self.rules.rate_429:
            if self.rules.rate_429 is not True:
                self.switch(rate_429=self.rules.rate_429 - 1)
            return self._error(429, "TOOMANYREQUESTS", texts.THROTTLED)
        if call.path == "/token":
            return self._exchange(call) if call.method == "GET" else self._error(405, "UNSUPPORTED", "The operation is unsupported.")
        part = texts.PART.fullmatch(call.path)
        if call.path != "/v2/" and part is None:
            return web.Response(status=404, text="404 page not found\n", headers=self._fields())
        if (refused := self._bearer_refused(call)) is not None:
            return refused
        if part is None:
            return answer_json(200, b"{}", self._fields())
        return self._content(call, part["name"], part["part"], part["reference"])

    def _exchange(self, call: Call) -> web.Response:
        """`GET /token`; a bearer counts as no credential there."""
        scopes = " ".join(call.request.query.getall("scope", [])).split()
        if call.kind == "basic":
            if self.rules.token_endpoint == "echoes":
                return self._issue(texts.to_base64(call.secret or ""))
            token = self._live(call.secret)
            if token is None or self.rules.incident == "token_403_all":
                call.refused = True
                return self._error(403, "DENIED", "denied")
            return self._issue(texts.to_base64(token.secret))
        wanted = scopes[0] if scopes else texts.PLACEHOLDER
        _, _, rest = wanted.partition(":")
        name, _, actions = rest.rpartition(":")
        package = self.packages.get(name)
        if package is None or actions != "pull" or (not package.is_public and self.rules.anon_private == 403):
            return self._error(403, "DENIED", texts.REQUESTED)
        if not package.is_public:
            return self._error(401, "UNAUTHORIZED", "authentication required")
        return self._issue(texts.to_base64(f"v1:{name}:{int(self.clock())}"))

    def _bearer_refused(self, call: Call) -> web.Response | None:
        """The answer to whoever is stopped before anything is looked up; None: goes on."""
        if call.kind == "none":
            return self._challenged(call)
        if call.kind != "bearer":
            return self._error(403, "DENIED", "invalid token")
        if not call.bearer:
            return self._error(401, "UNAUTHORIZED", "authentication token not provided")
        if texts.RAW_TOKEN.match(call.bearer):
            return self._error(403, "DENIED", "denied")
        if texts.from_base64(call.bearer) is None:
            return self._error(401, "UNAUTHORIZED", texts.UNAUTHENTICATED)
        return None

    def _content(self, call: Call, name: str, part: str, reference: str) -> web.Response:
        """A manifest or blob for a bearer that is base64 of something: of a live token, or of anything = anonymous."""
        text = texts.from_base64(call.bearer or "") or ""
        token = self._live(text) or self._live(text.partition(":")[2])
        package = self.packages.get(name)
        if package is not None and package.is_public and self.rules.incident == "public_401":
            return self._error(401, "UNAUTHORIZED", texts.UNAUTHENTICATED)
        if token is not None:
            if (refused := world.why_refused(token, package, self.rules)) is not None:
                return self._denied(token, refused)
        elif package is None or not package.is_public:
            if self.rules.token_endpoint == "echoes":
                return self._error(403, "DENIED", "denied")
            return self._error(401, "UNAUTHORIZED", texts.UNAUTHENTICATED)
        if package is None or (part == "blobs" and package.blob(reference) is None):
            return self._error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if part == "blobs":
            return web.Response(status=307, headers={**self._fields(), "Location": self.cdn.url(f"/ghcr1/blobs/{reference}?sig=x")})
        return self._manifest(call, package, reference)

    def _manifest(self, call: Call, package: Package, reference: str) -> web.Response:
        document = package.manifest(reference)
        if document is None:
            return self._error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        accepted = {text.split(";")[0].strip() for field in call.request.headers.getall("Accept", []) for text in field.split(",")}
        if document.media_type not in accepted and "*/*" not in accepted:
            kind, plural = ("index", "indexes") if "index" in document.media_type else ("manifest", "manifests")
            return self._error(404, "MANIFEST_UNKNOWN", f"OCI {kind} found, but Accept header does not support OCI {plural}")
        return document.response(self._fields())

    def _denied(self, token: Token, refused: Refused) -> web.Response:
        if refused is Refused.SCOPES:
            return self._error(403, "DENIED", texts.EXPECTED_SCOPES)
        if refused is Refused.SSO and self.rules.sso_status == 401:
            return self._error(401, "UNAUTHORIZED", "authentication required")
        return self._error(403, "DENIED", "denied" if token.kind is Kind.INSTALLATION else texts.READ_PACKAGE)

    async def _api(self, call: Call) -> web.Response:
        scheme, _, value = call.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() in ("token", "bearer"):
            call.present(None, value.strip())
        if not call.request.headers.get("User-Agent"):
            return web.Response(status=403, text=texts.NO_AGENT)
        if (stopped := self._api_stopped(call)) is not None:
            return stopped
        token = self._live(call.secret)
        package = texts.PACKAGE.fullmatch(call.path)
        if call.path == "/rate_limit":
            rate = {"limit": 5000 if token else 60, "remaining": 4999 if token else 59, "reset": int(self.clock()) + 3600, "used": 1}
            return self._api_answer(200, {"resources": {"core": rate}, "rate": rate}, token)
        if token is None and (call.path == "/user" or package):
            return self._api_answer(401, texts.message("Requires authentication", 401), limit=60)
        if token is not None and call.path == "/user":
            if token.kind in (Kind.INSTALLATION, Kind.ACTIONS):
                return self._forbidden(texts.INTEGRATION, token)
            return self._api_answer(200, {"login": token.owner, "id": 583231, "type": "User", "site_admin": False}, token)
        if token is not None and package is not None:
            return self._package(token, package["owner"], package["name"])
        return self._api_answer(404, texts.message("Not Found", 404), token)

    def _api_stopped(self, call: Call) -> web.Response | None:
        """Locks, limits and bad credentials, in the order in which GitHub looks at them; None: goes on."""
        now = self.clock()
        if self.rules.api_limit is not None:
            primary = self.rules.api_limit == "primary"
            text = f"API rate limit exceeded for {call.address}." if primary else "You have exceeded a secondary rate limit."
            fields = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(now) + 1800)} if primary else {"Retry-After": "60"}
            return self._api_answer(403, texts.message(text, 403), fields=fields, limit=60)
        if call.secret is None:
            return None
        if now < self._locked.get(call.address, 0):
            return self._forbidden(texts.LOCKED, None)
        if self._live(call.secret) is not None:
            return None
        call.refused = True
        self._bad[call.address] += 1
        if self.rules.api_bad_creds_lock_after is not None and self._bad[call.address] >= self.rules.api_bad_creds_lock_after:
            self._locked[call.address] = now + _LOCK_S
            self._bad[call.address] = 0
        return self.refusal(call)

    def _package(self, token: Token, owner: str, name: str) -> web.Response:
        package = self.packages.get(f"{owner}/{name.replace('%2F', '/')}")
        match world.why_refused(token, package, self.rules):
            case None if package is not None:
                content = {"id": 197, "name": name, "package_type": "container", "visibility": package.visibility}
                return self._api_answer(200, {**content, "owner": {"login": owner}}, token)
            case Refused.SSO:
                url = f"https://github.com/orgs/{owner}/sso?authorization_request=AZSCKL"
                return self._forbidden(texts.SSO, token, {"X-GitHub-SSO": f"required; url={url}"})
            case Refused.ADDRESS:
                return self._forbidden(texts.ADDRESS.format(owner), token)
            case Refused.LIFETIME:
                return self._forbidden(texts.LIFETIME.format(owner), token)
            case Refused.SCOPES:
                return self._forbidden(texts.SCOPE, token)
            case Refused.NO_RIGHT | None:
                return self._api_answer(404, texts.message("Not Found", 404), token)

    async def _cdn(self, call: Call) -> web.Response:
        if call.kind != "none":
            return web.Response(status=400, text="<?xml version='1.0'?><Error><Code>InvalidAuthenticationInfo</Code></Error>")
        blobs = (package.blob(call.path.rpartition("/")[2]) for package in self.packages.values())
        blob = next((one for one in blobs if one is not None), None)
        return web.Response(status=404) if blob is None else web.Response(body=blob.body, content_type="application/octet-stream")

    def _forbidden(self, text: str, token: Token | None, fields: dict[str, str] | None = None) -> web.Response:
        return self._api_answer(403, texts.message(text, 403), token, fields=fields)

    def _api_answer(
        self, status: int, content: object, token: Token | None = None, *, fields: dict[str, str] | None = None, limit: int = 5000
    ) -> web.Response:
        """The API's JSON with what its headers tell of `token`: scopes of classic ones, the end date."""
        told = {"X-RateLimit-Limit": str(limit), "X-GitHub-Request-Id": self._request_id()}
        if token is not None and token.kind in (Kind.CLASSIC, Kind.OAUTH, Kind.OLD):
            told["X-OAuth-Scopes"] = ", ".join(token.scopes)
        if token is not None and token.expires_at is not None and self.rules.expiration_header != "absent":
            told["github-authentication-token-expiration"] = texts.expiration(token.expires_at, self.rules.expiration_header)
        return answer_json(status, content, {**told, **(fields or {})}, media_type="application/json; charset=utf-8")

    def _challenged(self, call: Call) -> web.Response:
        part = texts.PART.fullmatch(call.path)
        scope = f"repository:{part['name']}:pull" if part else texts.PLACEHOLDER
        challenge = f'Bearer realm="{self.rules.realm or self.registry.url("/token")}",service="ghcr.io",scope="{scope}"'
        return self._error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})

    def _issue(self, token: str) -> web.Response:
        return answer_json(200, {"token": token}, self._fields())

    def _error(self, status: int, code: str, message: str, fields: dict[str, str] | None = None) -> web.Response:
        body = f'{{"errors":[{{"code":"{code}","message":"{message}"}}]}}\n'
        return answer_json(status, body.encode(), {**self._fields(), **(fields or {})})

    def _fields(self) -> dict[str, str]:
        return {"Docker-Distribution-Api-Version": "registry/2.0", "X-GitHub-Request-Id": self._request_id()}

    def _request_id(self) -> str:
        return ":".join(f"{self.random.getrandbits(bits):X}" for bits in (16, 24, 28, 28, 32))
