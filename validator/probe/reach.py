"""Where one registry is dialled and where its secret may go: the provider's facts and the operator's settings, joined. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from yarl import URL

from validator.config import RegistrySettings, Settings
from validator.credential import Host
from validator.evidence import Demand
from validator.ledger.challenges import ChallengeSeen
from validator.providers import Pace, Provider, provider_for
from validator.providers.plan import Plan
from validator.registry.proxy import ProxyRules
from validator.registry.reach import Reach, bearer_demand

MOST_HOSTS: Final = 1000
"""So many hosts are remembered; a service may be asked about any number of them."""


def settings_of(settings: Settings, host: Host) -> RegistrySettings:
    """What the operator says about `host`; the entry "*" is not about hosts that a provider names."""
    return settings.registry(host, named=provider_for(host).names(host))


def provider_of(settings: Settings, host: Host, demand: Demand | None) -> Provider:
    """Whose rules hold for `host`, with the operator's pace over the provider's."""
    said = settings_of(settings, host)
    provider = provider_for(host, said.provider, demand)
    return replace(provider, pace=paced(provider.pace, said))


def paced(pace: Pace, said: RegistrySettings) -> Pace:
    """The provider's pace with what the operator gives. An explicit burst or in_flight holds for those who wait, too."""
    given = {name: value for name in said.pace.model_fields_set - {"workers"} if (value := getattr(said.pace, name)) is not None}
    if "burst" in given:
        given["preflight_burst"] = given["burst"]
    if "in_flight" in given:
        given["preflight_in_flight"] = given["in_flight"]
    return replace(pace, **given)


def reach_of(settings: Settings, host: Host, provider: Provider, proxies: ProxyRules) -> Reach:
    """How the hosts of `host`'s registry are reached; `proxies` are the operator's rules, empty where they do not hold for it."""
    said = settings_of(settings, host)
    named = provider.names(host)
    dial = provider.dial if named and provider.dial is not None else host
    registry = URL(f"{'http' if said.plain_http else 'https'}://{dial}/")
    moved: dict[str, URL] = {}
    if said.endpoint is not None:
        registry = URL(str(said.endpoint)).with_path("/")
        moved = {str(host): registry, str(dial): registry}
    for realm in provider.realm_hosts if named else ():
        other = settings.registries.get(Host(realm))
        if other is not None and other.endpoint is not None and realm != host:
            moved[realm] = URL(str(other.endpoint)).with_path("/")
    own = {str(host), str(dial), *said.realm_hosts}
    for url in (said.endpoint, said.api, *moved.values()):
        if url is not None:
            place = URL(str(url))
            own.add(f"{place.raw_host}:{place.port}")
    plain_http = said.plain_http or registry.scheme == "http"
    known = {*(() if provider.realm_elsewhere else (str(host),)), *(provider.realm_hosts if named else ())}
    listed = {at for name in known for at in _with_port(name, plain_http)} | set(said.realm_hosts)
    return Reach(
        host=host, registry=registry, provider=provider, listed=frozenset(listed), own=frozenset(own), plain_http=plain_http,
        private_ok=said.allow_private, exact=named, ca_file=said.ca_file, proxy_for=proxies.route_for, moved=moved,
    )  # fmt: skip


def _with_port(name: str, plain_http: bool) -> tuple[str, ...]:
    """A host as the vendors mean it: at its usual port; another one may be another's. Only the operator lists "any port"."""
    if name.rpartition("]")[2].rpartition(":")[1]:
        return (name,)
    return (f"{name}:443", f"{name}:80") if plain_http else (f"{name}:443",)


def plan_of(settings: Settings, host: Host, reach: Reach, demand: Demand | None) -> Plan:
    """The plan of a probe at `host`: its introspection only where it is on and its host is known to be the vendor's."""
    return Plan(provider=reach.provider, registry=reach.registry, api=_api(settings, host, reach, demand))


def _api(settings: Settings, host: Host, reach: Reach, demand: Demand | None) -> URL | None:
    said, about = settings_of(settings, host), reach.provider.introspection
    if about is None or not (about.default_on if said.introspect is None else said.introspect):
        return None
    if said.api is not None:
        return URL(str(said.api))
    if about.base_of is not None:
        if demand is not None and demand.realm is not None and demand.fault is None:
            return about.base_of(reach.dialled(demand.realm))
        return None
    return about.url if host in reach.provider.hosts and said.endpoint is None else None


