"""GitLab's secrets, projects and who may pull: the planted world of the GitLab emulator. registries/gitlab.md 2, 3."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

from validator.emulator.base import ALNUM, BASE64URL, HEX, Image, letters, make_image, make_jwt

_BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
JOB_USER: Final = "gitlab-ci-token"

Role: TypeAlias = Literal["guest", "reporter", "owner"]


class Kind(StrEnum):
    """What a secret is; the value is the `auth_type` of its tokens."""

    PERSONAL = "personal_access_token"
    DEPLOY = "deploy_token"
    JOB = "build"
    OAUTH = "oauth"
    PASSWORD = "gitlab_or_ldap"


class State(StrEnum):
    """What became of a secret, or of the account that it is of; all but LIVE are refused."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FINISHED = "job finished"
    BLOCKED = "account blocked"
    TWO_FACTOR = "password needs a second factor"
    STALE_PASSWORD = "account must change its password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One stored secret: `username` must match exactly unless it is a personal or OAuth token.

    `roles` maps a project or group path to the role there. `expires_on` is a date (UTC, its midnight) or None.
    """

    name: str
    secret: str
    kind: Kind = Kind.PERSONAL
    username: str = "alice"
    state: State = State.LIVE
    scopes: tuple[str, ...] = ("read_registry",)
    roles: Mapping[str, Role] = field(default_factory=dict)
    expires_on: str | None = None

    @property
    def any_username(self) -> bool:
        """Whether the username is not looked at."""
        return self.kind in (Kind.PERSONAL, Kind.OAUTH)

    @property
    def has_registry_ability(self) -> bool:
        """Whether a login is let in at all; without it GitLab says `access forbidden`."""
        return self.kind is not Kind.PERSONAL or bool({"read_registry", "write_registry", "read_api", "api"} & set(self.scopes))

    @property
    def may_pull(self) -> bool:
        return self.kind is not Kind.PERSONAL or bool({"read_registry", "read_api", "api"} & set(self.scopes))

    def role(self, project: str) -> Role | None:
        """The role in a project, also by its groups."""
        parts = project.split("/")
        paths = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.roles[path] for path in paths if path in self.roles), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project; `images` maps the rest of the repository's path ("" for the project's own) to tags.

    `members_only`: its registry is closed to others even where the project is public. `ip_restricted`: its group lets in
    only some addresses, and ours is none of them.
    """

    path: str
    number: int = 1
    public: bool = False
    registry: bool = True
    members_only: bool = False
    ip_restricted: bool = False
    images: Mapping[str, Mapping[str, Image]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """After `maxretry` refused logins of one address within `findtime_s` it is banned for `bantime_s`.

    `scope` "basic-only": requests with Basic get 403; "everything": every request of GitLab's own host does, as before
    version 13. `text`: "new" or "class_name", of before 2024.
    """

    maxretry: int
    findtime_s: float
    bantime_s: float
    scope: Literal["basic-only", "everything"] = "basic-only"
    text: Literal["new", "class_name"] = "new"


GITLAB_COM: Final = Ban(maxretry=300, findtime_s=60, bantime_s=900)
SELF_MANAGED: Final = Ban(maxretry=10, findtime_s=60, bantime_s=3600)
"""The code's defaults; switched off unless an administrator switches it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the emulated GitLab behaves; every default is the newest known behaviour.

    `bad_basic` "anonymous": a refused pair gets what nobody gets. `auth_type`: whether tokens tell who was accepted.
    `ability_check` False: a token without a registry scope logs in and is granted nothing, as in older versions.
    `ip_restricted`: what a restricted group's project does. `retry_later`: so many requests at `/jwt/auth` get 429 (True:
    all). `too_many_ips`: users (pairs that are accepted) get an empty 403. `strip_authorization`: a proxy drops the header.
    `html_403`, `html_401`, `maintenance` (503): an edge answers `/jwt/auth`. `password_fault`: every password is refused,
    tokens are not. `body_2fa_old`: the text of before, for passwords that need a second factor. `api`: whether the API can
    be reached. `token_life_s`: of a bearer token. `realm`: named in the challenge instead of the true one.
    """

    bad_basic: Literal["refuse", "anonymous"] = "refuse"
    ban: Ban | None = None
    body: Literal["new", "2023", "old", "translated"] = "new"
    body_2fa_old: bool = False
    auth_type: Literal["present", "absent"] = "present"
    ability_check: bool = True
    ip_restricted: Literal["500", "empty"] = "empty"
    retry_later: int | bool = False
    retry_after: str | None = "60"
    too_many_ips: bool = False
    strip_authorization: bool = False
    html_403: bool = False
    html_401: bool = False
    maintenance: bool = False
    without_header_500: bool = False
    external_authorization: bool = False
    password_fault: bool = False
    registry_enabled: bool = True
    api: Literal["open", "closed"] = "open"
    token_life_s: int = 300
    realm: str | None = None


def personal(seed: str, prefix: str = "glpat-") -> str:
    """A token of the old style: prefix and 20 characters."""
    return prefix + letters(f"{prefix} {seed}", 20, BASE64URL)


def routable(seed: str, prefix: str = "glpat-") -> str:
    """A routable token: prefix, base64url, `.01.`, its length and a CRC-32, in base 36."""
    payload = b"c:1\no:1\nu:2s"
    raw = letters(f"routable {seed}", 16, ALNUM).encode() + payload + bytes([len(payload)])
    body = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    text = f"{prefix}{body}.01.{_base36(len(body), 2)}"
    return text + _base36(zlib.crc32(text.encode()), 7)


def default_secrets(seed: str) -> tuple[Secret, ...]:
    """The planted secrets; the first is good."""
    member: dict[str, Role] = {"group": "reporter", "office": "reporter"}

    def token(name: str, **more: object) -> Secret:
        given = {"secret": personal(f"{seed} {name}"), "roles": member, "expires_on": "2027-09-09", **more}
        return Secret(name=name, **given)  # type: ignore[arg-type]  # the fields of Secret, each by its name

    deploy = {"kind": Kind.DEPLOY, "username": "gitlab+deploy-token-7", "expires_on": None}
    password = {"kind": Kind.PASSWORD, "expires_on": None}
    return (
        token("good"),
        token("endless", username="project_1_bot_5f", expires_on=None),
        token("expiring", expires_on="2026-11-28"),
        token("routable", secret=routable(seed)),
        token("api", scopes=("api",)),
        token("guest", username="gina", roles={"group": "guest"}),
        token("outsider", username="olga", roles={}),
        token("group_owner", username="otto", roles={"group": "owner", "office": "owner"}),
        token("read_user", scopes=("read_user",)),
        token("write_only", scopes=("write_registry",)),
        token("granular", scopes=("granular",)),
        token("revoked", state=State.REVOKED),
        token("expired", state=State.EXPIRED, expires_on="2026-01-01"),
        token("blocked", username="bob", state=State.BLOCKED),
        token("stale_password", username="carl", state=State.STALE_PASSWORD),
        token("deploy", secret=personal(f"{seed} deploy", "gldt-"), **deploy),
        token("deploy_revoked", secret=personal(f"{seed} deploy_revoked", "gldt-"), state=State.REVOKED, **deploy),
        token("job", secret=personal(f"{seed} job", "glcbt-64_"), kind=Kind.JOB, username=JOB_USER, expires_on=None),
        token(
            "job_finished",
            secret=personal(f"{seed} job_finished", "glcbt-64_"),
            kind=Kind.JOB,
            username=JOB_USER,
            state=State.FINISHED,
            expires_on=None,
        ),
        token("oauth", secret=letters(f"{seed} oauth", 64, HEX), kind=Kind.OAUTH, expires_on=None),
        token("password", secret=letters(f"{seed} password", 14), **password),
        token("password_2fa", secret=letters(f"{seed} 2fa", 14), username="dora", state=State.TWO_FACTOR, **password),
    )


def default_projects() -> tuple[Project, ...]:
    """The planted projects; each with a registry has the tag `1` at its own path, `group/private` also at `img/part`."""
    tags = {"1": make_image(), "single": make_image(("linux/amd64",), seed="single")}
    own = {"": tags}
    return (
        Project(path="group/private", number=1, images={"": tags, "img/part": tags}),
        Project(path="group/public", number=2, public=True, images=own),
        Project(path="group/members", number=3, public=True, members_only=True, images=own),
        Project(path="group/none", number=4, registry=False),
        Project(path="office/restricted", number=5, ip_restricted=True, images=own),
        Project(path="other/private", number=6, images=own),
    )


def may_pull(secret: Secret | None, project: Project, *, restricted: bool = True) -> bool:
    """Whether `secret` (None: nobody), alive, may pull from `project`; `restricted`: its address rules count."""
    if not project.registry or (secret is not None and not secret.may_pull):
        return False
    role = secret.role(project.path) if secret is not None else None
    if restricted and project.ip_restricted and role != "owner":
        return False
    if secret is not None and secret.kind is Kind.DEPLOY and project.members_only:
        return False  # issue 391551
    if role in ("reporter", "owner"):
        return True
    return project.public and (not project.members_only or role is not None)


def authenticated(secrets: Iterable[Secret], username: str | None, secret: str | None, *, password_fault: bool = False) -> Secret | None:
    """The live secret that this pair is; personal and OAuth tokens are taken under any username."""
    for known in secrets:
        if known.secret == secret and known.state is State.LIVE and (known.any_username or known.username == username):
            return None if known.kind is Kind.PASSWORD and password_fault else known
    return None


def project_of(projects: Mapping[str, Project], repository: str) -> Project | None:
    """The project of a repository, whose path may be deeper."""
    parts = repository.split("/")
    paths = ("/".join(parts[:length]) for length in range(len(parts), 1, -1))
    return next((projects[path] for path in paths if path in projects), None)


def claims(user: Secret | None, service: str, access: list[dict[str, Any]], *, now: int, life_s: int) -> dict[str, Any]:
    """What a bearer token says; of deploy tokens and of nobody there is no `sub`."""
    said: dict[str, Any] = {"iss": "gitlab-issuer", "aud": service, "access": access, "iat": now, "nbf": now - 5, "exp": now + life_s}
    if user is None:
        return {**said, "auth_type": "none"}
    number = {"deploy_token_id": 7} if user.kind is Kind.DEPLOY else {"user_id": 42}
    said["user"] = make_jwt({"user_info": {"token_type": user.kind.value, "username": user.username, **number}})
    if user.kind is not Kind.DEPLOY:
        said["sub"] = user.username
    return {**said, "auth_type": user.kind.value}


def introspected(secret: Secret) -> dict[str, Any]:
    """What the API tells of a live personal token."""
    told = {"id": 17, "name": secret.name, "revoked": False, "created_at": "2026-01-02T03:04:05.678Z", "description": ""}
    told |= {"scopes": list(secret.scopes), "user_id": 42, "last_used_at": "2026-09-01T00:00:00.000Z", "active": True}
    return {**told, "expires_at": secret.expires_on, "last_used_ips": ["127.0.0.1"]}


def _base36(number: int, width: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return digits.rjust(width, "0")
