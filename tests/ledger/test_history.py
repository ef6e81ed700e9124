"""The history: what is a change, what of it is told, and that a row written twice is one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.ledger.telling import NOW, event, key_of
from validator.credential import parse_scope
from validator.errors import Bug
from validator.ledger import Ledger
from validator.ledger.history import Event, change_of, telling
from validator.status import Standing, State, Transition, advance
from validator.verdict import Hint, Outcome, Reason, Verdict

REFUSED = Verdict(outcome=Outcome.INVALID, reason=Reason.REFUSED, hints=(Hint.OWNER_OTHER,))
VALID = Verdict(outcome=Outcome.VALID, reason=Reason.LOGIN_ACCEPTED)
ALIVE = Standing(state=State.ALIVE, outcome=Outcome.VALID, reason=Reason.LOGIN_ACCEPTED, ever_valid=True)


def step(before: Standing, verdict: Verdict, minutes: int):
    at = NOW + timedelta(minutes=minutes)
    made = advance(before, verdict, at=at, confirm_after_s=600, healthy=True, sent=True)
    return made, change_of(key_of(), "ngc", before, made, at=at, sweep="one")


def test_a_death_is_an_event_with_its_words_and_the_instant_of_the_first_refusal():
    suspected, first = step(ALIVE, REFUSED, 0)
    _, second = step(suspected.standing, REFUSED, 10)
    assert first is not None
    assert (first.transition, first.state_before, first.state_after, first.notice) == (Transition.NONE, State.ALIVE, State.SUSPECT, "")
    assert second is not None
    assert (second.transition, second.state_before, second.state_after, second.notice) == (Transition.DIED, State.SUSPECT, State.DEAD, None)
    assert (second.reason, second.hints, second.since, second.at) == ("refused", (Hint.OWNER_OTHER,), NOW, NOW + timedelta(minutes=10))


def test_nothing_that_stays_as_it_was_is_an_event():
    assert step(ALIVE, VALID, 0)[1] is None


E1, E2 = event("died"), event("expiring")
TELLING: dict[str, tuple[list[Event], list[str]]] = {
    "a death": ([event("died")], ["died"]),
    "a death after a warning": ([event("expiring"), event("died", at_h=1)], ["died"]),
    "two warnings": ([event("expiring"), event("expiring", at_h=24)], ["expiring"]),
    "well again before anybody heard": ([event("died"), event("recovered", at_h=24)], []),
    "well again after it was told": ([event("recovered")], ["recovered"]),
    "well again after a reminder that nobody had": ([event("died", told_at=NOW), event("recovered", at_h=24)], ["recovered"]),
    "dead, well, dead": ([event("died"), event("recovered", at_h=1), event("died", at_h=2)], ["died"]),
    "impaired, then dead": ([event("impaired"), event("died", at_h=1)], ["died"]),
    "two paths": ([event("died", scope="reg.test/a"), event("never_worked", scope="reg.test/b")], ["died", "never_worked"]),
    "the new secret is bad too": ([event("died"), event("never_worked", secret="s2", at_h=5)], ["never_worked"]),
    "nothing for a user": ([event("blipped"), event("none")], []),
}


@pytest.mark.parametrize(("events", "told"), TELLING.values(), ids=TELLING.keys())
def test_of_what_waits_one_thing_a_credential_is_told(events, told):
    assert [one.transition.value for one in telling(events, recovered=True)] == told


def test_a_recovery_is_told_by_setting_only():
    assert telling([event("recovered")]) == ()


def test_what_stays_bad_is_told_since_its_beginning():
    later = event("died", at_h=24)
    assert telling([event("impaired"), later])[0].since == NOW - timedelta(minutes=10)
    assert telling([event("impaired"), event("died", secret="s2", at_h=24)])[0].since == later.since, "another secret has a beginning of its own"


async def test_an_event_comes_back_as_it_was_written_and_once(ledger: Ledger):
    made = step(step(ALIVE, REFUSED, 0)[0].standing, REFUSED, 10)[1]
    assert made is not None
    await ledger.history.add(made, event("blipped", user="bob"))
    await ledger.history.add(made)
    assert await ledger.history.of("ada") == (made,)
    assert await ledger.history.of("ada", "ngc", scope=parse_scope("reg.test")) == (made,)
    assert await ledger.history.of("ada", "other") == ()
    assert len(await ledger.history.of_sweep("one")) == 2
    assert await ledger.history.untold() == 1


async def test_an_event_is_kept_with_its_status_or_not_at_all(ledger: Ledger):
    async def write(parts: Ledger) -> None:
        await parts.history.add(event())
        raise Bug("half-way")

    with pytest.raises(Bug):
        await ledger.together(write)
    assert await ledger.history.of("ada") == ()


async def test_the_newest_of_many_are_shown_in_their_order(ledger: Ledger):
    await ledger.history.add(*(event("blipped", at_h=hour) for hour in range(5)))
    assert [one.at for one in await ledger.history.of("ada", limit=2)] == [NOW + timedelta(hours=3), NOW + timedelta(hours=4)]


async def test_what_is_old_is_forgotten_but_never_what_waits(ledger: Ledger):
    await ledger.history.add(event("died"), event("blipped"), event("blipped", at_h=50))
    assert await ledger.history.trim(NOW + timedelta(hours=49)) == 1
    assert [one.transition for one in await ledger.history.of("ada")] == [Transition.DIED, Transition.BLIPPED]