class _Planned(NamedTuple):
    demand: Demand | None
    plan: Plan


class _Kept(NamedTuple):
    challenge: ChallengeSeen
    demand: Demand


class Elsewhere(NamedTuple):
    """Another registry to compare with: its name in the settings, and where it is pinged."""

    host: Host
    url: URL


class Ways:
    """The same for one set of settings, worked out once a host: a warm probe asks for nothing but what it was given before."""

    def __init__(self, settings: Settings, proxies: ProxyRules) -> None:
        self._settings = settings
        self._proxies = proxies
        self._said: dict[Host, RegistrySettings] = {}
        self._found: dict[Host, tuple[Demand | None, Provider]] = {}
        self._providers: dict[tuple[Host, str], Provider] = {}
        self._reaches: dict[tuple[Host, str], Reach] = {}
        self._plans: dict[tuple[Host, str], _Planned] = {}
        self._kept: dict[Host, _Kept] = {}
        self._elsewhere: dict[Host, tuple[str | None, Elsewhere | None]] = {}

    def said(self, host: Host) -> RegistrySettings:
        """See `settings_of`."""
        found = self._said.get(host)
        if found is None:
            if len(self._said) >= MOST_HOSTS:
                self._forget()
            found = self._said[host] = settings_of(self._settings, host)
        return found

    def provider(self, host: Host, demand: Demand | None) -> Provider:
        """See `provider_of`; the same object for the same rules."""
        found = self._found.get(host)
        if found is not None and found[0] is demand:
            return found[1]
        said = self.said(host)
        provider = provider_for(host, said.provider, demand)
        paced_one = self._providers.get((host, provider.key))
        if paced_one is None:
            paced_one = self._providers[host, provider.key] = replace(provider, pace=paced(provider.pace, said))
        self._found[host] = demand, paced_one
        return paced_one

    def reach(self, host: Host, provider: Provider) -> Reach:
        """See `reach_of`."""
        found = self._reaches.get((host, provider.key))
        if found is None:
            proxies = self._proxies if self.said(host).proxy else ProxyRules()
            found = self._reaches[host, provider.key] = reach_of(self._settings, host, provider, proxies)
        return found

    def plan(self, host: Host, reach: Reach, demand: Demand | None) -> Plan:
        """See `plan_of`."""
        key = host, reach.provider.key
        found = self._plans.get(key)
        if found is None or found.demand is not demand:
            found = self._plans[key] = _Planned(demand, plan_of(self._settings, host, reach, demand))
        return found.plan

    def kept(self, host: Host, challenge: ChallengeSeen | None) -> Demand | None:
        """A kept challenge, judged by the rules of now; whatever its age."""
        if challenge is None:
            return None
        found = self._kept.get(host)
        if found is None or (found.challenge is not challenge and found.challenge != challenge):
            found = self._kept[host] = _Kept(challenge, self._judged(host, challenge))
        return found.demand

    def elsewhere(self, host: Host, other: str | None) -> Elsewhere | None:
        """Another registry than `host`: `other`, which is known to be one, else one of the settings."""
        found = self._elsewhere.get(host)
        if found is None or found[0] != other:
            name = other if other is not None else next((name for name in self._settings.registries if name not in ("*", host)), None)
            place = None if name is None else Elsewhere(Host(name), self.reach(Host(name), self.provider(Host(name), None)).registry / "v2/")
            found = self._elsewhere[host] = other, place
        return found[1]

    def _judged(self, host: Host, challenge: ChallengeSeen) -> Demand:
        if challenge.scheme == "basic":
            return Demand(scheme="basic", label=challenge.realm)
        reach = self.reach(host, self.provider(host, None))
        return bearer_demand(reach, URL(challenge.realm), challenge.service, challenge.scope)

    def _forget(self) -> None:
        for kept in (self._said, self._found, self._providers, self._reaches, self._plans, self._kept, self._elsewhere):
            kept.clear()
