"""A new master key, and every sealed row under it: page by page, beside processes that read and write, and to be cut off anywhere.

The file has the new key beside the old ones, on the disk, before the first row is sealed by it; who meets a row of a key that he
does not know reads the file again (`ledger/keys.py`). A row that is sealed anew is another row, so whatever names it by the hash of
what it was (`Credential.row`) names the new one in the same transaction: its status, its history, its place in a sweep, its messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import and_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.errors import StoreError
from validator.ledger.base.database import Database
from validator.ledger.base.sweeping import SWEEP_ROWS, SWEEPS
from validator.ledger.base.tables import CREDENTIALS, HISTORY, NOTICES, SEALED_KEYS, STATUSES
from validator.ledger.keys import key_ids_of, write_master_keys
from validator.ledger.notices import NoticeState
from validator.sealing import MasterKeys, Unreadable, key_id, load_master_keys, seal, unseal
from validator.stores.base import row_hash

PAGE: Final = 100
"""Rows sealed anew in one transaction: others wait for some 50 ms."""
_PASSES: Final = 10
_C: Final = CREDENTIALS.c
_TOLD: Final = (NoticeState.SENT.value, NoticeState.MUTED.value, NoticeState.OUTDATED.value)
"""Messages that no longer look up what they told."""

Row = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What was done. `made`: a new key, and not only the end of a rotation that was cut off. `unreadable` rows are as they were.

    `kept` are ids of older keys that the file still has, `forgotten` those that it had.
    """

    current: str
    made: bool
    rows: int
    unreadable: int
    kept: tuple[str, ...]
    forgotten: tuple[str, ...]


async def rotate(database: Database, key_file: Path, *, forget: bool = False) -> Rotated:
    """Make a new master key, unless a rotation before was cut off, and seal every row by the current one; `forget` older keys then.

    Raises StoreError: the key file cannot be written, or (nothing is changed then) read.
    """
    keys, made = await database.write(lambda connection: _begun(connection, key_file))
    rows = 0
    for _ in range(_PASSES):
        rows += await _sealed_anew(database, keys)
        ended = await database.write(lambda connection: _ended(connection, key_file, keys, forget))
        if ended is not None:
            await database.scrub()
            unreadable, left = ended
            kept = tuple(kid for kid in left.by_kid if kid != left.current)
            forgotten = tuple(kid for kid in keys.by_kid if kid not in left.by_kid)
            return Rotated(current=keys.current, made=made, rows=rows, unreadable=unreadable, kept=kept, forgotten=forgotten)
    raise StoreError("other processes go on storing credentials by an older key; stop them, and run `validator key rotate` again")


async def _begun(connection: AsyncConnection, key_file: Path) -> tuple[MasterKeys, bool]:
    """The keys with the one that is to seal; no other rotation is in here meanwhile."""
    keys = await asyncio.to_thread(load_master_keys, key_file)
    held = await key_ids_of(connection)
    if any(kid != keys.current and kid in keys.by_kid for kid in held):
        return keys, False
    if held and keys.current not in held:
        raise StoreError(
            f"the master key file {key_file} opens no row: it is another database's key; put back the one that this database was made with"
        )
    new = keys.with_new()
    await asyncio.to_thread(write_master_keys, key_file, new)
    return new, True


async def _ended(connection: AsyncConnection, key_file: Path, keys: MasterKeys, forget: bool) -> tuple[int, MasterKeys] | None:
    """How many rows nobody can open, and the keys that the file has now; None while another process has stored by an older key."""
    held = await key_ids_of(connection)
    left = MasterKeys(keys.current, keys.by_kid)
    broken = await _broken(connection, keys)
    if any(number > broken.get(kid, 0) for kid, number in held.items() if kid != keys.current and kid in keys.by_kid):
        return None
    unreadable = sum(number for kid, number in held.items() if kid not in keys.by_kid) + sum(broken.values())
    if forget:
        left = keys.only(kid for kid in held if kid in keys.by_kid)
        if len(left.by_kid) < len(keys.by_kid):
            await asyncio.to_thread(write_master_keys, key_file, left)
    return unreadable, left


