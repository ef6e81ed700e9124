"""One GET of a manifest for all who want it at the same time: where pulls are metered each costs one. registries/dockerhub.md 4."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final
from weakref import WeakValueDictionary

from validator.evidence import Evidence, Exchange, Step
from validator.protocol.manifest import valid_digest
from validator.providers.plan import Ask
from validator.registry.client import RegistryClient

MOST: Final = 64
"""So many are kept, for those who wait; whoever comes later finds what they hold in the ledger."""


@dataclass(slots=True)
class Manifests:
    """The manifests that were read in this process a moment ago, by host and digest."""

    _read: dict[tuple[str, str], Exchange] = field(default_factory=dict)
    _under_way: WeakValueDictionary[tuple[str, str], asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def sent(self, ask: Ask, client: RegistryClient, evidence: Evidence) -> Exchange:
        """The exchange of `ask`; of a metered manifest whose digest is known, the answer that another conversation has just got.

        A failure is nobody else's: the next one asks for itself.
        """
        digest = _digest_of(ask, evidence) if client.reach.provider.metered and ask.step is Step.MANIFEST and ask.method == "GET" else ""
        if not digest:
            return await client.send(ask)
        key = (str(client.reach.host), digest)
        lock = self._under_way.setdefault(key, asyncio.Lock())
        async with lock:
            if (read := self._read.get(key)) is not None:
                return replace(read, party=ask.party, url=client.reach.way_to(ask.url).masked, repository=ask.repository, led=ask.led)
            sent = await client.send(ask)
            if sent.status == 200 and sent.manifest is not None and sent.manifest.digest == digest:
                self._read[key] = sent
                if len(self._read) > MOST:
                    del self._read[next(iter(self._read))]
            return sent


def _digest_of(ask: Ask, evidence: Evidence) -> str:
    """The digest of what is asked for: the one in the URL, or the one that a HEAD of the same URL named; "" if none is known."""
    named = ask.url.path.rpartition("/")[2]
    if valid_digest(named):
        return named
    heads = [e for e in evidence.of(Step.PULL, party=ask.party) if e.repository == ask.repository and e.manifest is not None]
    return (heads[-1].manifest.digest or "") if heads and heads[-1].manifest is not None else ""
