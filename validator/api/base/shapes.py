"""The shapes of answers, for the OpenAPI document: contract section 4. A test holds what is really sent against them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from validator.api.base.problem import TYPE, Kind
from validator.status import State, Transition
from validator.verdict import Hint, ImageOutcome, Level, Outcome, Reason

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339, UTC, with Z")]


class Shape(BaseModel):
    """Base of every answer: all keys are always there."""

    model_config = ConfigDict(extra="forbid")


class ProblemShape(Shape):
    """RFC 9457."""

    type: Literal[tuple(TYPE.format(kind) for kind in Kind)]  # type: ignore[valid-type]  # one for each kind
    title: str
    status: int
    detail: str
    request_id: str | None
    errors: list[dict[str, Any]] = Field(default=[], description="Where a body is wrong, and by which rule")


class ExchangeShape(Shape):
    """One request to a registry and what came back; no secret."""

    step: str
    method: str
    url: str
    status: int | None
    code: str | None
    ms: int


class CheckedImage(Shape):
    """What is said of the image of a check."""

    reference: str
    outcome: ImageOutcome
    reason: Reason
    hints: list[Hint]
    cause: str
    advice: str
    digest: str | None
    platforms: list[str] | None


class CheckAnswer(Shape):
    """A verdict about one credential."""

    verdict: Outcome
    reason: Reason
    level: Level | None
    hints: list[Hint]
    registry: str | None
    username: str
    cause: str
    advice: str
    retry_at: Instant | None
    expires_at: Instant | None
    checked_at: Instant
    evidence: list[ExchangeShape]
    image: CheckedImage | None = Field(default=None, description="Only where an image was named")


class ForetoldImage(Shape):
    """What will happen to one image."""

    image: str
    outcome: ImageOutcome
    via: str | None = Field(description="The credential that pulls it; null: anonymously, or not at all")
    reason: Reason
    hints: list[Hint]
    cause: str
    advice: str
    digest: str | None
    cached: bool
    checked_at: Instant
    retry_at: Instant | None
    file: str | None
    line: int | None
    task: str | None


class PreflightAnswer(Shape):
    """All images of one pre-flight."""

    outcome: Literal["ready", "blocked", "unknown"]
    images: list[ForetoldImage]
    took_ms: int


class Attempt(Shape):
    """The last time that a credential was asked about, whatever it came to."""

    verdict: Outcome
    reason: Reason
    at: Instant


class CredentialRow(Shape):
    """A stored credential, without its secret; `verdict` and `reason` are the last confirmed ones."""

    user: str
    name: str
    registry: str
    verdict: Outcome | None
    reason: Reason | None
    level: Level | None
    state: State
    transition: Transition
    checked_at: Instant | None
    last_attempt: Attempt | None
    expires_at: Instant | None


class Credentials(Shape):
    """One user's."""

    credentials: list[CredentialRow]


class SweptCredential(Shape):
    """What a sweep found of one credential."""

    user: str
    name: str
    registry: str
    verdict: Outcome | None
    reason: Reason | None
    level: Level | None
    state: State
    transition: Transition
    checked_at: Instant | None


class SweptRegistry(Shape):
    """What a sweep did at one registry."""

    registry: str
    credentials: int
    probes: int
    requests: int
    refused_logins: int
    quarantined: bool


class LeftOverRow(Shape):
    """A credential that was not judged, and why."""

    user: str
    name: str
    reason: Reason


class Notices(Shape):
    """Messages of a sweep."""

    sent: int
    maybe_sent: int
    failed: int
    undeliverable: int


class SweepAnswer(Shape):
    """A sweep: what its caller may see of it."""

    sweep: str
    state: Literal["running", "finished", "stopped", "failed"]
    started_at: Instant
    finished_at: Instant | None
    totals: dict[Outcome, int]
    registries: list[SweptRegistry]
    credentials: list[SweptCredential]
    left_over: list[LeftOverRow]
    notices: Notices


class SweepStarted(Shape):
    """The name of a sweep that has begun."""

    sweep: str


class SweepLine(Shape):
    """A sweep in a list."""

    sweep: str
    state: Literal["running", "finished", "stopped", "failed"]
    started_at: Instant
    finished_at: Instant | None
    totals: dict[Outcome, int]


class Sweeps(Shape):
    """The newest first."""

    sweeps: list[SweepLine]


class SpentWindow(Shape):
    """How much of a failure budget is spent: refused logins in a window."""

    window_s: int
    refused: int
    most: int


class RegistryRow(Shape):
    """A registry: by whose rules it is asked, its credentials by state, and (for those who see everything) its failure budget."""

    registry: str
    provider: str
    title: str
    disabled: bool
    credentials: int
    states: dict[State, int]
    refused: list[SpentWindow]


class Registries(Shape):
    """All with stored credentials, and those that the settings name."""

    registries: list[RegistryRow]


class Health(Shape):
    """The process runs."""

    status: Literal["ok"]


class Ready(Shape):
    """What was asked, and that it answers."""

    status: Literal["ready"]
    store: Literal["ok"]
    ledger: Literal["ok"]
