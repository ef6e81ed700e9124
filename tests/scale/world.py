"""The registries of the simulation, as transports see them: the big ones' answers, the credentials that they know, and what they counted."""

from __future__ import annotations

import asyncio
import base64
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from validator.credential import Credential, Host, RegistryScope
from validator.evidence import Failure
from validator.providers.ghcr import checksum
from validator.registry.base import Answer, NetworkFault, Request
from validator.stores.base import BrokenPullSecret, Outline, Place, UnreadableRow, row_hash

LATENCY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Site:
    """One registry: its part of all credentials, where it is dialled, its challenge and token endpoint, its introspection's host."""

    host: str
    share: float
    dialled: str
    realm: str
    service: str
    username: Callable[[int], str]
    secret: Callable[[int], str]
    opinion: str = ""
    said: str = ""


def _ghp(number: int) -> str:
    text = f"{number:030d}"
    return f"ghp_{text}{checksum(text)}"


SITES: Final = (
    Site("nvcr.io", 0.30, "nvcr.io", "https://nvcr.io/proxy_auth", "", lambda n: "$oauthtoken", lambda n: f"nvapi-{n:064d}",
         "api.ngc.nvidia.com", '{"type":"PERSONAL_KEY","products":["registry"]}'),
    Site("docker.io", 0.20, "registry-1.docker.io", "https://auth.docker.io/token", "registry.docker.io", lambda n: f"user{n}",
         lambda n: f"dckr_pat_{n:027d}"),
    Site("ghcr.io", 0.20, "ghcr.io", "https://ghcr.io/token", "ghcr.io", lambda n: f"user{n}", _ghp, "api.github.com", '{"login":"someone"}'),
    Site("registry.gitlab.com", 0.15, "registry.gitlab.com", "https://gitlab.com/jwt/auth", "container_registry", lambda n: f"user{n}",
         lambda n: f"glpat-{n:020d}", "gitlab.com", '{"active":true,"scopes":["read_registry"],"expires_at":null}'),
    Site("registry.example.org", 0.15, "registry.example.org", "https://registry.example.org/token", "example", lambda n: f"user{n}",
         lambda n: f"secret {n:020d}"),
)  # fmt: skip


@dataclass(slots=True)
class Counted:
    """What one site saw: requests by the host that was dialled, the instants of logins and of refused logins."""

    requests: Counter[str] = field(default_factory=Counter)
    logins: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    first_at: float | None = None

    def most_refused(self, window_s: float) -> int:
        """In any window of this length."""
        return most(self.refused, window_s)

    def until(self, at: float) -> int:
        """Logins up to then."""
        return bisect_right(self.logins, at)


def most(times: Sequence[float], window_s: float) -> int:
    """So many of `times` (in order) at most lie in a window of this length."""
    found = first = 0
    for place, at in enumerate(times):
        while times[first] <= at - window_s:
            first += 1
        found = max(found, place - first + 1)
    return found


Fault = Callable[[Site, float], float | Answer | Failure | None]


@dataclass(slots=True)
class Registries:
    """Implements `Transport`. Each `dead_every`th credential of a site is dead. An answer takes `latency_s`.

    `fault` is asked before each answer, with the site and the time: seconds more that it takes, what is answered instead, a
    failure, or None.
    """

    numbers: dict[str, int]
    dead_every: int
    latency_s: float = LATENCY_S
    fault: Fault = lambda site, now: None
    counted: dict[str, Counted] = field(default_factory=dict)
    _by_host: dict[str, Site] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for site in SITES:
            self.counted[site.host] = Counted()
            self._by_host |= {name: site for name in (site.dialled, site.realm.split("/")[2], site.opinion) if name}

    async def send(self, request: Request) -> Answer:
        """Implements `Transport`."""
        name, path = str(request.url.host), request.url.path
        site = self._by_host[name]
        counted, now = self.counted[site.host], asyncio.get_running_loop().time
        counted.requests[name] += 1
        counted.first_at = now() if counted.first_at is None else counted.first_at
        said = self.fault(site, now())
        await asyncio.sleep(self.latency_s + (said if isinstance(said, float) else 0.0))
        if isinstance(said, Failure):
            raise NetworkFault(said)
        login_path = f"/{site.realm.split('/', 3)[3]}"
        if isinstance(said, Answer) and path in ("/v2/", login_path):
            return said
        if path == "/v2/" and not request.secret_headers:
            service = f',service="{site.service}"' if site.service else ""
            return answered(401, '{"errors":[{"code":"UNAUTHORIZED"}]}', ("www-authenticate", f'Bearer realm="{site.realm}"{service}'))
        number = self._number(site, request)
        good = number is not None and number % self.dead_every != 0
        if path != login_path:
            return (
                answered(200, site.said, ("x-oauth-scopes", "read:packages"))
                if good
                else answered(401, '{"message":"Bad credentials: unauthorized"}')
            )
        if number is None and not request.secret_headers:
            return answered(200, '{"token":"of-nobody"}')
        counted.logins.append(now())
        if not good:
            counted.refused.append(now())
            return refusal(site)
        return answered(200, '{"token":"of-somebody"}')

    def _number(self, site: Site, request: Request) -> int | None:
        """Whose secret it is; None: nobody's here."""
        values = [one.get_secret_value() for one in request.secret_headers.values()]
        if request.form is not None:
            values.append(request.form.get_secret_value().partition("=")[2])
        for value in values:
            kind, _, rest = value.partition(" ")
            secret = base64.b64decode(rest).decode().partition(":")[2] if kind == "Basic" else rest or kind
            digits = secret[4:34] if site.host == "ghcr.io" else secret.lstrip("abcdefghijklmnopqrstuvwxyz-_ ")
            if digits.isdigit() and int(digits) < self.numbers[site.host] and site.secret(int(digits)) == secret:
                return int(digits)
        return None


