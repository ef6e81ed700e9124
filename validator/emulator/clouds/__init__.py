"""Token registries of clouds that are alike: IBM, Oracle, Red Hat, DigitalOcean, Scaleway. registries/others.md 12 to 16.

Cloud(DIGITALOCEAN)     its host, its realm (on the listener `auth` where it is another host), its pair, its odd statuses
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from validator.emulator.base import Call, Settings, letters, make_jwt
from validator.emulator.plain import Account, Options, Plain, Repository
from validator.emulator.plain.answers import error_answer

HEX: Final = "0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What is special about one. `realm`: its path; `away`: it lies on a host of its own. `usernames`: None takes any.

    `no_such_scope`: the status of a token request for a repository that is not there (0: a token of no access).
    """

    host: str
    realm: str
    service: str
    secret: Callable[[str], str]
    away: bool = False
    username: str = "ci"
    any_username: bool = False
    no_such_scope: int = 0
    refused: str = "authentication required"
    challenge: tuple[str, ...] = ('Bearer realm="{realm}",service="{service}"{scope}',)


def uuid(seed: str) -> str:
    """A UUID of the seed's."""
    return "-".join(letters(f"{seed} {part}", length, HEX) for part, length in enumerate((8, 4, 4, 4, 12)))


_LOGIN_AT_RED_HAT: Final = (
    "Please login to the Red Hat Registry using your Customer Portal credentials. Further instructions can be found here: "
    "https://access.redhat.com/RegistryAuthentication"
)
IBM: Final = Manner(
    host="us.icr.io", realm="/oauth/token", service="registry", username="iamapikey", secret=lambda seed: letters(seed, 44),
    challenge=("Bearer realm={realm}, service={service}, scope=repository:namespace/app:pull",),
)  # fmt: skip
OCIR: Final = Manner(
    host="fra.ocir.io", realm="/20180419/docker/token", service="fra.ocir.io", username="tenancy/jane", secret=lambda seed: letters(seed, 20)
)
REDHAT: Final = Manner(
    host="registry.redhat.io", realm="/auth/realms/rhcc/protocol/redhat-docker-v2/auth", service="docker-registry", username="7654321|ci",
    secret=lambda seed: make_jwt({"sub": letters(seed, 300)}), refused=_LOGIN_AT_RED_HAT, away=True,
)  # fmt: skip
DIGITALOCEAN: Final = Manner(
    host="registry.digitalocean.com", realm="/v2/registry/auth", service="registry.digitalocean.com", any_username=True, away=True,
    secret=lambda seed: f"dop_v1_{letters(seed, 64, HEX)}", no_such_scope=400,
)  # fmt: skip
SCALEWAY: Final = Manner(
    host="rg.fr-par.scw.cloud", realm="/registry-internal/v1/regions/fr-par/tokens", service="registry", username="nologin", any_username=True,
    away=True, secret=uuid, no_such_scope=404,
)  # fmt: skip


class Cloud(Plain):
    """One of them. Accounts: "good" reads `team/app`, "dead" was deleted."""

    name = "cloud"
    provider = ""

    def __init__(self, manner: Manner, *, clock: Callable[[], float] = time.time, seed: str = "validator", **options: Any) -> None:
        given = Options(
            realm=("{other}" if manner.away else "{own}") + manner.realm, service=manner.service, challenge=manner.challenge,
            refused_message=manner.refused, missing="denied", denied="401", **options,
        )  # fmt: skip
        super().__init__(given, clock=clock, seed=seed, host=manner.host)
        self.manner = manner
        self.accounts.clear()
        for name, state in (("good", "live"), ("dead", "revoked")):
            self.add(Account(name=name, username=manner.username, secret=manner.secret(f"{seed} {name}"), state=state))
        self.publish(Repository(name="team/app", readers=frozenset({manner.username}), tags=self.repositories["team/app"].tags))

    def settings(self) -> Settings:
        settings = super().settings()
        if not self.manner.away:
            settings[self.registry_host].pop("realm_hosts")
        return settings

    def _exchange(self, call: Call) -> web.Response:
        if self.manner.any_username and call.kind == "basic":
            call.username = self.manner.username
        names = [scope.split(":")[1] for scope in call.request.query.getall("scope", []) if scope.count(":") == 2]
        answer = super()._exchange(call)
        if self.manner.no_such_scope and answer.status == 200 and any(name not in self.repositories for name in names):
            return error_answer("errors", self.manner.no_such_scope, "NAME_UNKNOWN", "registry or repository not found")
        return answer
