"""From history to outbox: one digest a user and sweep, nothing lost, nothing told twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ledger.telling import NOW, compose, dead, event, happened, mail
from validator.ledger import Ledger
from validator.ledger.notices import Kind, NoticeState, Route

WEEK = timedelta(days=7)


async def send(ledger: Ledger, state: NoticeState = NoticeState.SENT, at_h: float = 1) -> int:
    """Claim and settle all; how many."""
    claimed = await ledger.notices.claim("me", NOW + timedelta(hours=at_h), limit=100)
    for notice in claimed:
        assert await ledger.notices.settle(notice, state, now=NOW + timedelta(hours=at_h))
    return len(claimed)


async def test_each_user_with_something_to_know_gets_one_digest(ledger: Ledger):
    await ledger.history.add(
        event(),
        event("expiring", scope="other.test", at_h=0.5),
        event("blipped", scope="third.test"),
        event("none", user="bob@x"),
        event(user="eve@x"),
    )
    assert await compose(ledger) == {"ada", "eve@x"}
    assert (await happened(ledger), await happened(ledger, "eve@x")) == ([["died", "expiring"]], [["died"]])
    assert await ledger.history.untold() == 0
    [told] = await ledger.history.of("eve@x")
    [notice] = await ledger.notices.all(user="eve@x")
    assert (told.notice, told.told_at) == (notice.id, NOW + timedelta(hours=1))


async def test_a_second_call_finds_nothing_new(ledger: Ledger):
    await ledger.history.add(event())
    await compose(ledger)
    await send(ledger)
    assert await compose(ledger) == set()
    assert await compose(ledger, "two", at_h=24) == set()
    assert await happened(ledger) == [["died"]]


async def test_nights_without_a_channel_become_one_digest(ledger: Ledger):
    await ledger.history.add(event())
    await compose(ledger)
    await ledger.history.add(event("impaired", scope="other.test", at_h=24))
    await compose(ledger, "two", at_h=25)
    assert await happened(ledger) == [["died", "impaired"]]
    [notice] = await ledger.notices.all()
    assert notice.sweep == "two"
    assert {one.notice for one in await ledger.history.of("ada")} == {notice.id}


async def test_what_came_well_while_the_channel_was_down_is_not_told(ledger: Ledger):
    await ledger.history.add(event())
    await compose(ledger)
    await ledger.history.add(event("recovered", at_h=24))
    assert await compose(ledger, "two", at_h=25, recovered=True) == set()
    assert (await happened(ledger), await ledger.history.untold()) == ([], 0)


@pytest.mark.parametrize("state", [NoticeState.SENDING, NoticeState.SENT, NoticeState.MAYBE_SENT, NoticeState.FAILED])
async def test_what_a_channel_may_have_had_is_never_taken_back(ledger: Ledger, state):
    await ledger.history.add(event())
    await compose(ledger)
    [claimed] = await ledger.notices.claim("me", NOW + timedelta(hours=1), limit=9)
    if state is not NoticeState.SENDING:
        await ledger.notices.settle(claimed, state, now=NOW)
    await ledger.history.add(event(scope="other.test", at_h=24))
    await compose(ledger, "two", at_h=25)
    assert await happened(ledger) == [["died"], ["died"]]


async def test_a_digest_that_one_of_its_channels_had_is_not_taken_back(ledger: Ledger):
    await ledger.history.add(event())
    await compose(ledger, route=lambda user: Route(("mailto", "slack")))
    [claimed] = await ledger.notices.claim("me", NOW + timedelta(hours=1), limit=1)
    await ledger.notices.settle(claimed, NoticeState.SENT, now=NOW)
    await compose(ledger, "two", at_h=24)
    assert [(one.channel, one.sweep, one.state) for one in await ledger.notices.all()] == [("mailto", "one", "sent"), ("slack", "one", "queued")]


async def test_what_comes_after_the_digest_of_its_sweep_waits_for_the_next(ledger: Ledger):
    await ledger.history.add(event())
    await compose(ledger)
    await send(ledger)
    await ledger.history.add(event(scope="other.test"))
    assert await compose(ledger) == set()
    assert await ledger.history.untold() == 1
    assert await compose(ledger, "two", at_h=24) == {"ada"}
    assert await happened(ledger) == [["died"], ["died"]]


async def test_who_wants_none_gets_none_and_nothing_later(ledger: Ledger):
    await ledger.users.change("ada", lambda user: replace(user, mute=True))
    await ledger.history.add(event())
    await compose(ledger)
    await ledger.users.change("ada", lambda user: replace(user, mute=False))
    await compose(ledger, "two", at_h=24)
    assert [one.state for one in await ledger.notices.all()] == [NoticeState.MUTED]


async def test_who_cannot_be_reached_is_told_when_there_is_an_address(ledger: Ledger):
    await ledger.history.add(event(user="bob"))
    await compose(ledger)
    assert [(one.state, one.detail) for one in await ledger.notices.all()] == [(NoticeState.UNDELIVERABLE, "no address")]
    await ledger.history.add(event(user="bob", scope="other.test", at_h=24))
    await compose(ledger, "two", at_h=25)
    await ledger.users.change("bob", lambda user: replace(user, address="bob@example.org"))
    await compose(ledger, "three", at_h=49)
    assert [(one.state, len(one.lines)) for one in await ledger.notices.all()] == [(NoticeState.QUEUED, 2)]


async def told_dead(ledger: Ledger) -> None:
    one = event()
    await ledger.statuses.put(dead(one))
    await ledger.history.add(one)
    await compose(ledger)
    await send(ledger)


async def test_what_is_dead_still_is_told_again_after_a_while(ledger: Ledger):
    await told_dead(ledger)
    for night in range(1, 16):
        await compose(ledger, f"night {night}", at_h=1 + 24 * night, remind_after=WEEK)
        await send(ledger, at_h=1 + 24 * night)
    assert await happened(ledger) == [["died"], ["died again"], ["died again"]]
    assert await compose(ledger, "later", at_h=10_000) == set(), "never, by setting"


async def test_what_is_alive_replaced_or_told_last_night_is_no_reminder(ledger: Ledger):
    await told_dead(ledger)
    await ledger.statuses.put(dead(event(), "alive"))
    assert await compose(ledger, "two", at_h=200, remind_after=WEEK) == set()
    await ledger.statuses.put(dead(event()))
    await ledger.history.add(event("recovered", at_h=100), event("died", at_h=199))
    await compose(ledger, "two", at_h=200, remind_after=WEEK)
    assert await happened(ledger) == [["died"], ["died"]]


async def test_a_reminder_that_no_channel_had_stays_one(ledger: Ledger):
    await told_dead(ledger)
    await compose(ledger, "two", at_h=170, remind_after=WEEK)
    await ledger.history.add(event("expiring", scope="other.test", at_h=180))
    await compose(ledger, "three", at_h=194, remind_after=WEEK)
    assert await happened(ledger) == [["died"], ["died again", "expiring"]]


async def test_a_line_holds_facts_and_neither_address_nor_secret(ledger: Ledger):
    await ledger.users.change("ada", lambda user: replace(user, address="ada@example.org"))
    await ledger.history.add(event())
    await compose(ledger, route=mail)
    [notice] = await ledger.notices.all()
    assert dict(notice.lines[0]) | {"fingerprint": "", "event": ""} == {
        "event": "", "name": "key of reg.test", "host": "reg.test", "path": "", "fingerprint": "", "row": "row of s1", "happened": "died",
        "verdict": "invalid", "reason": "refused", "hints": [], "at": "2026-11-23T02:00:00+00:00", "since": "2026-11-23T01:50:00+00:00",
        "expires_at": None, "reminder": False,
    }  # fmt: skip
    assert notice.kind is Kind.USER
    assert "example.org" not in repr(notice)
