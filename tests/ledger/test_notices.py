"""The outbox: a claim is one process's, a settled one stays settled, and what was cut off is never sent again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.ledger.telling import NOW, compose, event
from validator.ledger import Ledger
from validator.ledger.notices import Kind, NoticeState, Route
from validator.ledger.users import User

LATER = NOW + timedelta(hours=2)


async def queue(ledger: Ledger, users: int = 1, sweep: str = "one") -> None:
    await ledger.history.add(*(event(user=f"user{number}@x", scope=f"{sweep}.test") for number in range(users)))
    await compose(ledger, sweep)


async def states(ledger: Ledger) -> list[str]:
    return [notice.state.value for notice in await ledger.notices.all()]


async def test_a_digest_is_claimed_by_one(ledger: Ledger):
    await queue(ledger, 40)
    claimed = await asyncio.gather(*(ledger.notices.claim(f"process {number}", LATER, limit=9) for number in range(6)))
    users = [notice.user for some in claimed for notice in some]
    assert (len(users), len(set(users))) == (40, 40)
    assert {(notice.state, notice.attempts, notice.claimed_at) for some in claimed for notice in some} == {(NoticeState.SENDING, 1, LATER)}


async def test_only_who_claimed_it_settles_it_and_once(ledger: Ledger):
    await queue(ledger)
    [mine] = await ledger.notices.claim("me", LATER, limit=1)
    assert not await ledger.notices.settle(replace(mine, claimed_by="other"), NoticeState.SENT, now=LATER)
    assert await ledger.notices.settle(mine, NoticeState.SENT, now=LATER)
    assert not await ledger.notices.settle(mine, NoticeState.QUEUED, now=LATER)
    assert await states(ledger) == ["sent"]


async def test_what_was_surely_not_taken_is_tried_again_at_its_time(ledger: Ledger):
    await queue(ledger)
    [mine] = await ledger.notices.claim("me", LATER, limit=1)
    again = LATER + timedelta(minutes=5)
    assert await ledger.notices.settle(mine, NoticeState.QUEUED, now=LATER, detail="refused", next_at=again)
    assert await ledger.notices.next_due(LATER) == again
    assert await ledger.notices.claim("me", LATER, limit=1) == ()
    [second] = await ledger.notices.claim("me", again, limit=1)
    assert (second.attempts, second.detail, second.settled_at) == (2, "refused", None)


async def test_what_a_dead_process_had_claimed_may_have_been_sent_and_is_left(ledger: Ledger):
    await queue(ledger, 2)
    [lost] = await ledger.notices.claim("dead", LATER, limit=1)
    await ledger.notices.claim("alive", LATER, limit=1)
    found = await ledger.notices.abandoned(lambda by, at: by == "alive", now=LATER)
    assert [(notice.user, notice.state) for notice in found] == [(lost.user, NoticeState.MAYBE_SENT)]
    assert await ledger.notices.claim("me", LATER + timedelta(days=30), limit=9) == ()
    assert sorted(await states(ledger)) == ["maybe_sent", "sending"]
    assert await ledger.notices.settle(lost, NoticeState.SENT, now=LATER), "it was not dead after all"


async def test_an_hour_takes_so_many_messages_and_the_rest_waits(ledger: Ledger):
    await queue(ledger, 5)
    first = await ledger.notices.claim("me", LATER, limit=9, per_hour=3)
    assert len(first) == 3
    await ledger.notices.settle(first[0], NoticeState.QUEUED, now=LATER, next_at=LATER + timedelta(minutes=1))
    assert len(await ledger.notices.claim("me", LATER, limit=9, per_hour=3)) == 1, "what was not taken does not count"
    assert await ledger.notices.next_due(LATER, per_hour=3) == LATER + timedelta(hours=1)
    assert await ledger.notices.claim("me", LATER + timedelta(minutes=59), limit=9, per_hour=3) == ()
    assert len(await ledger.notices.claim("me", LATER + timedelta(minutes=61), limit=9, per_hour=3)) == 2


async def test_the_operator_is_told_whatever_the_hour_has_taken_and_first(ledger: Ledger):
    await queue(ledger, 2)
    await ledger.notices.put("one", "", Kind.OPERATOR, [{"kind": "fault"}], Route(("mailto",)), now=LATER)
    assert [one.kind for one in await ledger.notices.claim("me", LATER, limit=1, per_hour=1)] == [Kind.OPERATOR]
    assert len(await ledger.notices.claim("me", LATER, limit=9, per_hour=1)) == 1
    await ledger.notices.put("two", "", Kind.OPERATOR, [{"kind": "fault"}], Route(("mailto",)), now=LATER)
    assert [one.kind for one in await ledger.notices.claim("me", LATER, limit=9, per_hour=1)] == [Kind.OPERATOR]
    assert await ledger.notices.next_due(LATER) == LATER


async def test_a_sweep_has_one_digest_of_a_kind_for_a_user(ledger: Ledger):
    assert await ledger.notices.put("one", "ada", Kind.USER, [{"n": 1}], Route(("mailto",)), now=NOW)
    assert await ledger.notices.put("one", "ada", Kind.USER, [{"n": 2}], Route(("mailto",)), now=NOW) is None
    assert await ledger.notices.put("one", "ada", Kind.MACHINE, [{"n": 2}], Route(("webhook",)), now=NOW)
    assert [notice.lines for notice in await ledger.notices.all(kind=Kind.USER)] == [({"n": 1},)]


async def test_what_is_settled_and_old_is_forgotten(ledger: Ledger):
    await queue(ledger, 3)
    sent, _ = await ledger.notices.claim("me", LATER, limit=2)
    await ledger.notices.settle(sent, NoticeState.SENT, now=LATER)
    assert await ledger.notices.trim(LATER + timedelta(days=90)) == 1
    assert sorted(await states(ledger)) == ["queued", "sending"]


async def test_an_alert_is_told_once_while_it_lasts(ledger: Ledger):
    for night in range(4):
        at = NOW + timedelta(days=night)
        assert await ledger.alerts.raise_("lane_quarantined", "reg.test", {"died": night}, now=at) is (night == 0)
        told = await ledger.alerts.tell(f"digest {night}")
        assert [(alert.subject, alert.facts) for alert in told] == ([("reg.test", {"died": 0})] if night == 0 else [])
    [kept] = await ledger.alerts.all()
    assert (kept.first_at, kept.last_at, kept.facts, kept.notice) == (NOW, NOW + timedelta(days=3), {"died": 3}, "digest 0")


async def test_an_alert_that_was_over_is_told_anew(ledger: Ledger):
    for at in (NOW, NOW + timedelta(days=8)):
        assert await ledger.alerts.raise_("canary_failed", "reg.test", {}, now=at)
        assert len(await ledger.alerts.tell("digest")) == 1
    assert await ledger.alerts.end("canary_failed", "reg.test")
    assert not await ledger.alerts.end("canary_failed", "reg.test")
    assert await ledger.alerts.raise_("canary_failed", "reg.test", {}, now=NOW)
    assert await ledger.alerts.trim(NOW + timedelta(days=1)) == 1


async def test_a_user_is_what_was_last_set(ledger: Ledger):
    assert await ledger.users.get("ada") is None
    await ledger.users.change("ada", lambda user: replace(user, address="ada@example.org"))
    await ledger.users.change("ada", lambda user: replace(user, mute=True))
    assert await ledger.users.all() == (User(user="ada", address="ada@example.org", mute=True),)
    assert await ledger.users.forget("ada")
    assert not await ledger.users.forget("ada")
