"""A plan is read by pages: whole secrets, in the lane's order, and never the whole plan for one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from validator.ledger import Embedded, open_embedded
from validator.ledger.plans import Phase, PlanRow
from validator.sealing import Fingerprint

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def rows(due_at: datetime | None = None) -> list[PlanRow]:
    """Five secrets of two members each; of each secret the later user comes first."""
    return [
        PlanRow(
            sweep="s", user=f"user {9 - member}{secret}", name="key", host="reg.test", path="", row=f"{secret}{member}", place=secret,
            fingerprint=Fingerprint(f"secret {secret}"), due_at=due_at,
        )
        for member in range(2) for secret in range(5)
    ]  # fmt: skip


async def test_a_page_ends_with_a_whole_secret_its_members_by_user(tmp_path: Path) -> None:
    async with open_embedded(tmp_path / "v.db", tmp_path / "key") as embedded:
        plans = embedded.ledger.plans
        await plans.add(rows())
        page = await plans.waiting("s", "reg.test", -1, 100, limit=3)
        assert [(row.place, row.user) for row in page] == [(0, "user 80"), (0, "user 90"), (1, "user 81"), (1, "user 91")]
        further = await plans.waiting("s", "reg.test", page[-1].place, 100, limit=10)
        assert [row.place for row in further] == [2, 2, 3, 3, 4, 4]


async def test_no_page_reads_the_whole_plan(tmp_path: Path) -> None:
    """SQLite takes the primary key's index, and every row of the sweep, where that spares it a sort."""
    async with open_embedded(tmp_path / "v.db", tmp_path / "key") as embedded:
        plans = embedded.ledger.plans
        await plans.add([*rows(), *[row._replace(user=f"held {row.user}", phase=Phase.HELD) for row in rows(NOW)]])
        said: list[tuple[str, Any]] = []
        for thread in _threads(embedded):
            event.listen(thread.engine, "before_cursor_execute", lambda c, cursor, text, values, *_: said.append((text, values)))
        await plans.waiting("s", "reg.test", -1, 100, limit=3)
        await plans.due("s", "reg.test", Phase.HELD, -1, 100, now=NOW, limit=3)
        await plans.dues("s", "reg.test")
        asked = [(text, values) for text, values in said if text.startswith("SELECT")]
        assert len(asked) == 5, "a page and its last secret, twice, and the times"
        for text, values in asked:
            looks = [how for how in await embedded.database.read_in_one(partial(_explained, text=text, values=values)) if "sweep_rows" in how]
            assert looks
            assert all("ix_sweep_rows_sweep_host_phase_due_at_place (sweep=? AND host=? AND phase=? AND due_at" in look for look in looks), looks


def _explained(connection: Connection, text: str, values: Any) -> list[str]:
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]


def _threads(embedded: Embedded) -> Any:
    return embedded.database._reader._all  # type: ignore[attr-defined]
