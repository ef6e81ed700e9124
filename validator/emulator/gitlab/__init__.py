"""GitLab's container registry as registries/gitlab.md 3, 5, 6 and 9 tell: gitlab.com, or a self-managed one.

Listeners: `registry` (`/v2/`), `gitlab` (another port: `/jwt/auth`, `/api/v4/personal_access_tokens/self`, the dependency
proxy's `/v2/`) and `cdn` (where blobs are redirected to; it must never see a secret).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from validator.emulator.base import Call, Emulated, Planted, Settings, Truth, answer_json, find_document, make_jwt, read_jwt
from validator.emulator.gitlab import texts, world
from validator.emulator.gitlab.world import JOB_USER, Ban, Kind, Project, Rules, Secret, State

__all__ = ["Ban", "Gitlab", "Kind", "Project", "Rules", "Secret", "State", "world"]

SERVICE: Final = "container_registry"
PROXY_SERVICE: Final = "dependency_proxy"


class Gitlab(Emulated):
    """GitLab with a planted world: `secrets` and `projects` by name, `rules` in force (change them with `switch`).

    `host` is the registry's name in the settings; `self_managed` takes the defaults of one (bearer tokens of 5 minutes, no
    ban unless `switch(ban=world.SELF_MANAGED)`), else gitlab.com's (15 minutes, 300 refusals a minute). `root` is a relative
    root (`/gitlab`) of GitLab's own URL.
    """

    name = "gitlab"
    host = "registry.gitlab.com"

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        seed: str = "validator",
        host: str = "registry.gitlab.com",
        self_managed: bool = False,
        root: str = "",
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.registry_host = host
        self.root = root
        self.self_managed = self_managed
        self.registry = self.listener("registry", self._registry)
        self.gitlab = self.listener("gitlab", self._gitlab)
        self.cdn = self.listener("cdn", self._cdn)
        self.rules = Rules() if self_managed else Rules(ban=world.GITLAB_COM, token_life_s=900)
        self.secrets: dict[str, Secret] = {}
        self.projects: dict[str, Project] = {project.path: project for project in world.default_projects()}
        self._failures: dict[str, deque[float]] = {}
        self._banned: dict[str, float] = {}
        for secret in world.default_secrets(seed):
            self.add(secret)

    def add(self, secret: Secret) -> None:
        """Plant a secret, or put it in the place of the one of its name."""
        self.secrets[secret.name] = secret
        self.plant(secret.name, secret.secret)

    def change(self, name: str, **changes: Any) -> Secret:
        """Change a secret: `change("good", state=State.REVOKED)`."""
        self.secrets[name] = replace(self.secrets[name], **changes)
        return self.secrets[name]

    def publish(self, project: Project) -> None:
        """Add or replace a project."""
        self.projects[project.path] = project

    def switch(self, **changes: Any) -> None:
        """Change some of the rules."""
        self.rules = replace(self.rules, **changes)

    def ban(self, address: str = "127.0.0.1") -> None:
        """Ban an address now, as long as the rules say (an hour if they say nothing)."""
        rule = self.rules.ban or world.SELF_MANAGED
        self.switch(ban=rule)
        self._banned[address] = self.clock() + rule.bantime_s

    @property
    def realm(self) -> str:
        """The realm of its challenges."""
        return self.rules.realm or self.gitlab.url(f"{self.root}/jwt/auth")

    def settings(self) -> Settings:
        urls = {"endpoint": self.registry.url(), "api": self.gitlab.url(self.root), "realm_hosts": [self.gitlab.authority]}
        settings = {**urls, "introspect": True, "plain_http": self.registry.ssl is None, "allow_private": True}
        return {self.registry_host: {"provider": "gitlab", **settings} if self.self_managed else settings}

    def planted(self) -> tuple[Planted, ...]:
        return tuple(Planted(one.name, one.username, one.secret, one.state.value) for one in self.secrets.values())

    def truth(self, username: str, secret: str, repository: str | None = None) -> Truth:
        known = next((one for one in self.secrets.values() if one.secret == secret), None)
        found = self._authenticated(username, secret)
        why = "unknown secret" if known is None else known.state.value
        if known is not None and found is None and known.state is State.LIVE:
            why = "the username does not belong to it"
        if found is not None and not found.has_registry_ability:
            why = "no registry scope"
        accepted = found is not None and (found.has_registry_ability or not self.rules.ability_check)
        if repository is None:
            return Truth(accepted=accepted, why=why)
        project = self._project(repository)
        public = project is not None and world.may_pull(None, project)
        pulls = accepted and project is not None and world.may_pull(found, project)
        return Truth(accepted=accepted, why=why, pulls=pulls, public=public)

    def refusal(self, call: Call) -> web.Response:
        """401: at `/jwt/auth` and the API with JSON, at the registry with its challenge."""
        if call.listener is self.gitlab and not call.path.startswith("/v2/"):
            if "/api/" in call.path:
                return answer_json(401, {"message": "401 Unauthorized"})
            message = texts.ACCESS_DENIED[self.rules.body]
            if self.rules.body_2fa_old and self._waits_for_two_factor(call):
                message = texts.ACCESS_DENIED_2FA_OLD
            return answer_json(401, {"errors": [{"code": "UNAUTHORIZED", "message": message}]})
        return self._challenged(call)

    def _waits_for_two_factor(self, call: Call) -> bool:
        return any(one.secret == call.secret and one.state is State.TWO_FACTOR for one in self.secrets.values())

    def _authenticated(self, username: str | None, secret: str | None) -> Secret | None:
        return world.authenticated(self.secrets.values(), username, secret, password_fault=self.rules.password_fault)

    def _project(self, repository: str) -> Project | None:
        return world.project_of(self.projects, repository)

    async def _gitlab(self, call: Call) -> web.Response:
        banned = self.clock() < self._banned.get(call.address, 0)
        if banned and self.rules.ban is not None and self.rules.ban.scope == "everything":
            return web.Response(status=403, text=texts.BANNED["everything"])
        path = call.path.removeprefix(self.root) if call.path.startswith(f"{self.root}/") else ""
        if path == "/jwt/auth" and call.method == "GET":
            return self._edge() or self._jwt_auth(call)
        if path == "/api/v4/personal_access_tokens/self":
            return self._introspect(call)
        if call.path.startswith("/v2/"):
            return self._dependency_proxy(call)
        return texts.html(404, texts.HTML_404)

    def _edge(self) -> web.Response | None:
        """What answers before GitLab's login does."""
        if self.rules.html_403:
            return texts.html(403, texts.HTML_403)
        if self.rules.html_401:
            return texts.html(401, texts.HTML_401)
        if self.rules.maintenance:
            return texts.html(503, texts.HTML_503)
        if self.rules.retry_later:
            if self.rules.retry_later is not True:
                self.switch(retry_later=self.rules.retry_later - 1)
            return texts.retry_later(self.clock(), self.rules.retry_after)
        return None

    def _jwt_auth(self, call: Call) -> web.Response:
        with_basic = call.kind == "basic" and not self.rules.strip_authorization
        if self.rules.without_header_500 and (not with_basic or not call.secret):
            return texts.html(500, texts.HTML_500)
        user: Secret | None = None
        if with_basic:
            if self.clock() < self._banned.get(call.address, 0) and call.username != JOB_USER and self.rules.ban is not None:
                return web.Response(status=403, text=texts.BANNED[self.rules.ban.text])
            user = self._authenticated(call.username, call.secret)
            if user is None and self.rules.bad_basic == "refuse":
                return self._refused(call)
            if user is not None:
                self._failures.pop(call.address, None)
                if self.rules.too_many_ips:
                    return web.Response(status=403, headers={"Retry-After": "3600"})
                if self.rules.external_authorization and user.kind is Kind.DEPLOY:
                    return texts.forbidden()
                if self.rules.ability_check and not user.has_registry_ability:
                    return texts.forbidden()
        service = call.request.query.get("service")
        if service == PROXY_SERVICE:
            return self._issued(user, PROXY_SERVICE, []) if user is not None else texts.forbidden()
        if service != SERVICE:
            return web.Response(status=404)
        if not self.rules.registry_enabled:
            return answer_json(404, texts.UNAVAILABLE)
        return self._granted(user, " ".join(call.request.query.getall("scope", [])).split())

    def _refused(self, call: Call) -> web.Response:
        call.refused = True
        ban = self.rules.ban
        if ban is not None and call.username != JOB_USER:
            failures = self._failures.setdefault(call.address, deque())
            failures.append(self.clock())
            while failures[0] <= self.clock() - ban.findtime_s:
                failures.popleft()
            if len(failures) >= ban.maxretry:
                self._banned[call.address] = self.clock() + ban.bantime_s
                failures.clear()
        return self.refusal(call)

    def _granted(self, user: Secret | None, scopes: list[str]) -> web.Response:
        access = []
        for match in filter(None, map(texts.SCOPE.fullmatch, scopes)):
            project = self._project(match["name"])
            if project is None or "pull" not in match["actions"].split(","):
                continue
            if project.ip_restricted and self.rules.ip_restricted == "500" and user is not None and user.role(project.path) != "owner":
                return texts.html(500, texts.HTML_500)
            if world.may_pull(user, project):
                about = {"project_path": project.path, "project_id": project.number, "root_namespace_id": project.number + 100}
                access.append({"type": "repository", "name": match["name"], "actions": ["pull"], "meta": about})
        if user is None and not access:
            return texts.forbidden()
        return self._issued(user, SERVICE, access)

    def _issued(self, user: Secret | None, service: str, access: list[dict[str, Any]]) -> web.Response:
        claims = world.claims(user, service, access, now=int(self.clock()), life_s=self.rules.token_life_s)
        if self.rules.auth_type == "absent":
            del claims["auth_type"]
        claims["jti"] = f"{self.random.getrandbits(128):032x}"
        token = make_jwt(claims, header={"kid": "GITL:ABEM:ULAT:ORXX"})
        self.plant(f"bearer of {user.name if user is not None else 'anonymous'}", token)
        return answer_json(200, {"token": token}, media_type="application/json; charset=utf-8")

    def _introspect(self, call: Call) -> web.Response:
        value = call.request.headers.get("PRIVATE-TOKEN") or call.bearer
        call.present(None, value)
        if self.rules.api == "closed":
            return texts.html(403, texts.HTML_403)
        known = next((one for one in self.secrets.values() if one.secret == value), None)
        if known is None:
            call.refused = value is not None
            return self.refusal(call)
        if known.kind is not Kind.PERSONAL:
            return answer_json(400, {"message": f"400 Bad request - {texts.NOT_PERSONAL}"})
        why = {State.REVOKED: texts.REVOKED, State.EXPIRED: texts.EXPIRED}.get(known.state)
        if why is not None or known.state is not State.LIVE:
            call.refused = True
            return answer_json(401, {"error": "invalid_token", "error_description": why}) if why is not None else self.refusal(call)
        return answer_json(200, world.introspected(known))

    async def _registry(self, call: Call) -> web.Response:
        part = texts.PART.fullmatch(call.path)
        if part is None and call.path != "/v2/":
            return web.Response(status=404, text="404 page not found\n")
        if call.kind != "bearer":
            return self._challenged(call)
        claims = read_jwt(call.bearer or "")
        if claims is None or claims.get("aud") != SERVICE or claims["exp"] + 60 <= self.clock():
            return self._challenged(call, "invalid_token")
        if part is None:
            return answer_json(200, b"{}", texts.VERSION)
        if not any(entry["name"] == part["name"] for entry in claims["access"]):
            return self._challenged(call, "insufficient_scope")
        project = self._project(part["name"])
        tags = project.images.get(part["name"].removeprefix(project.path).strip("/")) if project is not None else None
        if tags is None:
            return texts.not_found(part["part"], part["name"])
        document = find_document(tags, part["part"], part["reference"], call.request.headers.getall("Accept", []))
        if document is None:
            return texts.not_found(part["part"])
        if part["part"] == "blobs":
            return web.Response(status=307, headers={**texts.VERSION, "Location": self.cdn.url(f"/{part['reference']}?Signature=x")})
        return document.response(texts.VERSION)

    def _challenged(self, call: Call, error: str | None = None) -> web.Response:
        part = texts.PART.fullmatch(call.path)
        service = SERVICE if call.listener is self.registry else PROXY_SERVICE
        challenge = f'Bearer realm="{self.realm}",service="{service}"'
        detail = None
        if part is not None:
            challenge += f',scope="repository:{part["name"]}:pull"'
            detail = [{"Type": "repository", "Class": "", "Name": part["name"], "Action": "pull"}]
        if error is not None:
            challenge += f',error="{error}"'
        return texts.unauthorized(challenge, detail)

    def _dependency_proxy(self, call: Call) -> web.Response:
        """The proxy of Docker Hub under `GROUP/dependency_proxy/containers/IMAGE`: any tag there is one image."""
        claims = read_jwt(call.bearer) if call.bearer else None
        if claims is None or claims.get("aud") != PROXY_SERVICE or claims["exp"] <= self.clock():
            return self._challenged(call)
        part = texts.PART.fullmatch(call.path)
        if part is None:
            return answer_json(200, b"{}", texts.VERSION)
        if not texts.PROXIED.fullmatch(part["name"]):
            return web.Response(status=404)
        image = self.projects["group/private"].images[""]["1"]
        document = image.choose(part["reference"], call.request.headers.getall("Accept", []))
        return document.response() if document is not None else web.Response(status=404)

    async def _cdn(self, call: Call) -> web.Response:
        if call.kind != "none":
            return web.Response(status=400, text="<Error><Code>InvalidArgument</Code></Error>")
        every = (tags for project in self.projects.values() for tags in project.images.values())
        found = (find_document(tags, "blobs", call.path.rpartition("/")[2], ()) for tags in every)
        blob = next((document for document in found if document is not None), None)
        return web.Response(status=404) if blob is None else web.Response(body=blob.body, content_type="application/octet-stream")
