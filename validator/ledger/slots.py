"""The slots of each lane, which all processes take from, so that together they keep one rate (`registry/slots.py`).

A take is one statement. Times are epoch seconds, so that the database can reckon with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Executable, Float, Integer, and_, bindparam, case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.tables import SLOTS, insert_of, upsert

_S: Final = SLOTS.c
_NONE: Final = {"next_slot_at": 0.0, "held_until": 0.0, "paused_until": 0.0, "banned_until": 0.0, "factor": 1.0, "slowed_at": 0.0}


LONGEST_S: Final = 90_000.0
"""Nobody is asked to come later than in a day: what lies further ahead is the trace of a clock that was set back."""


def _given(name: str) -> Any:
    return bindparam(name, type_=Float())


def _take(dialect: str) -> Executable:
    """Moves `next_slot_at` on by `span_s`, from `at` if it lies behind that (or so far ahead that a clock was set back)."""
    at, span_s, early_s, waits = _given("at"), _given("span_s"), _given("early_s"), bindparam("waits", type_=Integer())
    farthest = _given("farthest")
    held = and_(waits == 0, or_(*(and_(until > at, until <= farthest) for until in (_S.held_until, _S.paused_until))))
    first_at = case((and_(_S.next_slot_at > at, _S.next_slot_at <= _given("at_most")), _S.next_slot_at), else_=at)
    holds_until = first_at + _given("holds_s")
    holding = and_(waits == 1, first_at - early_s > at, or_(holds_until > _S.held_until, _S.held_until > farthest))
    insert = insert_of(dialect, SLOTS).values(place=bindparam("at_place"), **{**_NONE, "next_slot_at": _given("first_next_at")})
    changed = {
        "next_slot_at": case((held, _S.next_slot_at), else_=first_at + span_s),
        "held_until": case((holding, holds_until), else_=_S.held_until),
    }
    statement: Executable = insert.on_conflict_do_update(index_elements=["place"], set_=changed).returning(*SLOTS.c)
    return statement


class Slots:
    """The lanes' rows of one ledger; each is looked up by the lane's name. Rows are as the table has them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._built: dict[str, Executable] = {}

    async def take(
        self, place: str, *, number: int, now: float, step_s: float, early_s: float, waits: bool, hold_s: float, longest_s: float
    ) -> Any:  # fmt: skip
        """Take slots as `registry/slots.py` says, and return the row as it is now. A sweep (`waits` false) gets none while
        `held_until` or `paused_until` lies ahead.
        """
        given = {
            "at_place": place, "first_next_at": now + number * step_s, "at": now, "span_s": number * step_s, "early_s": early_s,
            "waits": int(waits), "holds_s": (number - 1) * step_s - early_s + hold_s, "at_most": now + longest_s, "farthest": now + LONGEST_S,
        }  # fmt: skip

        def work(connection: Connection) -> Any:
            dialect = connection.dialect.name
            statement = self._built.get(dialect)
            if statement is None:
                statement = self._built[dialect] = _take(dialect)
            return connection.execute(statement, given).one()

        return await self._database.write_in_one(work)

    async def pause(self, place: str, until: float, *, banned: bool) -> None:
        """Nothing of a sweep's is to be sent until then; `banned`: our address is banned until then."""
        name = "banned_until" if banned else "paused_until"
        await self._change(place, lambda row: {name: max(until, row[name] if row[name] <= until + LONGEST_S else 0.0)})

    async def slow(self, place: str, step: Callable[[float, float], tuple[float, float] | None]) -> None:
        """Have `factor` and `slowed_at` be what `step` makes of them (None: the same)."""

        def slower(row: Mapping[str, Any]) -> dict[str, float]:
            factor, slowed_at = row["factor"], row["slowed_at"]
            made = step(factor, slowed_at) or (factor, slowed_at)
            return {"factor": made[0], "slowed_at": made[1]}

        await self._change(place, slower)

    async def _change(self, place: str, changes: Callable[[Mapping[str, Any]], Mapping[str, float]]) -> None:
        async def work(connection: AsyncConnection) -> None:
            found = (await connection.execute(select(SLOTS).where(_S.place == place).with_for_update())).mappings().one_or_none()
            row = dict(found) if found is not None else {"place": place, **_NONE}
            changed = changes(row)
            await upsert(connection, SLOTS, {**row, **changed}, lambda new: {name: new[name] for name in changed})

        await self._database.write(work)
