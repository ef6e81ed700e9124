"""Docker Hub (`docker.io`) as registries/dockerhub.md 9 says: `registry-1.docker.io` and `auth.docker.io`.

Listeners: `registry`, `auth`, and `foreign`, a host that owns nothing of Docker's (`realm="foreign"` names it). The
token endpoint checks the secret, the registry checks the right; unknown truths are our choice in `Quirks`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from validator.emulator.base import (
    BASE64URL,
    Call,
    Emulated,
    Planted,
    Settings,
    Truth,
    answer_json,
    find_document,
    letters,
    make_jwt,
    read_jwt,
)
from validator.emulator.dockerhub import world
from validator.emulator.dockerhub.limits import WINDOW_S, LoginLock, PullMeter
from validator.emulator.dockerhub.world import ANONYMOUS, Account, Level, Outage, Party, Quirks, Repository, State, Token, actions

__all__ = ["Account", "DockerHub", "Level", "Outage", "Quirks", "Repository", "State", "Token"]

SERVICE: Final = "registry.docker.io"
HTML_503: Final = b"<html><body><h1>503 Service Unavailable</h1>No server is available to handle this request.</body></html>"
EMBARGO: Final = (
    b"<html><body><h1>403 Forbidden</h1>\nSince Docker is a US company, we must comply with US export control regulations. "
    b"In an effort to comply with these, we now block all IP addresses that are located in Cuba, Iran, North Korea, Republic "
    b"of Crimea, and Syria.</body></html>"
)

_ABSENT: Final = object()
_PART: Final = re.compile(r"/v2/(?P<name>.+)/(?P<part>manifests|blobs)/(?P<reference>[^/]+)")
_SCOPE: Final = re.compile(r"repository:(?P<name>[^:]+):(?P<actions>[^:]+)")


class DockerHub(Emulated):
    """Docker Hub with a planted world: `accounts`, `tokens`, `repositories` by name, `quirks` in force.

    `logins` counts refused logins by name and by address and holds the locks; `pulls` is the quota.
    """

    name = "dockerhub"
    host = "docker.io"

    def __init__(self, *, clock: Callable[[], float] = time.time, seed: str = "validator") -> None:
        super().__init__(clock=clock, seed=seed)
        self.registry = self.listener("registry", self._registry)
        self.auth = self.listener("auth", self._auth)
        self.foreign = self.listener("foreign", self._foreign)
        self.quirks = Quirks()
        self.accounts = {account.name: account for account in world.default_accounts()}
        self.tokens = {token.name: token for token in world.default_tokens(seed)}
        self.repositories = {repository.name: repository for repository in world.default_repositories()}
        self.logins = LoginLock(until={"lena": float("inf")})
        self.pulls = PullMeter()
        for account in self.accounts.values():
            self.add(account)
        for token in self.tokens.values():
            self.add(token)

    def quirk(self, **changes: Any) -> None:
        """Change some of the quirks."""
        self.quirks = replace(self.quirks, **changes)

    def add(self, entry: Account | Token | Repository) -> None:
        """Plant an account, a token or a repository, in place of one of the same name."""
        match entry:
            case Account():
                self.accounts[entry.name] = entry
                if entry.password is not None:
                    self.plant(f"password of {entry.name}", entry.password)
            case Token():
                self.tokens[entry.name] = entry
                self.plant(entry.name, entry.secret)
            case Repository():
                self.repositories[entry.name] = entry

    def change(self, name: str, **changes: Any) -> Token:
        """Change a token (`state=State.DEACTIVATED`, …)."""
        self.add(replace(self.tokens[name], **changes))
        return self.tokens[name]

    def settings(self) -> Settings:
        plain = self.registry.ssl is None
        registry = {"endpoint": self.registry.url(), "realm_hosts": [self.auth.authority], "plain_http": plain, "allow_private": True}
        return {self.host: registry}

    def planted(self) -> tuple[Planted, ...]:
        passwords = [(f"password of {one.name}", one.name, one.password) for one in self.accounts.values() if one.password is not None]
        tokens = [(token.name, token.account, token.secret) for token in self.tokens.values()]
        return tuple(Planted(name, user, secret, self.truth(user, secret).why) for name, user, secret in (*tokens, *passwords))

    def truth(self, username: str, secret: str, repository: str | None = None) -> Truth:
        login = self._known(username, secret)
        party, why = login.party, login.state
        if self.logins.is_locked(username, self.clock()):
            party, why = None, "locked"
        if repository is None:
            return Truth(accepted=party is not None, why=why)
        wanted = self.repositories.get(repository)
        pulls = party is not None and wanted is not None and "pull" in actions(party, repository, wanted)
        if pulls and party is not None and party.account is not None and wanted is not None:
            pulls = party.account.name not in wanted.barred
        return Truth(accepted=party is not None, why=why, pulls=pulls, public=wanted is not None and not wanted.private)

    def refusal(self, call: Call) -> web.Response:
        """401 in the realm's words at `auth`, the challenge at the registry."""
        return _details(401, world.REFUSED) if call.listener is self.auth else self._challenged(_PART.fullmatch(call.path))

    def _known(self, username: str, secret: str) -> world.Login:
        return world.identify(username, secret, self.accounts, self.tokens, self.clock())

    def _illness(self) -> web.Response | None:
        if self.quirks.embargo:
            return answer_json(403, EMBARGO, media_type="text/html")
        if self.quirks.outage is Outage.HTML_503:
            return answer_json(503, HTML_503, media_type="text/html")
        if self.quirks.abuse_429:
            return answer_json(429, b"Too Many Requests", media_type="text/plain")
        return None

    async def _auth(self, call: Call) -> web.Response:
        ill = self._illness()
        if ill is not None or call.path != "/token":
            return ill or web.Response(status=404)
        fields: Mapping[str, str] = call.request.query
        scopes = call.request.query.getall("scope", [])
        if call.method == "POST":
            form = await call.request.post()
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            scopes = [fields.get("scope", "")]
            if fields.get("grant_type") != "password":
                return _details(400, "unsupported grant type")
            call.present(fields.get("username", ""), fields.get("password", ""))
        elif call.method != "GET":
            return web.Response(status=405)
        party = self._login(call, fields)
        return party if isinstance(party, web.Response) else self._grant(call, party, fields, scopes)

    def _login(self, call: Call, fields: Mapping[str, str]) -> Party | web.Response:
        """Who asks, or the refusal. A login with an empty secret is no login: it is anonymous."""
        given = call.kind == "basic" or call.method == "POST"
        if self.quirks.outage is Outage.ALL_401:
            return self._refuse(call, world.REFUSED) if given else _details(401, "authentication required")
        if not given or call.secret == "":
            return ANONYMOUS if given or call.kind == "none" else _details(401, world.REFUSED)
        if call.secret is None or call.username is None:
            return self._refuse(call, world.REFUSED)
        if self.logins.is_locked(call.username, self.clock()):
            call.refused = True
            return _details(429, world.LOCKED)
        if self.quirks.require_account and fields.get("account", fields.get("username")) != call.username:
            return _details(400, "account parameter is required")
        login = self._known(call.username, call.secret)
        party = login.party
        outage = self.quirks.outage
        if outage is Outage.SSO_WORDS:
            return self._refuse(call, world.SSO_ENFORCED)
        if outage is Outage.PAT_401 and (call.secret.startswith(("dckr_pat_", "dckr_oat_")) or (party and party.token)):
            return self._refuse(call, world.REFUSED)
        if party is None:
            return self._refuse(call, login.text)
        self.logins.accepted(call.username)
        return party

    def _refuse(self, call: Call, text: str) -> web.Response:
        """Count it for the name and the address, lock the name when it is enough."""
        call.refused = True
        self.logins.refused(call.username or "", call.address, self.clock(), after=self.quirks.lock_after, lock_s=self.quirks.lock_s)
        return _details(403 if text == world.NOT_ACTIVE else 401, text)

    def _grant(self, call: Call, party: Party, fields: Mapping[str, str], scopes: list[str]) -> web.Response:
        """A token cut to what is allowed. A personal token asked for more than its level is told so instead."""
        access: list[dict[str, Any]] = []
        asked = [match for scope in " ".join(scopes).split() if (match := _SCOPE.fullmatch(scope))]
        for match in asked:
            wanted = set(match["actions"].split(","))
            may = wanted & actions(party, match["name"], self.repositories.get(match["name"]))
            token = party.token
            over = token is not None and token.level in (Level.PUBLIC_READ, Level.READ) and "push" in wanted
            lacks = token is not None and "pull" in wanted - may and self._owns(party, match["name"])
            if over or (lacks and self.quirks.narrow_at == "token"):
                return _details(401, world.NARROW)
            if may and not (self.quirks.multi_scope_bug and len(asked) > 1):
                limit = self._limit(party.account)
                quota = {} if limit is None else {"pull_limit": str(limit), "pull_limit_interval": str(WINDOW_S)}
                access.append({"actions": sorted(may), "name": match["name"], "parameters": quota, "type": "repository"})
        now = self.clock() + self.quirks.clock_skew
        subject = party.account.id if party.account else ""
        times = {"exp": int(now) + self.quirks.token_ttl, "iat": int(now), "nbf": int(now) - 300}
        jti = f"dckr_jti_{letters(str(self.random.random()), 27, BASE64URL)}="
        audience = fields.get("service", SERVICE)
        jwt = make_jwt({"access": access, "aud": audience, "iss": "auth.docker.io", "jti": jti, "sub": subject, **times})
        self.plant(f"bearer of {party.account.name if party.account else 'anonymous'}", jwt)
        issued = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        content = {"access_token": jwt, "expires_in": self.quirks.token_ttl, "issued_at": issued}
        offline = fields.get("offline_token") == "true" or fields.get("access_type") == "offline"
        more = {"scope": " ".join(scopes)} if call.method == "POST" else {"token": jwt}
        refresh = {"refresh_token": f"dckr_rt_{letters(jti, 27, BASE64URL)}"} if offline else {}
        return answer_json(200, {**more, **content, **refresh})

    def _owns(self, party: Party, name: str) -> bool:
        repository = self.repositories.get(name)
        account = party.account.name if party.account else ""
        return account == name.partition("/")[0] or (repository is not None and account in repository.members)

    async def _registry(self, call: Call) -> web.Response:
        ill = self._illness()
        part = _PART.fullmatch(call.path)
        if ill is not None or (part is None and call.path != "/v2/"):
            return ill or web.Response(status=404)
        if call.kind != "bearer":
            return self._challenged(part)
        claims = read_jwt(call.bearer or "")
        now = self.clock()
        if claims is None or claims["aud"] != SERVICE or not claims["nbf"] - 60 <= now < claims["exp"] + 60:
            return self._challenged(part, "invalid_token")
        if part is None:
            return answer_json(200, b"{}", _fields())
        if not any(entry["name"] == part["name"] and "pull" in entry["actions"] for entry in claims["access"]):
            return self._challenged(part, "insufficient_scope")
        account = next((account for account in self.accounts.values() if account.id == claims["sub"]), None)
        return self._content(call, part, account)

    def _content(self, call: Call, part: re.Match[str], account: Account | None) -> web.Response:
        if call.method not in ("GET", "HEAD"):
            return _errors(405, "UNSUPPORTED", "The operation is unsupported.")
        repository = self.repositories.get(part["name"])
        if repository is None:
            return _errors(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": part["name"]})
        if account is not None and account.name in repository.barred:
            text = f"image access restricted: {part['name']} blocked for organization {repository.namespace}"
            return _errors(403, "DENIED", text)
        accept = call.request.headers.getall("Accept", [])
        document = find_document(repository.tags, part["part"], part["reference"], accept)
        if part["part"] == "blobs":
            return document.response(_fields()) if document else _errors(404, "BLOB_UNKNOWN", "blob unknown to registry")
        quota: dict[str, str] = {}
        over, limit = False, self._limit(account)
        if limit is not None:
            source = call.address if account is None else account.id
            quota, over = self.pulls.take(source, limit, self.clock(), counts=call.method == "GET" and document is not None)
        if over and (call.method == "GET" or self.quirks.head_429):
            return _errors(429, "TOOMANYREQUESTS", world.PULL_LIMIT_ANONYMOUS if account is None else world.PULL_LIMIT, fields=quota)
        if document is None:
            return _errors(404, "MANIFEST_UNKNOWN", "manifest unknown", {"Tag": part["reference"]}, fields=quota)
        return document.response(_fields(quota))

    def _limit(self, account: Account | None) -> int | None:
        """Pulls in 6 h; None: no limit, and no fields that tell one."""
        if account is not None and account.paid:
            return None
        return self.quirks.pull_limit if self.quirks.pull_limit is not None else 100 if account is None else 200

    def _challenged(self, part: re.Match[str] | None, error: str | None = None) -> web.Response:
        realm = self.foreign.url("/token") if self.quirks.realm == "foreign" else self.auth.url("/token")
        scope = f',scope="repository:{part["name"]}:pull"' if part else ""
        challenge = f'Bearer realm="{realm}",service="{SERVICE}"{scope}' + (f',error="{error}"' if error else "")
        detail = [{"Type": "repository", "Class": "", "Name": part["name"], "Action": "pull"}] if part else None
        return _errors(401, "UNAUTHORIZED", "authentication required", detail, fields={"Www-Authenticate": challenge})

    async def _foreign(self, call: Call) -> web.Response:
        return answer_json(200, {"token": make_jwt({"aud": SERVICE, "access": [], "exp": 0, "nbf": 0, "sub": "foreign"})})


def _fields(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {"Docker-Distribution-Api-Version": "registry/2.0", "Strict-Transport-Security": "max-age=31536000", **(more or {})}


def _details(status: int, text: str) -> web.Response:
    """An error of the token endpoint, with the newline that it sends."""
    return answer_json(status, f'{{"details":"{text}"}}\n'.encode())


def _errors(status: int, code: str, text: str, detail: object = _ABSENT, *, fields: Mapping[str, str] | None = None) -> web.Response:
    """An error of the registry; its JSON has no blanks and, for some, a `detail` that is null, as recorded."""
    error = {"code": code, "message": text, **({} if detail is _ABSENT else {"detail": detail})}
    body = json.dumps({"errors": [error]}, separators=(",", ":")).encode()
    return answer_json(status, body + b"\n", _fields(fields))
