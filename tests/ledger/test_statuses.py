"""Statuses: what goes in comes out, a late verdict lands beside, nothing is lost between two who change one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from validator.credential import parse_scope
from validator.ledger.statuses import StatusKey, StatusRow
from validator.sealing import Fingerprint

KEY = StatusKey("ann", parse_scope("nvcr.io/acme"), Fingerprint("ab" * 32), "cd" * 32)


def full(now: datetime) -> StatusRow:
    """A row with something in every column."""
    return StatusRow(
        key=KEY,
        name="ngc",
        state="suspect",
        verdict="valid",
        reason="login_accepted",
        level="login",
        hints=("short_lived", "new_key"),
        checked_at=now,
        last_attempt_verdict="invalid",
        last_attempt_reason="refused",
        last_attempt_at=now + timedelta(microseconds=1),
        expires_at=now + timedelta(days=6),
        first_refused_at=now + timedelta(seconds=2),
        refused_at=now + timedelta(seconds=3),
        accepted_at=now + timedelta(seconds=4),
        refusals_in_row=1,
        transition_at=now + timedelta(seconds=5),
        ever_valid=True,
        told=("expiring_14", "expiring_7"),
        next_due_at=now + timedelta(days=1),
        unknown_since=now + timedelta(days=2),
        evidence=({"step": "login", "status": 401},),
    )


@pytest.mark.parametrize("kind", ["full", "bare"])
async def test_a_row_comes_back_as_it_was_put(ledger, now, kind):
    row = full(now) if kind == "full" else StatusRow(key=KEY, name="ngc")
    await ledger.statuses.put(row)
    assert await ledger.statuses.get(KEY) == row


async def test_a_second_put_replaces_all_of_it(ledger, now):
    await ledger.statuses.put(full(now))
    bare = StatusRow(key=KEY, name="renamed")
    await ledger.statuses.put(bare)
    assert await ledger.statuses.all() == (bare,)


async def test_an_instant_of_another_zone_comes_back_as_the_same_instant_in_utc(ledger, now):
    there = now.astimezone(timezone(timedelta(hours=9)))
    await ledger.statuses.put(StatusRow(key=KEY, name="ngc", checked_at=there))
    found = await ledger.statuses.get(KEY)
    assert found.checked_at == there
    assert found.checked_at.utcoffset() == timedelta(0)


async def test_an_instant_without_a_zone_is_refused(ledger, now):
    with pytest.raises(ValueError, match="an instant without a zone"):
        await ledger.statuses.put(StatusRow(key=KEY, name="ngc", checked_at=now.replace(tzinfo=None)))
    assert await ledger.statuses.all() == ()


async def test_a_verdict_that_comes_late_lands_beside_the_new_secrets_row(ledger, now):
    new = replace(KEY, fingerprint=Fingerprint("ef" * 32), row="01" * 32)
    await ledger.statuses.put(StatusRow(key=new, name="ngc", state="alive"))
    await ledger.statuses.put(StatusRow(key=KEY, name="ngc", state="dead"))
    found = await ledger.statuses.get(new)
    assert found is not None
    assert found.state == "alive"


async def test_rows_are_found_by_user_and_by_secret(ledger):
    keys = [
        KEY,
        replace(KEY, user="bob"),
        replace(KEY, scope=parse_scope("nvcr.io/other")),
        replace(KEY, user="bob", fingerprint=Fingerprint("ef" * 32)),
    ]
    await ledger.statuses.put(*(StatusRow(key=key, name="ngc") for key in keys))
    assert {row.key for row in await ledger.statuses.all()} == set(keys)
    assert {row.key for row in await ledger.statuses.all("bob")} == {keys[1], keys[3]}
    assert {row.key for row in await ledger.statuses.by_fingerprint(KEY.fingerprint)} == set(keys[:3])


async def test_a_secrets_rows_are_whole_but_for_their_evidence(ledger, now):
    row = full(now)
    await ledger.statuses.put(row)
    assert await ledger.statuses.by_fingerprint(KEY.fingerprint) == (replace(row, evidence=None),)
    assert await ledger.statuses.get(KEY) == row


async def test_forgetting_takes_one_users_one_scope(ledger):
    keys = [KEY, replace(KEY, row="01" * 32), replace(KEY, user="bob"), replace(KEY, scope=parse_scope("nvcr.io"))]
    await ledger.statuses.put(*(StatusRow(key=key, name="ngc") for key in keys))
    assert await ledger.statuses.forget("ann", KEY.scope) == 2
    assert {row.key for row in await ledger.statuses.all()} == set(keys[2:])


async def test_changes_by_many_tasks_lose_nothing(ledger):
    def once_more(row: StatusRow | None) -> StatusRow:
        row = row or StatusRow(key=KEY, name="ngc")
        return replace(row, refusals_in_row=row.refusals_in_row + 1)

    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(ledger.statuses.change(KEY, once_more))
    assert (await ledger.statuses.get(KEY)).refusals_in_row == 40


async def test_a_change_to_nothing_writes_nothing(ledger, now):
    await ledger.statuses.put(full(now))
    assert await ledger.statuses.change(KEY, lambda row: None) is None
    assert await ledger.statuses.get(KEY) == full(now)


async def test_ten_thousand_rows_are_put_in_one_go(ledger):
    rows = [StatusRow(key=replace(KEY, row=f"{i:064x}"), name="ngc") for i in range(10_000)]
    await ledger.statuses.put(*rows)
    assert len(await ledger.statuses.all("ann")) == 10_000
