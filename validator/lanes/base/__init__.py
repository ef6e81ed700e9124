"""What workers work with, and the jobs that they leave to each other: ids and hosts, for a queue's table and log show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from validator.ledger import Ledger
from validator.probe import Probe
from validator.stores.base import CredentialStore
from validator.sweep.base.times import Schedule
from validator.telling import Teller

SLICE_S: Final = 1800.0
"""So long a worker has a lane at once: then who came meanwhile may have it, and a change of the program costs little."""
WHOLE_LANE: Final = -1
"""In place of a part's number."""


@dataclass(frozen=True, slots=True)
class Work:
    """One process's. `schedule` None: something else begins the sweep."""

    probe: Probe
    ledger: Ledger
    store: CredentialStore
    teller: Teller
    schedule: Schedule | None
    slice_s: float = SLICE_S


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done for a sweep: one lane of it, or a part of one; without a host what is before and after its lanes."""

    sweep: str
    host: str = ""
    part: int = WHOLE_LANE

    @property
    def lock(self) -> str:
        """What one process at a time does, whatever sweep it is of."""
        if not self.host:
            return "sweep"
        return f"lane:{self.host}" if self.part == WHOLE_LANE else f"lane:{self.host}#{self.part}"