_REFUSALS: Final = {
    "docker.io": (401, '{"details":"incorrect username or password"}'),
    "ghcr.io": (403, '{"errors":[{"code":"DENIED","message":"denied"}]}'),
}


def refusal(site: Site) -> Answer:
    """As the vendor refuses a login."""
    return answered(*_REFUSALS.get(site.host, (401, '{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}')))


def answered(status: int, body: str, *fields: tuple[str, str]) -> Answer:
    """JSON."""
    return Answer(status=status, headers=(("content-type", "application/json"), *fields), body=body.encode(), encoding=None, ms=1.0)


@dataclass(slots=True)
class MadeUp:
    """Implements `CredentialStore`: credentials that are made up as they are read, one a user; sealing is no part of what is simulated."""

    numbers: dict[str, int]
    read_only: str = "nothing is stored"

    def made(self, site: Site, number: int) -> Credential:
        """One of them."""
        username, secret = site.username(number), site.secret(number)
        return Credential(
            user=_user(site, number), name="key", scope=RegistryScope(Host(site.host), ""), username=username, secret=SecretStr(secret),
            written=site.host, row=row_hash(username, secret),
        )  # fmt: skip

    async def outlines(self, user: str | None = None) -> AsyncIterator[Outline]:
        """See `CredentialStore`."""
        if user is not None:
            one = self._of(user)
            yield Outline(one.user, one.name, one.scope, one.row, None)
            return
        for site in sorted(SITES, key=lambda site: site.host):
            for number in range(self.numbers[site.host]):
                one = self.made(site, number)
                yield Outline(one.user, one.name, one.scope, one.row, None)

    async def some(self, places: Sequence[Place]) -> list[Credential | UnreadableRow]:
        """See `CredentialStore`."""
        return [self._of(user) for user, _ in places]

    async def standing(self, places: Sequence[Place]) -> dict[Place, Outline]:
        """See `CredentialStore`."""
        return {(one.user, one.name): Outline(one.user, one.name, one.scope, one.row, None) for one in map(self._of, (user for user, _ in places))}

    async def get(self, user: str, name: str) -> Credential | UnreadableRow | None:
        """See `CredentialStore`."""
        return self._of(user)

    async def credentials(self, user: str | None = None) -> AsyncIterator[Credential | UnreadableRow]:
        """See `CredentialStore`."""
        async for one in self.outlines(user):
            yield self._of(one.user)

    async def as_kubelet(self, user: str) -> tuple[Credential | UnreadableRow | BrokenPullSecret, ...]:
        """See `CredentialStore`."""
        return (self._of(user),)

    async def proofs(self, user: str | None = None) -> dict[Place, str]:
        """None."""
        return {}

    def _of(self, user: str) -> Credential:
        host, _, number = user.rpartition(" ")
        return self.made(next(site for site in SITES if site.host == host), int(number))


def _user(site: Site, number: int) -> str:
    """In the order of their numbers: the plan is made user by user."""
    return f"{site.host} {number:07d}"


HOSTS: Final = tuple(site.host for site in SITES)


def shared_out(number: int, hosts: Collection[str] = HOSTS) -> dict[str, int]:
    """How many of `number` each site has; those but of `hosts` none."""
    return {site.host: round(number * site.share) if site.host in hosts else 0 for site in SITES}
