"""Real processes: one that is killed while it sends, and two that send at once. No user has two messages, and none is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cases.rows import case
from tests.smtp.sink import Sink, open_sink
from tests.telling.desk import Desk, a_desk
from validator.ledger.notices import NoticeState
from validator.telling import Counts

ROOT = Path(__file__).parents[2]


async def begin(folder: Path, sink: Sink, sweep: str = "one") -> Process:
    """A sender that has begun."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.smtp.sender", str(folder), sink.url(), sweep,
        stdin=PIPE, stdout=PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    await process.stdin.drain()


async def ended(process: Process) -> dict[str, Any]:
    out, _ = await process.communicate()
    assert process.returncode == 0
    counts: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    return counts


async def finish(desk: Desk, sink: Sink) -> Counts:
    """The next run, in this process."""
    desk.wall = desk.wall.now(desk.wall.tzinfo)
    return await desk.teller().tell("one")


def mine(sink: Sink) -> dict[str, Any]:
    return {"urls": [sink.url()], "address": "{user}@example.org"}


@case("SWEEP-19")
@pytest.mark.parametrize("taken", [False, True], ids=["before the server has it", "after the server has it"])
async def test_what_a_kill_cut_off_is_shown_and_never_sent_again(row, tmp_path, taken):
    async with open_sink() as sink, a_desk(tmp_path, **mine(sink)) as desk:
        for number in range(6):
            await desk.dies(f"user{number}")
        process = await begin(tmp_path, sink)
        sink.hold, sink.keeps_at_once = asyncio.Event(), taken
        await go(process)
        await sink.arrived.wait()
        process.send_signal(signal.SIGKILL)
        await process.wait()
        sink.hold = None
        before = list(sink.to)
        assert await finish(desk, sink) == Counts(sent=5, maybe_sent=1)
        [cut] = await desk.outbox(NoticeState.MAYBE_SENT)
        after = Counter(sink.to[len(before) :])
        assert set(after.values()) == {1}
        assert set(after) == {f"user{number}@example.org" for number in range(6)} - {f"{cut.user}@example.org"}
        assert before == ([f"{cut.user}@example.org"] if taken else [])
        assert [letter.facts["alerts"] for letter in desk.operator.letters] == [[{"kind": "notice_unclear", "subject": cut.user}]]
        assert await finish(desk, sink) == Counts()
        assert len(sink.to) == len(before) + 5
    assert row.note.startswith("not lost, not blindly repeated")


async def test_killed_before_its_first_claim_nothing_is_lost_or_unclear(tmp_path):
    async with open_sink() as sink, a_desk(tmp_path, **mine(sink)) as desk:
        await desk.dies("ada")
        process = await begin(tmp_path, sink)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert await finish(desk, sink) == Counts(sent=1)


async def test_two_that_send_at_once_send_each_message_once(tmp_path):
    async with open_sink() as sink, a_desk(tmp_path, **mine(sink)) as desk:
        for number in range(16):
            await desk.dies(f"user{number}")
        processes = [await begin(tmp_path, sink) for _ in range(2)]
        for process in processes:
            await go(process)
        counts = [await ended(process) for process in processes]
        assert sum(one["sent"] for one in counts) == 16
        assert [one["maybe_sent"] + one["failed"] for one in counts] == [0, 0]
        assert Counter(sink.to) == {f"user{number}@example.org": 1 for number in range(16)}
        assert len({str(mail["Message-ID"]) for mail in sink.mails}) == 16
        assert await finish(desk, sink) == Counts()
