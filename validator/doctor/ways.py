"""The ways to the registries: name, dial, TLS, proxy, what answers there, and what time it is there. No secret is sent.

Each registry gets a ping and a token request by nobody, in its lane's turn and behind the transport's gates, as a sweep sends them.
"""

from __future__ import annotations

import asyncio
import ssl
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from validator.credential import Host
from validator.doctor.base import Finding, found
from validator.evidence import Evidence, Exchange, Step
from validator.probe import Probe
from validator.protocol.errcode import BodyShape
from validator.providers import Provider
from validator.registry.base import Answer, Request, Transport
from validator.verdict import Meaning, Reason, read

MOST_HOSTS: Final = 300
DEADLINE_S: Final = 45.0
"""So long one registry has for its turn and its answers."""
CLOCK_OFF_S: Final = 60.0
"""Beyond this our clock is wrong: tokens and certificates of a minute's life are not made."""
_AT_ONCE: Final = 16

_BY_REASON: Final[Mapping[Reason, str]] = {
    Reason.DNS_NXDOMAIN: "registry_unnamed",
    Reason.DNS_FAILURE: "dns_silent",
    Reason.PROXY_ERROR: "proxy_fails",
    **dict.fromkeys((Reason.CONNECT_FAILED, Reason.TIMEOUT, Reason.DEADLINE), "registry_unreached"),
    **dict.fromkeys((Reason.TLS_UNTRUSTED, Reason.TLS_EXPIRED, Reason.TLS_NAME, Reason.TLS_FAILED), "registry_untrusted"),
    **dict.fromkeys((Reason.UNSAFE_ADDRESS, Reason.UNSAFE_REALM, Reason.UNSAFE_REDIRECT, Reason.INSECURE_SCHEME), "registry_unsafe"),
    **dict.fromkeys((Reason.SERVER_ERROR, Reason.THROTTLED, Reason.PULL_LIMIT, Reason.ADDRESS_BANNED, Reason.ADDRESS_REFUSED), "registry_ill"),
}  # fmt: skip


@dataclass(slots=True)
class Heard:
    """A transport that notes what time its answers say it is, by host and port: seconds ahead of `now` (epoch seconds)."""

    inner: Transport
    now: Callable[[], float]
    ahead_s: dict[str, float] = field(default_factory=dict)

    async def send(self, request: Request) -> Answer:
        """See `Transport`."""
        answer = await self.inner.send(request)
        try:
            said = parsedate_to_datetime(next(iter(answer.values("date")), ""))
            self.ahead_s[f"{request.url.host}:{request.url.port}"] = said.replace(tzinfo=said.tzinfo or UTC).timestamp() + 0.5 - self.now()
        except (ValueError, OverflowError):
            pass  # it says no time
        return answer


