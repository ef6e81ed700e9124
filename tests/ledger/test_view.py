"""What is held in memory is what the database holds: after every write of ours, and a moment after another process's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from validator.ledger import Ledger, open_embedded
from validator.ledger.base.behind import Write
from validator.ledger.base.database import Database
from validator.ledger.challenges import Challenges, Platforms
from validator.ledger.controls import AnonymousControls, AnonymousResult, ControlKey, ControlResult, Controls
from validator.ledger.facts import Facts, KnownRepositories
from validator.ledger.illness import Illness
from validator.ledger.view import FRESH_S, TOGETHER, View
from validator.sealing import Fingerprint

HOST, OTHER = "nvcr.io", "ghcr.io"
PRINTS = [Fingerprint(f"{n:064}") for n in range(1000)]
ONE = PRINTS[0]
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
KEY = ControlKey(host=HOST, realm="https://r.test/t", service="s", scheme="bearer", step="login")


@dataclass
class Watched:
    """A view over a database whose reads are counted, on a clock that stands still."""

    ledger: Ledger
    database: Database
    ticks: float = 0.0
    reads: int = 0
    view: View = field(init=False)
    before_read: Callable[[], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        self.view = View(self.database, lambda: self.ticks)
        real = self.database.read_in_one

        async def read(work: Any, *tables: Any) -> Any:
            self.reads += 1
            made = await real(work, *tables)
            if self.before_read is not None:
                before, self.before_read = self.before_read, None
                await before()
            return made

        self.database.read_in_one = read  # type: ignore[method-assign]


@pytest.fixture
async def watched(opener) -> AsyncIterator[Watched]:
    async with opener() as embedded:
        yield Watched(embedded.ledger, embedded.database)


def _at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


moments = st.integers(0, 50).map(_at)
prints = st.sampled_from(PRINTS[:2])
hosts = st.sampled_from([HOST, OTHER])
keys = st.builds(
    ControlKey, host=hosts, realm=st.just("r"), service=st.just("s"), scheme=st.just("bearer"), step=st.sampled_from(["login", "scoped_login"]),
    repository=st.sampled_from(["", "a/b"]),
)  # fmt: skip
WRITES = st.one_of(
    st.builds(lambda h, p, at: Facts.asking(h, p, now=at), hosts, prints, moments),
    st.builds(lambda h, p, b, at: Facts.acceptance(h, p, proven=b, now=at), hosts, prints, st.booleans(), moments),
    st.builds(lambda h, p, at: Facts.refusal(h, p, now=at), hosts, prints, moments),
    st.builds(lambda h, p, at: Facts.denial(h, p, now=at), hosts, prints, moments),
    st.builds(
        lambda h, p, at, s, e: Facts.introspection(h, p, scopes=s, expires_at=e, opinion={"kind": "x"}, now=at),
        hosts, prints, moments, st.sampled_from([None, (), ("read",)]), st.none() | moments,
    ),
    st.builds(lambda h, at, s: Challenges.seeing(h, scheme=s, realm="https://r.test/", now=at), hosts, moments, st.sampled_from(["basic", "bearer"])),
    st.builds(lambda k, r, at: Controls.making(k, r, detail="401", now=at), keys, st.sampled_from(ControlResult), moments),
    st.builds(
        lambda h, r, s, at: AnonymousControls.making(h, r, s, status=401, now=at),
        hosts, st.sampled_from(["a/b", "c"]), st.sampled_from(AnonymousResult), moments,
    ),
    st.builds(lambda h, k, at: Illness.showing(h, k, now=at), hosts, st.sampled_from(["timeout", "dns_nxdomain"]), moments),
    st.builds(lambda d, k: Platforms.holding(d, k, [{"os": "linux"}]), st.sampled_from(["sha256:a", "sha256:b"]), st.sampled_from(["index", "image"])),
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(writes=st.lists(st.tuples(WRITES, st.booleans()), min_size=1, max_size=12), behind=st.booleans())
async def test_after_any_writes_memory_and_database_say_the_same(tmp_path_factory, writes: list[tuple[Write, bool]], behind: bool) -> None:
    folder = tmp_path_factory.mktemp("view")
    async with open_embedded(folder / "v.db", folder / "k") as embedded:
        ledger = embedded.ledger
        await _seen(ledger.view)
        if behind:
            async with ledger.behind(3600):
                for write, at_once in writes:
                    await ledger.keep(write, at_once=at_once)
                held = await _seen(ledger.view)
        else:
            for write, _ in writes:
                await ledger.keep(write)
            held = await _seen(ledger.view)
        assert held == await _seen(View(embedded.database))


async def _seen(view: View) -> list[Any]:
    hosts = [await view.host(host) for host in (HOST, OTHER)]
    facts = [await view.facts(host, one) for host in (HOST, OTHER) for one in PRINTS[:2]]
    anonymous = [await view.anonymous(host, name) for host in (HOST, OTHER) for name in ("a/b", "c")]
    return [*hosts, *facts, *anonymous, *[await view.platforms(name) for name in ("sha256:a", "sha256:b")]]


async def test_repositories_are_seen_the_latest_first(watched: Watched) -> None:
    assert await watched.view.repositories(ONE) == ()
    for second, name in enumerate(("a/b", "c", "a/b")):
        await watched.ledger.keep(KnownRepositories.reading(ONE, name, now=_at(second)))
    assert await watched.view.repositories(ONE) == ("a/b", "c") == await watched.ledger.repositories.of(ONE)


@pytest.mark.of_a_file
async def test_what_is_asked_again_is_not_read_again_also_after_writes_of_ours(watched: Watched) -> None:
    for second in range(30):
        watched.ticks = second
        await watched.view.host(HOST)
        await watched.view.facts(HOST, ONE)
        await watched.ledger.keep(Facts.acceptance(HOST, ONE, proven=True, now=_at(second)), Controls.making(KEY, ControlResult.REFUSED, now=NOW))
        if second == 2:  # the first look at the version can tell nothing yet
            watched.reads = 0
    assert watched.reads <= 5
    assert (await watched.view.facts(HOST, ONE)) == await watched.ledger.facts.of(HOST, ONE)


async def test_another_processs_write_is_seen_a_moment_later(watched: Watched, opener) -> None:
    assert await watched.view.facts(HOST, ONE) is None
    assert (await watched.view.host(HOST)).challenge is None
    watched.ticks += FRESH_S
    await watched.view.facts(HOST, ONE)
    async with opener() as beside:
        await beside.ledger.facts.refused(HOST, ONE, now=NOW)
        await beside.ledger.challenges.put(HOST, scheme="basic", now=NOW)
    watched.ticks += FRESH_S
    facts, seen = await watched.view.facts(HOST, ONE), await watched.view.host(HOST)
    assert facts is not None
    assert seen.challenge is not None
    assert (facts.refused_at, seen.challenge.scheme) == (NOW, "basic")


async def test_secrets_in_line_are_read_together(watched: Watched) -> None:
    for one in PRINTS[:3]:
        await watched.ledger.facts.accepted(HOST, one, proven=True, now=NOW)
    watched.view.expect(HOST, PRINTS)
    watched.reads = 0
    async with asyncio.TaskGroup() as tasks:
        first = [tasks.create_task(watched.view.facts(HOST, one)) for one in PRINTS[:20]]
    assert [one.result() is not None for one in first] == [True] * 3 + [False] * 17
    assert watched.reads == 1
    for one in PRINTS:
        await watched.view.facts(HOST, one)
    assert watched.reads == -(-len(PRINTS) // TOGETHER)


async def test_what_is_written_while_it_is_read_is_not_lost(watched: Watched) -> None:
    async def refused() -> None:
        await watched.ledger.facts.refused(HOST, ONE, now=NOW)

    watched.before_read = refused
    await watched.view.facts(HOST, ONE)
    facts = await watched.view.facts(HOST, ONE)
    assert facts is not None
    assert facts.refusals_in_row == 1


async def test_after_a_transaction_that_failed_nothing_of_it_is_held(watched: Watched) -> None:
    ledger = watched.ledger

    async def write(parts: Ledger) -> None:
        await parts.facts.accepted(HOST, ONE, proven=True, now=NOW)
        raise KeyError("half-way")

    assert await ledger.view.facts(HOST, ONE) is None
    with pytest.raises(KeyError):
        await ledger.together(write)
    assert await ledger.view.facts(HOST, ONE) is None
    await ledger.together(lambda parts: parts.facts.accepted(HOST, ONE, proven=True, now=NOW))
    facts = await ledger.view.facts(HOST, ONE)
    assert facts is not None
    assert facts.ever_valid


async def test_more_rows_than_it_may_hold_are_read_anew(watched: Watched, monkeypatch) -> None:
    monkeypatch.setattr("validator.ledger.view.MOST", 10)
    for one in PRINTS[:50]:
        await watched.view.facts(HOST, one)
    assert len(watched.view._held["facts"]) <= 10
    assert await watched.view.host(HOST) == replace(await watched.view.host(HOST))


async def test_what_many_ask_for_at_once_is_read_by_one_query(watched: Watched) -> None:
    await watched.database.keep(AnonymousControls.making(HOST, "a/1", AnonymousResult.OPEN, status=200, now=NOW))
    await watched.database.keep(Platforms.holding("sha256:2", "index", [{"os": "linux"}]))
    watched.reads = 0
    made = await asyncio.gather(
        *(watched.view.anonymous(HOST, f"a/{n}") for n in range(50)), *(watched.view.anonymous(HOST, "a/1") for _ in range(5))
    )
    assert [n for n, one in enumerate(made) if one is not None] == [1, 50, 51, 52, 53, 54]
    kinds = await asyncio.gather(*(watched.view.platforms(f"sha256:{n}") for n in range(50)))
    assert [n for n, one in enumerate(kinds) if one is not None] == [2]
    assert watched.reads == 2
    assert (await watched.view.anonymous(HOST, "a/1"), await watched.view.platforms("sha256:2")) == (made[1], kinds[2])
    assert watched.reads == 2


async def test_more_than_fit_into_one_query_are_read_by_several(watched: Watched) -> None:
    made = await asyncio.gather(*(watched.view.anonymous(HOST, f"a/{n}") for n in range(TOGETHER * 2 + 1)))
    assert (set(made), watched.reads) == ({None}, 3)


async def test_who_reads_for_all_and_is_cut_off_leaves_the_others_to_read(watched: Watched) -> None:
    reading = asyncio.Event()

    async def hold() -> None:
        reading.set()
        await asyncio.Event().wait()

    await watched.database.keep(AnonymousControls.making(HOST, "b", AnonymousResult.OPEN, status=200, now=NOW))
    watched.reads, watched.before_read = 0, hold
    first = asyncio.create_task(watched.view.anonymous(HOST, "a"))
    others = [asyncio.create_task(watched.view.anonymous(HOST, name)) for name in ("b", "c")]
    await reading.wait()
    first.cancel()
    found = await asyncio.wait_for(asyncio.gather(*others), 10)
    assert [one is not None for one in found] == [True, False]
    assert first.cancelled()


async def test_a_write_while_a_batch_is_read_is_not_lost(watched: Watched) -> None:
    async def write() -> None:
        await watched.database.keep(AnonymousControls.making(HOST, "a", AnonymousResult.OPEN, status=200, now=NOW))

    watched.before_read = write
    await asyncio.gather(watched.view.anonymous(HOST, "a"), watched.view.anonymous(HOST, "b"))
    again = await watched.view.anonymous(HOST, "a")
    assert again is not None
    assert again.result is AnonymousResult.OPEN
