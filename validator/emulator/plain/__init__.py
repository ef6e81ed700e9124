"""One registry of no vendor that can behave in every way the generic rules must bear: see `Options`.

    Plain()                                     an honest token registry, its realm on the listener `auth`
    Plain(HARBOR), Plain(HTPASSWD), …           presets of real ones
    plain.switch(login="anyone")                while it runs
    plain.stub("login", Canned(403), secret="good", times=1)

Listeners: `registry`, `auth` (a realm on another port) and `cdn` (where redirects go; it must never see a secret).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from aiohttp import web
from yarl import URL

from validator.emulator.base import Call, Listener, Settings, answer_json, letters, make_jwt
from validator.emulator.plain import answers, options, world
from validator.emulator.plain.answers import VERSION, Canned, Stub, error_answer
from validator.emulator.plain.options import CHALLENGES, GITEA, HARBOR, HTPASSWD, MISSING, NEXUS, NGINX, OPEN, ZOT, Options, Who
from validator.emulator.plain.world import Account, Populated, Repository

__all__ = ["CHALLENGES", "GITEA", "HARBOR", "HTPASSWD", "MISSING", "NEXUS", "NGINX", "OPEN", "ZOT"]
__all__ += ["Account", "Canned", "Options", "Plain", "Repository", "answers", "options", "world"]

Step: TypeAlias = Literal["ping", "login", "scoped", "head", "manifest", "blob"]

_PART: Final = re.compile(r"/v2/(?P<name>.+)/(?P<part>manifests|blobs)/(?P<reference>[^/]+)")
_SCOPE: Final = re.compile(r"repository:(?P<name>.+):(?P<actions>[^:]+)")
_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Party:
    """Who asks: an account; nobody (no account, `checked`); or a bad pair that was let in (no account, not `checked`)."""

    account: Account | None = None
    checked: bool = True


@dataclass(frozen=True, slots=True)
class _Token:
    party: _Party
    access: frozenset[str] | None


class Plain(Populated):
    """A registry with `accounts` and `repositories` by name and the `options` in force; `host` is its name in the settings."""

    name = "plain"
    host = "reg.test"

    def __init__(
        self, given: Options | None = None, *, clock: Callable[[], float] = time.time, seed: str = "validator", host: str = "reg.test"
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.registry_host = host
        self.registry = self.listener("registry", self._registry)
        self.auth = self.listener("auth", self._auth)
        self.cdn = self.listener("cdn", self._cdn)
        self.options = given or Options()
        self._tokens: dict[str, _Token] = {}
        self._stubs: dict[str, list[Stub]] = {}
        self._locked: dict[str, float] = {}

    def switch(self, **changes: Any) -> None:
        """Change some of the options."""
        self.options = replace(self.options, **changes)

    def stub(self, step: Step, canned: Canned, *, secret: str | None = None, times: int | None = None) -> None:
        """Answer this at `step` before anything else, for ever or so many `times`.

        `secret`: only to requests with the secret (or bearer token) of that planted name; "" to those with none; None to all.
        Stubs of one step are tried in the order in which they came.
        """
        self._stubs.setdefault(step, []).append(Stub(canned, secret, times))

    def unstub(self) -> None:
        """Forget all stubs."""
        self._stubs.clear()

    @property
    def realm(self) -> str:
        """The realm of the challenge, as it stands there."""
        return self.options.realm.replace("{own}", self.registry.url()).replace("{other}", self.auth.url())

    def settings(self) -> Settings:
        given = {**({"provider": self.provider} if self.provider else {}), "endpoint": self.registry.url(), "realm_hosts": [self.auth.authority]}
        return {self.registry_host: {**given, "plain_http": self.registry.ssl is None, "allow_private": True}}

    def refusal(self, call: Call) -> web.Response:
        """A refused login in the form of the options; at a Basic registry with its challenge."""
        if call.listener is self.registry and self.options.scheme == "bearer" and call.path.startswith("/v2/") and not self._at_realm(call):
            return self._challenged(call)
        message = self.options.refused_message
        if self.options.echo:
            message += f" for {call.username} {call.secret} {call.request.headers.get('Authorization')}"
        status, code = self.options.refused_status, self.options.refused_code
        answer = error_answer(self.options.error, status, code, message)
        if self.options.scheme == "basic" or self.options.repeat_challenge:
            self._add_challenge(answer, call)
        return answer

    def _judge(self, call: Call, step: Who) -> _Party | None:
        """Who the pair of a request is at a step; None: refused."""
        username, now = call.username or "", self.clock()
        known = [account for account in self.accounts.values() if account.username == username]
        if now >= self._locked.get(username, 0):
            for account in known:
                if account.secret == call.secret and account.state == "live":
                    return _Party(account)
        if not known and self.options.unknown_users == "anonymous":
            return _Party()
        if step == "anyone":
            return _Party(None, checked=False)
        if self.options.lock_s and now >= self._locked.get(username, 0):
            self._locked[username] = now + self.options.lock_s
        call.refused = True
        return None

    def reads(self, account: Account | None, repository: Repository) -> bool:
        return super().reads(account, repository) or (account is not None and account.may_pull and self.options.rights == "all")

    async def _registry(self, call: Call) -> web.Response:
        if self._at_realm(call):
            return self._finished(self._exchange(call))
        if call.path == "/v2":
            return web.Response(status=301, headers={"Location": "/v2/"})
        part = _PART.fullmatch(call.path)
        if part is None and call.path != "/v2/":
            return self._finished(self._retired(call) if call.path.endswith("/token") else web.Response(status=404))
        step: Step = "ping" if part is None else "blob" if part["part"] == "blobs" else "head" if call.method == "HEAD" else "manifest"
        answer = self._canned(step, call) or (self._ping(call) if part is None else self._content(call, *part.groups()))
        return self._finished(answer)

    async def _auth(self, call: Call) -> web.Response:
        return self._finished(self._exchange(call) if self._at_realm(call) else self._retired(call))

    async def _cdn(self, call: Call) -> web.Response:
        if call.kind != "none":
            return web.Response(status=400, text="only one auth mechanism is allowed")
        part = _PART.fullmatch(call.path)
        repository = self.repositories.get(part["name"]) if part is not None else None
        if part is None or repository is None:
            return web.Response(status=404)
        document = repository.document(part["part"], part["reference"], call.request.headers.getall("Accept", []))
        return document.response() if document is not None else web.Response(status=404)

    def _at_realm(self, call: Call) -> bool:
        """Whether a request is at the token endpoint that the challenge names; a relative realm is the registry's own."""
        try:
            realm = URL(self.registry.url("/v2/")).join(URL(self.realm))
        except ValueError:
            return False
        if self.options.scheme != "bearer" or not self.realm:
            return False
        ours: list[Listener] = [one for one in (self.registry, self.auth) if (realm.host, realm.port) == ("127.0.0.1", one.port)]
        return call.path == realm.path and call.listener in (ours or [self.auth])

    def _canned(self, step: Step, call: Call) -> web.Response | None:
        carried = call.secret if call.secret is not None else call.bearer
        name = "" if carried is None else self._names.get(carried, "unknown").removeprefix("bearer of ")
        for stub in self._stubs.get(step, []):
            if stub.secret in (None, name) and stub.left != 0:
                stub.left = None if stub.left is None else stub.left - 1
                call.refused = call.kind == "basic" and stub.canned.status in (401, 403)
                return stub.canned.response()
        return None

    def _retired(self, call: Call) -> web.Response:
        call.refused = call.kind == "basic"
        return error_answer(self.options.error, self.options.retired_status, "UNAUTHORIZED", "this endpoint is retired")

    def _exchange(self, call: Call) -> web.Response:
        """The token endpoint."""
        scopes = " ".join(call.request.query.getall("scope", [])).split()
        names = [match["name"] for match in map(_SCOPE.fullmatch, scopes) if match is not None]
        if (canned := self._canned("scoped" if scopes else "login", call)) is not None:
            return canned
        if call.method != "GET":
            return error_answer(self.options.error, self.options.post_status, "UNSUPPORTED", "the operation is unsupported")
        asked = call.request.query.get("service")
        if self.options.service is not None and self.options.stale_service is not None and asked not in (None, self.options.service):
            return error_answer("text", self.options.stale_service, "", f"Unable to handle service: {asked}")
        party = self._judge(call, self.options.scoped if scopes else self.options.login) if call.kind == "basic" else _Party()
        if party is None or (party == _Party() and not self._serves_nobody(names)):
            return self.refusal(call)
        return self._issued(party, names)

    def _serves_nobody(self, names: list[str]) -> bool:
        public = bool(names) and all(name in self.repositories and self.repositories[name].public for name in names)
        return self.options.anonymous_token == "always" or (self.options.anonymous_token == "public" and public)

    def _issued(self, party: _Party, names: list[str]) -> web.Response:
        granted = [name for name in names if name in self.repositories and self.reads(party.account, self.repositories[name])]
        granted = {"nothing": [], "everything": names, "honest": granted}[self.options.grant]
        name = party.account.name if party.account is not None else "anonymous" if party.checked else "anybody"
        now = int(self.clock())
        text = letters(f"{self.seed} {name} {self.random.getrandbits(64)}", 40)
        if self.options.token_form != "opaque":
            claims = {"iss": "plain", "aud": self.options.service, "iat": now, "nbf": now, "exp": now + 300, "jti": text}
            claims["sub"] = party.account.username if party.account else "" if party.checked or not self.options.named_subject else "?"
            access = {"access": answers.access_claim(names, granted)} if self.options.token_form == "jwt" else {}
            text = make_jwt({**claims, **access})
        if len(self._tokens) >= _KEPT:
            del self._tokens[oldest := next(iter(self._tokens))], self._names[oldest]
        self._tokens[text] = _Token(party, frozenset(granted) if self.options.token_form == "jwt" else None)
        self.plant(f"bearer of {name}", text)
        times = {"expires_in": self.options.expires_in, "issued_at": self.options.issued_at}
        told = {key: value for key, value in times.items() if value is not MISSING}
        return answer_json(200, {**answers.token_fields(self.options.fields, text), **told})

    def _ping(self, call: Call) -> web.Response:
        agent = call.request.headers.get("User-Agent", "")
        closed = self.options.docker_agent_401 and ("Docker-Client" in agent or agent.startswith("docker/"))
        party = _Party() if self.options.scheme == "none" else self._party(call, self.options.login)
        nobody = party == _Party() and call.kind != "bearer" and self.options.scheme != "none"
        if party is None or (nobody and (closed or self.options.ping == "guarded")):
            return self.refusal(call)
        return answer_json(200, b"{}", VERSION)

    def _party(self, call: Call, step: Who) -> _Party | None:
        """Who asks the registry itself; None: an Authorization that is refused, or of a kind that it does not take."""
        if call.kind == "none" or (self.options.docker_agent_401 and call.kind == "basic" and not call.username and not call.secret):
            return _Party()
        if call.kind == "bearer" and self.options.scheme == "bearer":
            token = self._tokens.get(call.bearer or "")
            return token.party if token is not None else None
        takes_basic = self.options.scheme == "basic" or self.options.basic_too
        return self._judge(call, step) if call.kind == "basic" and takes_basic else None

    def _content(self, call: Call, name: str, part: str, reference: str) -> web.Response:
        opts = self.options
        if call.kind == "bearer" and opts.invalid_token > 0:
            self.switch(invalid_token=opts.invalid_token - 1)
            return self._challenged(call, "invalid_token")
        repository = self.repositories.get(name)
        if opts.scheme != "none":
            party = self._party(call, opts.pull)
            if party is None:
                return self._challenged(call, "invalid_token") if call.kind == "bearer" else self.refusal(call)
            token = self._tokens.get(call.bearer or "")
            reads_all = not party.checked and opts.pull == "anyone"
            if token is not None and token.access is not None and name not in token.access and not reads_all:
                return self._denied(call, name, "401" if opts.denied == "403" else opts.denied)
            is_open = opts.scheme == "basic" and opts.ping == "open" and repository is not None and repository.public
            if party == _Party() and token is None and not is_open:
                return self._challenged(call)
            readable = repository is not None and (reads_all or self.reads(party.account, repository))
            if not readable and (repository is not None or opts.missing == "denied"):
                return self._denied(call, name, "401" if opts.denied == "403" and party.account is None else opts.denied)
        if repository is None:
            return error_answer("errors", 404, "NAME_UNKNOWN", "repository name not known to registry", VERSION)
        return self._served(call, repository, part, reference)

    def _served(self, call: Call, repository: Repository, part: str, reference: str) -> web.Response:
        opts = self.options
        if part == "manifests" and opts.head_405 and call.method == "HEAD":
            return error_answer("errors", 405, "UNSUPPORTED", "The operation is unsupported.", VERSION)
        document = repository.document(part, reference, call.request.headers.getall("Accept", []))
        if document is None:
            code = "MANIFEST_UNKNOWN" if part == "manifests" else "BLOB_UNKNOWN"
            return error_answer("errors", 404, code, code.lower().replace("_", " "), VERSION)
        if opts.policy_412:
            return error_answer("errors", 412, "PROJECTPOLICYVIOLATION", "current image with 7 vulnerabilities cannot be pulled")
        if opts.redirect_manifests if part == "manifests" else opts.redirect_blobs:
            return web.Response(status=307, headers={"Location": self.cdn.url(f"{call.path}?X-Signature=1")})
        answer = document.response({"Content-Type": opts.content_type} if opts.content_type is not None else None)
        if opts.digest == "none":
            del answer.headers["Docker-Content-Digest"]
        elif opts.digest == "wrong":
            answer.headers["Docker-Content-Digest"] = "x"
        return answer

    def _denied(self, call: Call, name: str, form: str) -> web.Response:
        return answers.denied(form, name) or self._challenged(call, "insufficient_scope")

    def _challenged(self, call: Call, error: str | None = None) -> web.Response:
        form = "errors" if self.options.error == "empty" else self.options.error
        answer = error_answer(form, 401, "UNAUTHORIZED", "authentication required", VERSION)
        self._add_challenge(answer, call, error)
        return answer

    def _add_challenge(self, answer: web.Response, call: Call, error: str | None = None) -> None:
        part = _PART.fullmatch(call.path)
        scope = f',scope="repository:{part["name"]}:pull"' if part is not None else ""
        for template in self.options.challenge:
            value = answers.fill(template, realm=self.realm, service=self.options.service or "").replace("{scope}", scope)
            answer.headers.add("WWW-Authenticate", value + (f',error="{error}"' if error is not None and "Bearer" in template else ""))

    def _finished(self, answer: web.Response) -> web.Response:
        if self.options.cookies:
            answer.headers["Set-Cookie"] = "sid=0123456789; Path=/"
            answer.headers["Link"] = '<https://evil.test/>; rel="next"'
        return answer
