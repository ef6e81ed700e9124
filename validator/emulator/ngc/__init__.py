"""NGC (`nvcr.io`) as registries/ngc.md 9 says: registry with `/proxy_auth`, authn's `/token`, key introspection.

Listeners: `registry`, `authn`, `api`, and `foreign`, a host that owns nothing of NGC's (`realm="foreign"` names it).
Marks S and C of that page: where the truth is unknown our choice stands in `Quirks`.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs

from aiohttp import web

from validator.emulator.base import ALNUM, Call, Emulated, Planted, Settings, Truth, answer_json, find_document, letters, make_jwt, read_jwt
from validator.emulator.ngc.world import (
    USERNAME,
    Change,
    Key,
    Kind,
    Quirks,
    Repository,
    State,
    caller_info,
    default_keys,
    default_repositories,
    legacy,
    nvapi,
    permit,
    request_status,
    sak_info,
)

__all__ = ["USERNAME", "Key", "Kind", "Ngc", "Quirks", "Repository", "State"]

NGINX_401: Final = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n"
    b'<body bgcolor="white">\r\n<center><h1>401 Authorization Required</h1></center>\r\n'
    b"<hr><center>nginx/1.14.2</center>\r\n</body>\r\n</html>\r\n"
)
DENIED: Final = b'{"errors": [{"code": "DENIED", "message": "Access Denied"}]}'
EMPTY_SCOPE: Final = b'{"type":"about:blank","title":"Internal Server Error","status":500,"instance":"/token"}'

_PART: Final = re.compile(r"/v2/(?P<repository>.+)/(?P<part>manifests|blobs)/(?P<reference>[^/]+)")
_SCOPE: Final = re.compile(r"repository:(?P<name>[^:]+):(?P<actions>[^:]+)")


class Ngc(Emulated):
    """NGC with a planted world; `keys` by name, `repositories` by name, `quirks` in force."""

    name = "ngc"
    host = "nvcr.io"

    def __init__(self, *, clock: Callable[[], float] = time.time, seed: str = "validator") -> None:
        super().__init__(clock=clock, seed=seed)
        self.registry = self.listener("registry", self._registry)
        self.authn = self.listener("authn", self._authn)
        self.api = self.listener("api", self._api)
        self.foreign = self.listener("foreign", self._foreign)
        self.quirks = Quirks()
        self.keys: dict[str, Key] = {}
        self.repositories: dict[str, Repository] = {repository.name: repository for repository in default_repositories()}
        self._changes: list[Change] = []
        for key in default_keys(seed):
            self.add(key)

    def quirk(self, **changes: Any) -> None:
        """Change some of the quirks."""
        self.quirks = replace(self.quirks, **changes)

    def add(self, key: Key | Repository) -> None:
        """Plant a key or a repository, in place of one of the same name."""
        if isinstance(key, Repository):
            self.repositories[key.name] = key
            return
        self.keys[key.name] = key
        self.plant(key.name, key.secret)

    def change(self, name: str, **changes: Any) -> Key:
        """Change a key (`state=State.DELETED`, …); NGC itself sees it `lag_s` later."""
        former = self.keys[name]
        self._changes.append(Change(former.secret, former, self.clock()))
        self.keys[name] = replace(former, **changes)
        return self.keys[name]

    def regenerate(self, name: str) -> Key:
        """Make a new secret under `name`; the old one lives on, dead, as `NAME_old`. The new key is returned."""
        former = self.keys[name]
        number = sum(change.former is None for change in self._changes)
        secret = (legacy if former.kind is Kind.LEGACY else nvapi)(f"{self.seed} {name} {number}")
        self.change(name, state=State.REGENERATED)
        self.add(replace(self.keys[name], name=f"{name}_old"))
        self._changes.append(Change(secret, None, self.clock()))
        self.add(replace(former, secret=secret))
        return self.keys[name]

    def settings(self) -> Settings:
        plain = self.registry.ssl is None
        realms = [self.authn.authority, self.registry.authority]
        urls = {"endpoint": self.registry.url(), "api": self.api.url()}
        return {self.host: {**urls, "realm_hosts": realms, "plain_http": plain, "allow_private": True}}

    def planted(self) -> tuple[Planted, ...]:
        return tuple(Planted(key.name, USERNAME, key.secret, self.truth(USERNAME, key.secret).why) for key in self.keys.values())

    def truth(self, username: str, secret: str, repository: str | None = None) -> Truth:
        key = next((key for key in self.keys.values() if key.secret == secret), None)
        state = key.state_at(self.clock()) if key else None
        if key is None:
            why = "unknown key"
        elif state is not None and state is not State.ACTIVE:
            why = state.value
        elif username != USERNAME:
            why = "wrong username"
        else:
            why = "active" if key.has_registry else "no registry service"
        accepted = why == "active"
        if repository is None:
            return Truth(accepted=accepted, why=why)
        wanted = self.repositories.get(repository)
        here = wanted is not None and not wanted.geo_blocked
        pulls = accepted and here and permit(key, wanted) == 200
        return Truth(accepted=accepted, why=why, pulls=pulls, public=here and permit(None, wanted) == 200)

    def refusal(self, call: Call) -> web.Response:
        """401: of the registry with its challenge, of the introspection with its JSON, of a token endpoint with nothing."""
        if call.listener is self.registry and call.path.startswith("/v2"):
            return self._challenged(self._scope_of(call))
        if call.listener is self.api:
            return answer_json(401, request_status("UNAUTHORIZED", "Invalid API key.", self._uuid()))
        return web.Response(status=401)

    def _seen(self, secret: str) -> Key | None:
        """The key of `secret` as NGC's caches know it now, only if it is live."""
        now = self.clock()
        key = next((key for key in self.keys.values() if key.secret == secret), None)
        lagging = [change for change in self._changes if change.secret == secret and now < change.at + self.quirks.lag_s]
        if lagging:
            key = lagging[0].former
        return key if key is not None and key.state_at(now) is State.ACTIVE else None

    async def _registry(self, call: Call) -> web.Response:
        if call.path == {"moved_path": "/moved_auth"}.get(self.quirks.realm, "/proxy_auth"):
            return self._token(call, anonymous=True)
        if call.path == "/v2":
            return web.Response(status=301, headers={"Location": "/v2/"})
        part = _PART.fullmatch(call.path)
        if call.path != "/v2/" and part is None:
            return web.Response(status=404)
        if call.kind != "bearer":
            return self._challenged(self._scope_of(call))
        claims = read_jwt(call.bearer or "")
        scope = f',scope="repository:{part["repository"]}:pull"' if part else ""
        if claims is None or claims["aud"] != "registry" or claims["exp"] <= self.clock():
            realm = self.authn.url("/token")
            return _nginx_401(f'Bearer realm="{realm}",service="registry"{scope},error="invalid_token"')
        if part is None:
            return answer_json(200, b"{}", {"Docker-Distribution-Api-Version": "registry/2.0"})
        if not any(entry["name"] == part["repository"] for entry in claims["access"]):
            return _nginx_401(f'Bearer realm="{self._realm()}"{scope},error="insufficient_scope"')
        return self._content(call, part)

    def _content(self, call: Call, part: Mapping[str, str] | re.Match[str]) -> web.Response:
        if call.method not in ("GET", "HEAD"):
            return answer_json(405, {"errors": [{"code": "UNSUPPORTED", "message": "The operation is unsupported."}]})
        repository = self.repositories.get(part["repository"])
        if repository is not None and repository.geo_blocked:
            return web.Response(status=451)
        tags = repository.tags if repository else {}
        document = find_document(tags, part["part"], part["reference"], call.request.headers.getall("Accept", []))
        if document is None:
            code = "BLOB_UNKNOWN" if part["part"] == "blobs" else "MANIFEST_UNKNOWN"
            return answer_json(404, {"errors": [{"code": code, "message": code.lower().replace("_", " ")}]})
        return document.response()

    async def _authn(self, call: Call) -> web.Response:
        query = call.request.query.get("service")
        if call.path != "/token":
            return web.Response(status=404)
        if query == "ngc":
            value = call.request.headers.get("Authorization", "")
            if value.startswith("ApiKey "):
                call.present(None, value.removeprefix("ApiKey ").strip())
            key = self._seen(call.secret or "")
            if key is None or key.kind is not Kind.LEGACY:
                return self._refused(call)
            return answer_json(200, {"token": self._jwt("ngc", key.name, []), "expires_in": self.quirks.token_life_s})
        if query != "registry":
            return self._refused(call)
        return self._token(call, anonymous=False)

    def _token(self, call: Call, *, anonymous: bool) -> web.Response:
        """A token endpoint; `anonymous`: it serves clients without an Authorization."""
        scopes = call.request.query.getall("scope", [])
        if "" in scopes and any(scopes):
            return answer_json(500, EMPTY_SCOPE, media_type="application/problem+json")
        wanted = [match["name"] for scope in " ".join(scopes).split() if (match := _SCOPE.fullmatch(scope))]
        if call.kind == "none":
            if not anonymous:
                return web.Response(status=401)
            if any(permit(None, self.repositories.get(name)) != 200 for name in wanted):
                return _denied() if self.quirks.anon_private == 403 else web.Response(status=401)
            return self._issued("anonymous", wanted)
        key = self._seen(call.secret or "") if call.username == USERNAME else None
        if self.quirks.accept_anything and call.kind == "basic":
            return self._issued(key.name if key else "anybody", wanted)
        if key is None:
            return self._refused(call)
        if not key.has_registry:
            if self.quirks.serviceless == "login_ok" and not wanted:
                return self._issued(key.name, [])
            return self._refused(call) if self.quirks.serviceless == "401" else _denied()
        says = {permit(key, self.repositories.get(name)) for name in wanted} - {200}
        if says:
            return _denied() if 403 in says else web.Response(status=402)
        return self._issued(key.name, wanted)

    async def _api(self, call: Call) -> web.Response:
        if call.path not in ("/v3/keys/get-caller-info", "/v3/keys/get-sak-info"):
            return answer_json(404, request_status("NOT_FOUND", "Not found.", self._uuid()))
        if call.method != "POST":
            return web.Response(status=405)
        text = (await call.request.read()).decode(errors="replace")
        given = parse_qs(text, keep_blank_values=True).get("credentials")
        if call.request.content_type != "application/x-www-form-urlencoded" or given is None:
            return answer_json(400, request_status("INVALID_REQUEST", "Invalid request.", self._uuid()))
        call.present(None, given[0])
        key = self._seen(given[0])
        if key is None or key.kind is Kind.LEGACY:
            return self.refusal(call)
        if call.path.endswith("caller-info"):
            return answer_json(200, caller_info(key), {"Cache-Control": "max-age=360"})
        if key.kind is not Kind.SERVICE:
            return answer_json(403, request_status("FORBIDDEN", "Not a service key.", self._uuid()))
        return answer_json(200, sak_info(key), {"Cache-Control": "max-age=360"})

    async def _foreign(self, call: Call) -> web.Response:
        return answer_json(200, {"token": self._jwt("registry", "foreign", []), "expires_in": 600})

    def _realm(self) -> str:
        match self.quirks.realm:
            case "old":
                return self.registry.url("/proxy_auth")
            case "new":
                return self.authn.url("/token")
            case "foreign":
                return self.foreign.url("/token")
            case "http":
                return f"http://{self.registry.authority}/proxy_auth"
            case "moved_path":
                return self.registry.url("/moved_auth")

    def _scope_of(self, call: Call) -> str | None:
        part = _PART.fullmatch(call.path)
        return f"repository:{part['repository']}:pull" if part else None

    def _challenged(self, scope: str | None) -> web.Response:
        if self.quirks.no_challenge:
            return _nginx_401(None)
        if self.quirks.basic_challenge:
            return _nginx_401('Basic realm="nvcr.io"')
        challenge = f'Bearer realm="{self._realm()}"' + (',service="registry"' if self.quirks.realm == "new" else "")
        if scope is None and self.quirks.challenge_2020:
            return _nginx_401(challenge)
        return _nginx_401(f'{challenge},scope="{scope or ""}"')

    def _refused(self, call: Call) -> web.Response:
        call.refused = call.kind != "none"
        return web.Response(status=401)

    def _issued(self, subject: str, repositories: list[str]) -> web.Response:
        token = "" if self.quirks.token_blank else self._jwt("registry", subject, repositories)
        return answer_json(200, {self.quirks.token_field: token, "expires_in": self.quirks.token_life_s})

    def _jwt(self, audience: str, subject: str, repositories: list[str]) -> str:
        now = int(self.clock())
        access = [{"type": "repository", "name": name, "actions": ["pull"], "metadata": None} for name in repositories]
        times = {"exp": now + self.quirks.token_life_s, "iat": now, "jti": self._uuid()}
        claims = {"sub": letters(f"{self.seed} {subject}", 26, ALNUM), "aud": audience, "access": access, "iss": "authn.nvidia.com"}
        token = make_jwt({**claims, "options": [], **times})
        self.plant(f"bearer of {subject}", token)
        return token

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))


def _nginx_401(challenge: str | None) -> web.Response:
    fields = {"Content-Type": "text/html", "Server": "nginx/1.14.2"}
    return web.Response(status=401, body=NGINX_401, headers=fields if challenge is None else {**fields, "Www-Authenticate": challenge})


def _denied() -> web.Response:
    return answer_json(403, DENIED, media_type="text/plain")
