"""Random nights: whatever happens to credentials, channels and senders, no event is told twice and none is lost."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.telling.desk import Desk, Said, a_desk
from validator.ledger.history import BAD, Event
from validator.ledger.users import User
from validator.notifiers.base import Handed, Outcome
from validator.status import Transition
from validator.telling import Counts

USERS = ("ada", "bob")
PLACES = ("reg.test/a", "reg.test/b")
HAPPENING = st.tuples(st.just("happens"), st.sampled_from(USERS), st.sampled_from(PLACES), st.sampled_from(["worse", "better", "ends", "blip"]))
OUTCOMES = {
    "taken": Outcome(Handed.TAKEN), "put off": Outcome(Handed.NOT_TAKEN, "not now"), "down": Outcome(Handed.NOT_TAKEN, "down", down=True),
    "unclear": Outcome(Handed.UNCLEAR, "cut off"),
}  # fmt: skip
NIGHT = st.tuples(st.just("night"), st.lists(st.sampled_from([*OUTCOMES]), max_size=4))
KILLED = st.tuples(st.just("killed"), st.booleans())
STEPS = st.lists(st.one_of(HAPPENING, HAPPENING, NIGHT, KILLED), min_size=3, max_size=25)


class Walk:
    """What was done, and what each event came to."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.said, self.nights = desk, Said(), 0
        self.bad: dict[tuple[str, str], bool] = {}
        self.events: list[Event] = []
        self.handed: Counter[str] = Counter()
        desk.users = {"said": self.said}
        self._send, self.said.send = self.said.send, self.heard  # type: ignore[method-assign]

    async def heard(self, letter: Any) -> Outcome:
        outcome = await self._send(letter)
        [notice] = [one for one in await self.desk.outbox() if one.id == letter.id]
        if outcome.handed in (Handed.TAKEN, Handed.UNCLEAR):
            told = {one["name"] for one in letter.facts["credentials"]}
            self.handed.update(line["event"] for line in notice.lines if line["name"] in told and not line["reminder"])
        return outcome

    async def happens(self, user: str, place: str, what: str) -> None:
        bad = self.bad.get((user, place), False)
        kind = {"worse": "died", "better": "recovered", "ends": "expiring", "blip": "blipped"}[what]
        if bad == (what != "better"):  # what is dead does not die, end or blip; what lives does not come back
            return
        self.desk.wall += timedelta(minutes=1)
        name = place.rpartition("/")[2]
        held = await self.desk.store.get(user, name) or await self.desk.keep(user, name, place)
        self.events.append(await self.desk.happens(kind, held))  # type: ignore[arg-type]
        self.bad[user, place] = what == "worse"

    async def night(self, outcomes: list[str]) -> Counts:
        self.nights += 1
        self.desk.wall += timedelta(days=1)
        self.said.outcomes = [OUTCOMES[one] for one in outcomes]
        return await self.desk.teller(recovered=True, reminder_days=0).tell(f"night {self.nights}")

    async def killed(self, handed: bool) -> None:
        """A sender ends between its claim and the end: before the channel has it, or after."""
        teller = self.desk.teller(recovered=True, reminder_days=0)
        self.nights += 1
        await self.desk.opened.ledger.together(lambda parts: teller._compose(parts, f"night {self.nights}", self.desk.wall))
        claimed = await self.desk.opened.ledger.notices.claim("a/process/0/0", self.desk.wall - timedelta(days=1), limit=1)
        for notice in claimed:
            letter = await teller._letter(notice, User(user=notice.user))
            if letter is not None:
                told = {one["name"] for one in letter.facts["credentials"]}
                self.handed.update(line["event"] for line in notice.lines if line["name"] in told)

    def told_in_the_end(self) -> None:
        """The last thing that a user is to know of a credential was handed over, once, or shown as maybe sent."""
        last: dict[tuple[str, Any], Event] = {}
        for event in self.events:
            if event.transition in BAD | {Transition.EXPIRING}:
                last[event.key.user, event.key.scope] = event
            elif event.transition is Transition.RECOVERED:
                last.pop((event.key.user, event.key.scope), None)
        assert {event.id for event in last.values()} <= set(self.handed)
        assert set(self.handed.values()) <= {1}


async def walk(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with a_desk(Path(folder)) as desk:
            walked = Walk(desk)
            for what, *words in steps:
                await getattr(walked, what)(*words)
            for _ in range(2):
                await walked.night([])
            walked.told_in_the_end()
            assert await walked.night([]) == Counts()
            assert await desk.opened.ledger.history.untold() == 0


@settings(max_examples=max(8, settings().max_examples // 12))
@given(STEPS)
def test_no_event_is_told_twice_and_none_is_lost(steps):
    asyncio.run(walk(steps))
