"""How many credentials are well, registry by registry, and those that are not: of one user, or of all.

Of all it opens every stored row, which takes seconds for a hundred thousand; so it is made at most once in KEPT_S, by one caller.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from validator.credential import Credential
from validator.ledger import Ledger
from validator.shown import status_row
from validator.status import State
from validator.stores.base import CredentialStore

KEPT_S: Final = 30.0
SHOWN: Final = 500
"""Rows of an overview; what ails comes first."""

_ORDER: Final = (State.DEAD, State.IMPAIRED, State.SUSPECT, State.NEVER_CHECKED, State.UNPROVEN, State.ALIVE)


@dataclass(frozen=True, slots=True)
class Overview:
    """`states` by registry; `rows` at most SHOWN of `total`."""

    states: Mapping[str, Counter[str]]
    rows: tuple[dict[str, Any], ...]
    total: int


@dataclass(slots=True)
class Overviews:
    """Makes them, and keeps the one of all."""

    ledger: Ledger
    store: CredentialStore
    monotonic: Callable[[], float]
    _kept: tuple[float, Overview] | None = None
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def of(self, user: str | None) -> Overview:
        """Of one user, as it is now; None: of all, as it was within KEPT_S."""
        if user is not None:
            return await self._made(user)
        async with self._alone:
            if self._kept is None or self.monotonic() - self._kept[0] > KEPT_S:
                self._kept = (self.monotonic(), await self._made(None))
            return self._kept[1]

    async def _made(self, user: str | None) -> Overview:
        kept = {(one.key.user, one.key.scope, one.key.row): one for one in await self.ledger.statuses.all(user)}
        states: dict[str, Counter[str]] = {}
        by_state: dict[str, list[dict[str, Any]]] = {}
        async with aclosing(self.store.credentials(user)) as stored:  # type: ignore[type-var]  # the Protocol says AsyncIterator, each store is a generator
            async for one in stored:
                row = status_row(one, kept.get((one.user, one.scope, one.row if isinstance(one, Credential) else "")))
                states.setdefault(row["registry"], Counter())[row["state"]] += 1
                alike = by_state.setdefault(row["state"], [])
                if len(alike) < SHOWN:
                    alike.append(row)
        rows = [row for state in _ORDER for row in by_state.get(state, ())]
        return Overview(states, tuple(rows[:SHOWN]), sum(counts.total() for counts in states.values()))
