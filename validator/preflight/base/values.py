"""Images as a workload names them, and what was foretold of each. Values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from validator.credential import OSMOS_OWN, Credential
from validator.protocol.manifest import Platform
from validator.providers import Provider
from validator.stores.base import BrokenPullSecret, UnreadableRow
from validator.verdict import ImageOutcome, ImageVerdict, Verdict

Stored = Credential | UnreadableRow
Held = Stored | BrokenPullSecret
"""What one user has stored, in the order of the pod's secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an image is named: the file ("-": standard input), the line from 1, and the task, container or service ("": none)."""

    file: str
    line: int | None = None
    task: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One image as a workload names it.

    Images of one `group` share one pull secret: a group of a workflow, a task that stands alone, a pod, or all that were given as
    arguments. `platforms` must all be there; empty: none is judged. `unrendered` is the variable without a value that `image` holds.
    """

    image: str
    group: int = 0
    platforms: tuple[Platform, ...] = ()
    place: Place | None = None
    unrendered: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What one matching credential came to at an image."""

    name: str
    verdict: Verdict
    image: ImageVerdict


def told_name(one: Stored) -> str:
    """How a credential is named to a user: OSMO's own by whose it is, and by no more."""
    return one.name if one.user != OSMOS_OWN else OSMOS_OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What will happen to one image. `via` is the credential that pulls it; `tried` all that were asked, in order.

    `cached`: nothing was asked for it now, and `checked_at` is when it was. `retry_at`: when asking again may tell more.
    `why` is what the general words do not say: which credential blocks it, what is wrong with the name. `asked` is False for what
    is answered without a registry; `registry` is its host, "" where none is named.
    """

    wanted: Wanted
    verdict: ImageVerdict
    via: str | None = None
    tried: tuple[Tried, ...] = ()
    provider: Provider
    checked_at: datetime
    retry_at: datetime | None = None
    why: str = ""
    cached: bool = False
    asked: bool = True
    registry: str = ""

    @property
    def is_osmos(self) -> bool:
        """True if no credential of the user's was tried: OSMO's own alone matches."""
        return bool(self.tried) and all(one.name == OSMOS_OWN for one in self.tried)

    @property
    def image(self) -> str:
        """The image as it was named."""
        return self.wanted.image


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Foretelling:
    """All images of one request, in its order. Each is equal to itself alone: it may be shown many times."""

    images: tuple[Foretold, ...]

    @property
    def outcome(self) -> str:
        """`blocked` if any image is, else `unknown` if any is, else `ready`."""
        outcomes = {foretold.verdict.outcome for foretold in self.images}
        if outcomes & {ImageOutcome.DENIED, ImageOutcome.NOT_FOUND, ImageOutcome.WRONG_PLATFORM}:
            return "blocked"
        return "unknown" if ImageOutcome.UNKNOWN in outcomes else "ready"
