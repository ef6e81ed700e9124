"""The history of one stored credential in words: what is known, what happened when, what the last check showed, what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from validator.credential import OSMOS_OWN
from validator.ledger.history import BAD, Event
from validator.ledger.statuses import StatusRow
from validator.protocol.base import shown_text
from validator.providers import Provider
from validator.status import State, Transition
from validator.verdict import Hint, Reason
from validator.verdict.words import HINTS, OSMOS_ADVICE, OSMOS_OWN_IS, cause_and_advice

STATES: Final = {
    State.ALIVE: "works", State.SUSPECT: "is suspect: something was said against it once, and is to be confirmed", State.DEAD: "does not work",
    State.IMPAIRED: "lives, but may not be used for pulling as it is stored", State.UNPROVEN: "cannot be proven: the registry does not tell it apart",
    State.NEVER_CHECKED: "was never judged",
}  # fmt: skip
_CAME: Final = {
    State.ALIVE: "accepted", State.SUSPECT: "spoken against once: suspect", State.DEAD: "refused, and refused again: dead",
    State.IMPAIRED: "found to lack what pulling needs, twice: impaired", State.UNPROVEN: "accepted as anybody is: unproven",
    State.NEVER_CHECKED: "not judged",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What there is to tell. `row` is the stored row's hash now; `status` None: it was never asked about. `quarantined`: its lane is, since."""

    user: str
    name: str
    registry: str
    row: str
    status: StatusRow | None
    events: Sequence[Event]
    provider: Provider
    quarantined: datetime | None = None

    def text(self) -> str:
        """All of it, for a terminal; nothing of a registry or a user stands in it raw."""
        lines = [*self._now(), "", "What happened:", *self._happened()]
        if self.status is not None and self.status.evidence is not None:
            lines += ["", f"The last check, {_at(self.status.last_attempt_at)}:", *self._evidence()]
        lines += ["", *self._next()]
        return "\n".join(lines)

    def _now(self) -> list[str]:
        status = self.status
        head = f"{shown_text(self.name)} of {shown_text(self.user)}, for {self.registry}"
        if status is None:
            return [f"{head}: stored, and not asked about yet"]
        state, osmos = State(status.state), self.user == OSMOS_OWN
        lines = [f"{head}: {STATES[state]}", *([f"  {OSMOS_OWN_IS}."] if osmos else [])]
        if status.verdict is not None and status.reason is not None:
            level = f", level {status.level}" if status.level else ""
            lines.append(f"  Last confirmed {_at(status.checked_at)}: {status.verdict} ({status.reason}){level}")
            cause, advice = cause_and_advice(Reason(status.reason), self.provider.causes, self.provider.advice, hints=status.hints)
            advice = f"{advice.removesuffix('.')}, and {OSMOS_ADVICE}" if osmos and state in (State.DEAD, State.IMPAIRED) else advice
            lines += [f"  {cause}", f"  What to do: {advice.removesuffix('.')}."]
            lines += [f"  Note: {HINTS[Hint(hint)]}" for hint in status.hints]
            if state in (State.DEAD, State.IMPAIRED) and self.provider.renew is not None:
                lines.append(f"  Renew it: {self.provider.renew}")
        if status.last_attempt_at is not None and status.last_attempt_at != status.checked_at:
            said = f"{status.last_attempt_verdict} ({status.last_attempt_reason})"
            lines.append(f"  Last tried {_at(status.last_attempt_at)}: {said}")
        if status.expires_at is not None:
            lines.append(f"  Ends {_at(status.expires_at)}")
        return lines

    def _happened(self) -> list[str]:
        lines: list[str] = []
        row = ""
        for event in self.events:
            if row and event.key.row != row:
                lines.append("  then another secret was stored")
            row = event.key.row
            told = f"; told {_at(event.told_at)}" if event.told_at is not None else ""
            said = f" ({event.verdict} ({event.reason}))" if event.verdict is not None else ""
            lines.append(f"  {_at(event.at)}  {_what(event)}{said}{told}")
        if row and row != self.row:
            lines.append("  then another secret was stored, which is the one that stands there now")
        return lines or ["  nothing was ever different from what it is now"]

    def _evidence(self) -> list[str]:
        lines = []
        for step in self.status.evidence or () if self.status is not None else ():
            who = "" if step["party"] == "subject" else f" ({step['party']})"
            said = step["status"] if step["status"] is not None else "no answer"
            code = f" {step['code']}" if step["code"] else ""
            lines.append(f"  {step['step'] + who:<24} {step['method']:<4} {shown_text(step['url'])}  {said}{code}  {step['ms']} ms")
        return lines or ["  nothing was sent: it was judged by its form, or there was no place in the failure budget"]

    def _next(self) -> list[str]:
        status = self.status
        if self.quarantined is not None:
            return [f"Its registry is in quarantine since {_at(self.quarantined)}: what it refuses is not believed."]
        if status is not None and status.next_due_at is not None:
            return [f"It is asked again by the first sweep after {_at(status.next_due_at)}: the dead ever more rarely."]
        if status is not None and status.state == State.SUSPECT:
            return ["The next sweep asks it first."]
        return ["The next sweep asks it."]


def _what(event: Event) -> str:
    match event.transition:
        case Transition.RECOVERED:
            return "works again"
        case Transition.BLIPPED:
            return "accepted again: that word against it was a blip"
        case Transition.EXPIRING:
            return f"ends soon, {_at(event.expires_at)}"
        case Transition.NEVER_WORKED:
            return "refused, and refused again: it has never worked"
        case _:
            first = f", first said {_at(event.since)}" if event.transition in BAD and event.since not in (None, event.at) else ""
            return f"{_CAME[event.state_after]}{first}"


def _at(at: datetime | None) -> str:
    return "never" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