async def _broken(connection: AsyncConnection, keys: MasterKeys) -> Mapping[str, int]:
    """Rows of older keys that do not open with them, by key: they stay as they are."""
    found: dict[str, int] = {}
    for row in await connection.execute(select(_C.username, _C.secret)):
        kids = {key_id(row.username), key_id(row.secret)}
        if (kids - {keys.current}) & set(keys.by_kid) and _anew((row.username, row.secret), keys) is None:
            for kid in kids:
                found[kid] = found.get(kid, 0) + 1
    return found


async def _sealed_anew(database: Database, keys: MasterKeys) -> int:
    """Seal everything by the current key, in pages; how many rows were."""
    number = await database.write(lambda connection: _own_keys(connection, keys))
    after: Row = ("", "")
    while True:
        done, last = await database.write(lambda connection, after=after: _page(connection, keys, after))  # type: ignore[misc]  # its default is bound now
        number += done
        if last is None:
            return number
        after = last


async def _own_keys(connection: AsyncConnection, keys: MasterKeys) -> int:
    number = 0
    for row in (await connection.execute(select(SEALED_KEYS))).all():
        if key_id(row.sealed) != keys.current:
            anew = seal(unseal(row.sealed, keys), keys)
            await connection.execute(update(SEALED_KEYS).where(SEALED_KEYS.c.name == row.name).values(sealed=anew))
            number += 1
    return number


async def _page(connection: AsyncConnection, keys: MasterKeys, after: Row) -> tuple[int, Row | None]:
    """One page; where the next one begins, None after the last."""
    query = select(CREDENTIALS).where(tuple_(_C.user, _C.name) > after).order_by(_C.user, _C.name).limit(PAGE)
    rows = (await connection.execute(query)).all()
    moved: dict[Row, tuple[str, str]] = {}
    for row in rows:
        if {key_id(row.username), key_id(row.secret)} == {keys.current}:
            continue
        anew = _anew((row.username, row.secret), keys)
        if anew is None:
            continue
        this = and_(_C.user == row.user, _C.name == row.name)
        await connection.execute(update(CREDENTIALS).where(this).values(username=anew[0], secret=anew[1]))
        moved[row.user, row.name] = row_hash(row.username, row.secret), row_hash(*anew)
    await _renamed(connection, moved)
    return len(moved), (rows[-1].user, rows[-1].name) if len(rows) == PAGE else None


def _anew(sealed: Row, keys: MasterKeys) -> Row | None:
    """Both texts by the current key, None if one of them does not open."""
    try:
        username, secret = (unseal(text, keys) for text in sealed)
    except Unreadable:
        return None
    return seal(username, keys), seal(secret, keys)


async def _renamed(connection: AsyncConnection, moved: Mapping[Row, tuple[str, str]]) -> None:
    """Whatever names a row by its hash names the new one."""
    sweeps = select(SWEEPS.c.id).scalar_subquery()
    for (user, name), (old, new) in moved.items():
        for table in (STATUSES, HISTORY):
            await connection.execute(update(table).where(table.c.user == user, table.c.row == old).values(row=new))
        in_sweep = and_(SWEEP_ROWS.c.sweep.in_(sweeps), SWEEP_ROWS.c.user == user, SWEEP_ROWS.c.name == name, SWEEP_ROWS.c.row == old)
        await connection.execute(update(SWEEP_ROWS).where(in_sweep).values(row=new))
    if not moved:
        return
    hashes = dict(moved.values())
    users = sorted({user for user, _ in moved})
    open_ = select(NOTICES.c.id, NOTICES.c.channel, NOTICES.c.lines).where(NOTICES.c.user.in_(users), NOTICES.c.state.not_in(_TOLD))
    for notice in (await connection.execute(open_)).all():
        lines = _with(notice.lines, hashes)
        if lines != notice.lines:
            this = and_(NOTICES.c.id == notice.id, NOTICES.c.channel == notice.channel)
            await connection.execute(update(NOTICES).where(this).values(lines=lines))


def _with(lines: Sequence[Mapping[str, Any]], hashes: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return [{**line, "row": hashes[line["row"]]} if line.get("row") in hashes else line for line in lines]
