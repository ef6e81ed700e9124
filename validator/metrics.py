"""What Prometheus reads: every name in one place. Labels are a registry, a verdict and a reason; never a user, a credential or a token.

One `Metrics` is one program's; its registry is its own, so that tests may have many.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OTHER: Final = "other"
"""The label of every registry that the settings do not name and no provider knows: else each caller could make new ones without end."""

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """`registries` are the hosts that have a label of their own."""

    def __init__(self, registries: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self._hosts = frozenset(registries)
        by_verdict = ("registry", "verdict", "reason")
        self._verdicts = self._counter("validator_verdicts", "Verdicts about credentials that were given", by_verdict)
        self._images = self._counter("validator_images", "Outcomes of images that were given", by_verdict)
        self._exchanges = self._counter("validator_registry_requests", "Requests that registries were sent", ("registry",))
        self._refused = self._counter("validator_refused_logins", "Logins that registries refused", ("registry",))
        self._requests = self._counter("validator_http_requests", "Requests that the service answered")
        self._faults = self._counter("validator_http_faults", "Requests that the service answered with a fault of its own")
        self._limited = self._counter("validator_http_limited", "Requests that the service turned away for their number")
        self._seconds = Histogram("validator_http_seconds", "How long an answer took", registry=self.registry, buckets=_SECONDS)
        self._preflights = Histogram("validator_preflight_seconds", "How long a pre-flight took", registry=self.registry, buckets=_SECONDS)
        self.in_flight = Gauge("validator_http_in_flight", "Requests that wait for their answer", registry=self.registry)
        self.sweeping = Gauge("validator_sweeping", "1 while a sweep runs here", registry=self.registry)

    def _counter(self, name: str, what: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def verdict(self, registry: str, verdict: str, reason: str) -> None:
        """One verdict about a credential."""
        self._verdicts.labels(self._label(registry), verdict, reason).inc()

    def image(self, registry: str, outcome: str, reason: str, times: int = 1) -> None:
        """An outcome of an image, met so many times."""
        self._images.labels(self._label(registry), outcome, reason).inc(times)

    def exchange(self, registry: str, *, refused: bool) -> None:
        """One request to a registry; `refused`: a login that it refused."""
        self._exchanges.labels(self._label(registry)).inc()
        if refused:
            self._refused.labels(self._label(registry)).inc()

    def request(self, status: int, seconds: float) -> None:
        """One request that the service answered."""
        self._requests.inc()
        self._seconds.observe(seconds)
        if status >= 500:
            self._faults.inc()
        if status == 429:
            self._limited.inc()

    def preflight(self, seconds: float) -> None:
        """One pre-flight."""
        self._preflights.observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _label(self, registry: str) -> str:
        return registry if registry in self._hosts else OTHER
