"""Several calls in one transaction: a snapshot that nothing moves, and writes that are all kept or none."""

from __future__ import annotations

from datetime import datetime

import pytest

from validator.errors import Bug
from validator.ledger import Ledger
from validator.ledger.controls import ControlKey, ControlMade, ControlResult
from validator.sealing import Fingerprint

HOST, ONE = "nvcr.io", Fingerprint("ab" * 32)
KEY = ControlKey(host=HOST, realm="https://r.test/t", service="s", scheme="bearer", step="login")


async def test_what_is_written_together_is_read_together(ledger: Ledger, now: datetime) -> None:
    async def write(parts: Ledger) -> None:
        await parts.controls.put(KEY, ControlResult.REFUSED, now=now)
        await parts.facts.accepted(HOST, ONE, proven=True, now=now)
        assert await parts.controls.get(KEY) is not None  # it reads what it wrote

    async def read(parts: Ledger) -> tuple[object, bool]:
        facts = await parts.facts.of(HOST, ONE)
        return await parts.controls.of(HOST), facts is not None and facts.ever_valid

    await ledger.together(write)
    assert await ledger.snapshot(read) == ({KEY: ControlMade(ControlResult.REFUSED, now)}, True)


async def test_of_a_transaction_that_fails_nothing_is_kept(ledger: Ledger, now: datetime) -> None:
    async def write(parts: Ledger) -> None:
        await parts.facts.accepted(HOST, ONE, proven=True, now=now)
        raise Bug("half-way")

    with pytest.raises(Bug, match="half-way"):
        await ledger.together(write)
    assert await ledger.facts.of(HOST, ONE) is None


async def test_a_snapshot_does_not_move(ledger: Ledger, now: datetime) -> None:
    async def read(parts: Ledger) -> tuple[object, object]:
        before = await parts.facts.of(HOST, ONE)
        await ledger.facts.accepted(HOST, ONE, proven=True, now=now)  # by another connection, meanwhile
        return before, await parts.facts.of(HOST, ONE)

    assert await ledger.snapshot(read) == (None, None)
    assert await ledger.facts.of(HOST, ONE) is not None


async def test_a_snapshot_is_not_written(ledger: Ledger, now: datetime) -> None:
    with pytest.raises(Bug, match="inside a snapshot"):
        await ledger.snapshot(lambda parts: parts.facts.accepted(HOST, ONE, proven=True, now=now))


async def test_every_control_of_a_host_is_told_at_once(ledger: Ledger, now: datetime) -> None:
    other = ControlKey(host=HOST, realm="", service="", scheme="basic", step="scoped", repository="a/b")
    await ledger.controls.put(KEY, ControlResult.REFUSED, detail="401", now=now)
    await ledger.controls.put(other, ControlResult.ACCEPTED, now=now)
    await ledger.controls.put(ControlKey(host="ghcr.io", realm="", service="", scheme="basic", step="login"), ControlResult.ACCEPTED, now=now)
    assert await ledger.controls.of(HOST) == {
        KEY: ControlMade(ControlResult.REFUSED, now, "401"), other: ControlMade(ControlResult.ACCEPTED, now)
    }  # fmt: skip
