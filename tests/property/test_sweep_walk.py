"""Random histories of a user's credentials, told now and then: nobody dies by one refusal, nothing is told twice, nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from validator.credential import Host, RegistryScope
from validator.ledger.history import BAD, TOLD, Event, change_of, telling
from validator.ledger.statuses import StatusKey
from validator.sealing import Fingerprint
from validator.status import Standing, State, Transition, advance
from validator.verdict import Outcome, Reason, Verdict

WAIT_S = 600.0
SCOPES = [RegistryScope(Host("a.test")), RegistryScope(Host("a.test"), "team"), RegistryScope(Host("b.test"))]
GOOD = Verdict(outcome=Outcome.VALID, reason=Reason.LOGIN_ACCEPTED)
REFUSED = Verdict(outcome=Outcome.INVALID, reason=Reason.REFUSED)
LACKING = Verdict(outcome=Outcome.INSUFFICIENT, reason=Reason.NO_PULL_PERMISSION)
NOTHING = [
    Verdict(outcome=Outcome.UNKNOWN, reason=Reason.SERVER_ERROR),
    Verdict(outcome=Outcome.UNKNOWN, reason=Reason.REGISTRY_ILL),
    Verdict(outcome=Outcome.UNPROVABLE, reason=Reason.CONTROL_MISSING),
]
ANYONE = Verdict(outcome=Outcome.UNPROVABLE, reason=Reason.ACCEPTS_ANYONE)
LATER = [0.001, WAIT_S - 1, WAIT_S, WAIT_S + 1, WAIT_S + 1, 86_400.0, 8 * 86_400.0]
SAID = [REFUSED, REFUSED, REFUSED, GOOD, GOOD, LACKING, LACKING, ANYONE, *NOTHING]


class Histories(RuleBasedStateMachine):
    """One user's credentials of three registries, each with one secret at a time; a sweep's telling at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
        self.rows = dict.fromkeys(range(len(SCOPES)), 0)
        self.standings: dict[StatusKey, Standing] = {}
        self.heard: dict[StatusKey, list[tuple[datetime, Verdict, bool]]] = {}
        self.events: list[Event] = []
        self.untold: list[Event] = []
        self.told: list[Event] = []

    def key(self, one: int) -> StatusKey:
        return StatusKey("ada", SCOPES[one], Fingerprint(f"{one} {self.rows[one]}"), str(self.rows[one]))

    @rule(one=st.sampled_from([0, 0, 0, 1, 2]), verdict=st.sampled_from(SAID), healthy=st.booleans(), seconds=st.sampled_from(LATER))
    def hears(self, one: int, verdict: Verdict, healthy: bool, seconds: float) -> None:
        key = self.key(one)
        self.now += timedelta(seconds=seconds)
        before = self.standings.get(key)
        step = advance(before, verdict, at=self.now, confirm_after_s=WAIT_S, healthy=healthy, sent=True)
        self.heard.setdefault(key, []).append((self.now, verdict, healthy))
        event = change_of(key, f"key{one}", before, step, at=self.now, sweep="s")
        self.standings[key] = step.standing
        if event is not None:
            self.events.append(event)
            self.untold += [event] if event.notice is None else []
        if step.standing.state is State.DEAD and (before is None or before.state is not State.DEAD):
            self.is_a_death(key)

    def is_a_death(self, key: StatusKey) -> None:
        """Two refusals of this secret, the wait apart, nothing else said of it in between, the registry seen well."""
        last, said, healthy = self.heard[key][-1]
        assert (said, healthy) == (REFUSED, True)
        for at, verdict, _ in reversed(self.heard[key][:-1]):
            if verdict in NOTHING:
                continue
            assert verdict is REFUSED
            if (last - at).total_seconds() >= WAIT_S:
                return
        raise AssertionError("one refusal killed")

    @rule(one=st.sampled_from(range(len(SCOPES))))
    def is_rotated(self, one: int) -> None:
        self.rows[one] += 1

    @rule(recovered=st.booleans())
    def a_digest_is_made(self, recovered: bool) -> None:
        told = telling(self.untold, recovered=recovered)
        assert len({event.key.scope for event in told}) == len(told), "one line a registry path"
        self.told += told
        for event in self.untold:
            if event.transition in BAD and event.id not in {one.id for one in told}:
                later = [one for one in self.untold if one.key.scope == event.key.scope and self.untold.index(one) > self.untold.index(event)]
                assert later, "an event is told, or something has happened since that is"
        self.untold = []

    @invariant()
    def nothing_is_told_twice(self) -> None:
        assert len({event.id for event in self.told}) == len(self.told)
        assert len({event.id for event in self.events}) == len(self.events)

    @invariant()
    def nothing_is_lost(self) -> None:
        """Whoever is dead or impaired now was told so, or waits to be."""
        for key, standing in self.standings.items():
            if standing.state in (State.DEAD, State.IMPAIRED) and self.key(SCOPES.index(key.scope)) == key:
                mine = [event for event in self.events if event.key == key and event.transition in TOLD]
                assert any(event.transition in BAD for event in mine)
                last = [event for event in mine if event.transition in BAD][-1]
                assert last.id in {event.id for event in [*self.told, *self.untold]}

    @invariant()
    def a_new_secret_begins_anew(self) -> None:
        for one in range(len(SCOPES)):
            standing = self.standings.get(self.key(one))
            if standing is not None and standing.state is State.DEAD:
                assert any(verdict is REFUSED for _, verdict, _ in self.heard[self.key(one)])

    @invariant()
    def what_died_and_had_worked_says_so(self) -> None:
        for event in self.events:
            if event.transition is Transition.DIED:
                assert any(verdict is GOOD and at <= event.at for at, verdict, _ in self.heard[event.key])


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
