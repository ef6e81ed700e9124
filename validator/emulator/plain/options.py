"""What a registry of no known vendor may do: one field for each way in which servers differ, and presets of real ones.

Grammar: registries/README.md 2; presets: registries/others.md 2 (Harbor), 8 (Gitea), 9 (distribution), 10 (Nexus), 11 (zot).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

Who: TypeAlias = Literal["checks", "anyone"]
ErrorForm: TypeAlias = Literal[
    "errors", "empty", "html", "details", "oauth", "message", "text", "string", "empty_list", "number", "lower", "two", "bom"
]

MISSING: Final = object()
"""As `expires_in` or `issued_at`: the field is left out."""

CHALLENGES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "bearer": ('Bearer realm="{realm}",service="{service}"{scope}',),
        "basic": ('Basic realm="Registry Realm"',),
        "no service": ('Bearer realm="{realm}"{scope}',),
        "negotiate first": ('Negotiate, Bearer realm="{realm}",service="{service}"{scope}',),
        "basic and bearer, one field": ('Basic realm="x", Bearer realm="{realm}",service="{service}"{scope}',),
        "basic and bearer, two fields": ('Basic realm="x"', 'Bearer realm="{realm}",service="{service}"{scope}'),
        "bearer and basic, two fields": ('Bearer realm="{realm}",service="{service}",scope="*"', 'Basic realm="Gitea Package API"'),
        "odd case": ('bEaReR REALM="{realm}",SeRvIcE={service}',),
        "unquoted": ("Bearer realm={realm}, service={service}",),
        "spaces": ('Bearer   realm = "{realm}" ,  service = "{service}"',),
        "foreign scope": ('Bearer realm="{realm}",service="{service}",scope="repository:other/x:push"',),
        "realm twice": ('Bearer realm="{realm}",realm="https://evil.test/token"',),
        "no realm": ('Bearer service="{service}"',),
        "negotiate only": ("Negotiate",),
        "none": (),
    }
)
"""Values for `Options.challenge`; `{scope}` is empty but at a repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the registry behaves. The default is an honest token registry with its realm on another listener.

    `scheme`: what guards it. `realm`: of the challenge, where `{own}` and `{other}` are the two listeners' URLs; a
    token endpoint that is not the one of the present realm answers `retired_status` to all. `service`: of the challenge (None:
    any is taken); a token request with another gets `stale_service` (None: it is taken). `challenge`: the fields of a 401.
    `ping` "open": `/v2/` says 200 to whoever brings no Authorization. `basic_too`: a Bearer registry also looks at Basic.
    `docker_agent_401`: an open ping is closed to Docker's User-Agent.

    `login`, `scoped`, `pull`: whether the login without scope, with one, and the pull judge the pair. A pair that only
    "anyone" lets in may read what anybody may, but where `pull` says "anyone" it reads all. `unknown_users` "anonymous": a
    username that does not exist counts as nobody. `anonymous_token`: "public" = only for public repositories, "always" = a
    token for everybody. `lock_s`: a refused login locks its username for so long, for the right secret too.

    `refused_status`, `error`, `refused_code`, `refused_message`: how a login is refused; `repeat_challenge`: with the
    challenge; `echo`: its message repeats username, secret and Authorization. `post_status`: to a POST at the realm.

    `fields`: where the token stands ("differ": both, and `token` is worthless); `token_form`: "jwt" with an `access` list,
    "jwt_without_access", "opaque"; `named_subject` False: `sub` is empty for a pair that was not checked. `grant`: what the
    token says, honestly or not. `expires_in`, `issued_at`: any JSON value, MISSING leaves them out.

    `denied`: how a pull is denied ("403": nobody gets 401); `missing`: how a repository that is not there is; `rights` "all":
    every account reads everything. `invalid_token`: so many pulls with a
    bearer token are refused as too old. `head_405`, `digest` ("none", "wrong"), `content_type` (instead of the true one),
    `policy_412`: how manifests are given. `redirect_manifests`, `redirect_blobs`: by a 307 to the listener `cdn`. `cookies`:
    every answer sets a cookie and links to another host.
    """

    scheme: Literal["none", "basic", "bearer"] = "bearer"
    realm: str = "{other}/token"
    service: str | None = "registry.test"
    stale_service: int | None = 400
    retired_status: int = 401
    challenge: tuple[str, ...] = CHALLENGES["bearer"]
    ping: Literal["guarded", "open"] = "guarded"
    basic_too: bool = False
    docker_agent_401: bool = False
    login: Who = "checks"
    scoped: Who = "checks"
    pull: Who = "checks"
    unknown_users: Literal["refused", "anonymous"] = "refused"
    anonymous_token: Literal["refused", "public", "always"] = "public"
    lock_s: float = 0
    refused_status: int = 401
    refused_code: str = "UNAUTHORIZED"
    refused_message: str = "authentication required"
    error: ErrorForm = "errors"
    repeat_challenge: bool = False
    echo: bool = False
    post_status: int = 405
    fields: Literal["token", "access_token", "both", "differ", "empty_access_token"] = "token"
    token_form: Literal["opaque", "jwt", "jwt_without_access"] = "opaque"
    named_subject: bool = True
    grant: Literal["honest", "nothing", "everything"] = "honest"
    expires_in: Any = 300
    issued_at: Any = MISSING
    denied: Literal["403", "401", "404", "401_harbor", "401_gitea"] = "403"
    missing: Literal["404", "denied"] = "404"
    rights: Literal["by_reader", "all"] = "by_reader"
    invalid_token: int = 0
    head_405: bool = False
    digest: Literal["right", "none", "wrong"] = "right"
    content_type: str | None = None
    policy_412: bool = False
    redirect_manifests: bool = False
    redirect_blobs: bool = False
    cookies: bool = False


OPEN: Final = Options(scheme="none", ping="open")
HTPASSWD: Final = Options(scheme="basic", challenge=CHALLENGES["basic"], rights="all")
NGINX: Final = Options(scheme="basic", challenge=('Basic realm="Restricted"',), error="html", rights="all")
HARBOR: Final = Options(
    realm="{own}/service/token",
    service="harbor-registry",
    scoped="anyone",
    basic_too=True,
    error="empty",
    fields="empty_access_token",
    token_form="jwt",
    named_subject=False,
    expires_in=1800,
    issued_at="2026-11-23T00:00:00Z",
    denied="401_harbor",
    missing="denied",
    anonymous_token="always",
    lock_s=1.5,
)
"""Without scope a bad pair gets an empty 401, with one a token of public rights, as nobody does."""

GITEA: Final = Options(
    realm="{own}/v2/token",
    service="container_registry",
    challenge=CHALLENGES["bearer and basic, two fields"],
    refused_message="",
    token_form="jwt_without_access",
    anonymous_token="always",
    expires_in=MISSING,
    post_status=404,
    denied="401_gitea",
    missing="denied",
)
ZOT: Final = Options(scheme="basic", challenge=('Basic realm="Authorization Required"',), ping="open", docker_agent_401=True, denied="403")
NEXUS: Final = Options(
    realm="{own}/repository/docker/v2/token",
    service="https://nexus.test/repository/docker/v2/token",
    login="anyone",
    scoped="anyone",
    anonymous_token="always",
)
"""With "allow anonymous docker pull": any login is accepted."""