@dataclass(slots=True, kw_only=True)
class Ways:
    """Looks at the ways of `hosts`; `strict` opens a transport as newer Pythons are about certificates, where that is another one."""

    probe: Probe
    hosts: Sequence[Host]
    strict: Callable[[], AbstractAsyncContextManager[Transport]]
    environ: Mapping[str, str]
    deadline_s: float = DEADLINE_S
    _findings: list[Finding] = field(default_factory=list)
    _good: list[Host] = field(default_factory=list)
    _named: set[Host] = field(default_factory=set)

    async def look(self) -> list[Finding]:
        """Every finding about them."""
        heard = Heard(self.probe.transport, lambda: self.probe.now().timestamp())
        await self._ask(self.probe.beside(transport=heard), self.hosts[:MOST_HOSTS], self._note)
        if not self.hosts:
            self._findings.append(found("registry_none"))
        if len(self.hosts) > MOST_HOSTS:
            self._findings.append(found("registry_many", number=len(self.hosts) - MOST_HOSTS))
        await self._strictly()
        return [*self._findings, *self._proxy(), *self._names(), *([_clock(heard.ahead_s)] if self.hosts else [])]

    async def _ask(self, probe: Probe, hosts: Sequence[Host], note: Callable[[Host, Provider, Evidence], None]) -> None:
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(host: Host) -> None:
            if probe.ways.said(host).disabled:
                self._findings.append(found("registry_disabled", host))
                return
            try:
                async with room, asyncio.timeout(self.deadline_s):
                    begun, evidence = await probe.as_nobody(host, anew=True)
            except TimeoutError:
                self._findings.append(found("registry_busy", host))
                return
            note(host, begun.provider, evidence)

        async with asyncio.TaskGroup() as tasks:
            for host in hosts:
                tasks.create_task(one(host))

    def _note(self, host: Host, provider: Provider, evidence: Evidence) -> None:
        last = evidence.exchanges[-1]
        demand, _ = evidence.challenged()
        code, why = _code(last, provider)
        if code is None and demand is not None and demand.fault is not None:
            code, why = "registry_unsafe", _words(demand.fault.value)
        if last.step is not Step.PING or code not in ("registry_unnamed", "dns_silent", "proxy_fails"):
            self._named.add(host)
        if code is None:
            self._good.append(host)
            self._findings.append(found("registry_answers", host, title=provider.title))
            return
        where = "" if last.step is Step.PING else f" (its logins, at {last.url.partition('//')[2].partition('/')[0]})"
        self._findings.append(found(code, host, where=where, why=why))

    async def _strictly(self) -> None:
        """Ask those again who may be refused by a newer Python: no file of authorities is named for them."""
        settings = self.probe.settings
        if settings.network.ca_file is not None or ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT:
            return
        ways = self.probe.ways
        hosts = [host for host in self._good if ways.said(host).ca_file is None and not ways.said(host).plain_http]
        hosts = [host for host in hosts if not str(ways.said(host).endpoint or "").startswith("http:")]
        if not hosts:
            return

        def note(host: Host, provider: Provider, evidence: Evidence) -> None:
            if any(_code(one, provider)[0] == "registry_untrusted" for one in evidence.exchanges):
                self._findings.append(found("tls_strict", host))

        async with self.strict() as transport:
            await self._ask(self.probe.beside(transport=transport), hosts, note)

    def _proxy(self) -> list[Finding]:
        proxy = self.probe.settings.network.proxy
        if proxy is not None:
            return [found("proxy_used", str(proxy))]
        unused = next((name for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy") if self.environ.get(name)), None)
        return [found("proxy_none")] if unused is None else [found("proxy_unused", unused)]

    def _names(self) -> list[Finding]:
        if self.probe.settings.network.proxy is not None:
            return [found("dns_proxied")]
        return [found("dns_answers", hosts=len(self._named))] if self._named else []


def _clock(ahead_s: Mapping[str, float]) -> Finding:
    if not ahead_s:
        return found("clock_unknown")
    ahead = statistics.median(ahead_s.values())
    seconds = round(abs(ahead))
    if seconds <= CLOCK_OFF_S:
        return found("clock_right", seconds=max(1, seconds), hosts=len(ahead_s))
    return found("clock_off", seconds=seconds, way="behind" if ahead > 0 else "ahead of", hosts=len(ahead_s))


def _code(exchange: Exchange, provider: Provider) -> tuple[str | None, str]:
    """The finding that one answer is, None for a good one, and why."""
    said = read(exchange, provider.traits.rows)
    why = _words(said.reason.value) if said.reason is not None else "it says nothing that a registry says"
    code = _BY_REASON.get(said.reason) if said.reason is not None and said.meaning is not Meaning.ON else None
    if code is not None or said.meaning is Meaning.ON:
        return code, why
    if exchange.failure is not None:
        return "registry_busy" if exchange.unsent else "registry_strange", why
    page = exchange.shape is BodyShape.HTML
    strange = said.meaning in (Meaning.UNKNOWN, Meaning.PAGE, Meaning.NO_REGISTRY) if exchange.step is Step.PING else page
    return ("registry_strange" if strange else None), why


def _words(value: str) -> str:
    return value.replace("_", " ")
