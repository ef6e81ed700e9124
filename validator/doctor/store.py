"""The store and what stands in it: file, tables, master key, rows that open, instants that lie ahead. It is only read."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.credential import Host
from validator.doctor.base import Finding, found
from validator.doctor.nights import lasting, look_at_nights
from validator.errors import StoreError, StoreLost
from validator.ledger import Embedded, Ledger
from validator.ledger.base.sweeping import SWEEPS
from validator.ledger.base.tables import HEAD, HISTORY, STATUSES
from validator.ledger.engine import open_database, revision_at, revisions
from validator.ledger.keys import open_keys, rows_of_older_keys
from validator.stores.base import UnreadableRow
from validator.stores.sqlite import SqliteStore

AHEAD: Final = timedelta(minutes=5)
"""Clocks of several machines may differ by so much."""


@dataclass(slots=True)
class Looked:
    """What was found. `hosts` are those of stored credentials; `usable`: the store may be opened to ask by its pace."""

    findings: list[Finding] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    usable: bool = False


def sentence(code: str, error: StoreError | StoreLost, subject: object) -> Finding:
    """Our own errors say what is wrong, and after the last semicolon what to do."""
    said, mark, advice = str(error).rpartition("; ")
    return found(code, str(subject), said=said if mark else advice, advice=advice if mark else "see to the file, and ask again")


async def look_at_store(path: Path, key_file: Path, schedule: tuple[str, str] | None, now: datetime, *, told: bool) -> Looked:
    """The findings about the database at `path`; `schedule` is the nightly sweep's with its zone, `told`: somebody is told of it."""
    looked = Looked()
    mode = await asyncio.to_thread(_mode, path)
    if mode is None:
        looked.findings.append(found("store_none", str(path)))
        return looked
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        looked.findings.append(found("store_open", str(path)))
    try:
        revision = await revision_at(path)
    except (StoreError, StoreLost) as error:
        looked.findings.append(sentence("store_fails", error, path))
        return looked
    if revision != HEAD:
        known = await asyncio.to_thread(revisions)
        looked.findings.append(
            found("schema_older" if revision in known or not revision else "schema_newer", str(path), revision=revision[:32] or "none")
        )
        return looked
    looked.findings.append(found("schema_newest", str(path), revision=HEAD))
    try:
        async with open_database(path, read_only=True) as database:
            try:
                keys = await open_keys(database, key_file)
            except StoreError as error:
                looked.findings.append(sentence("key_fails", error, key_file))
                return looked
            await _inside(Embedded(database, keys, Ledger(database)), path, key_file, looked, now)
            looked.findings += await look_at_nights(Ledger(database), schedule, now, told=told)
    except (StoreError, StoreLost) as error:
        looked.findings.append(sentence("store_fails", error, path))
        return looked
    looked.usable = os.access(path, os.W_OK, effective_ids=True) and os.access(path.parent, os.W_OK, effective_ids=True)
    if not looked.usable:
        looked.findings.append(found("store_read_only", str(path)))
    return looked


def _mode(path: Path) -> int | None:
    """None for a file that is not there; one that cannot be reached fails when it is opened."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError:
        return 0


async def _inside(embedded: Embedded, path: Path, key_file: Path, looked: Looked, now: datetime) -> None:
    store = SqliteStore(embedded.database, embedded.keys.master)
    number, unreadable, hosts = 0, list[str](), dict[Host, None]()
    async with aclosing(store.credentials()) as rows:  # type: ignore[type-var]  # an async generator
        async for row in rows:
            number += 1
            hosts[row.scope.host] = None
            if isinstance(row, UnreadableRow):
                unreadable.append(row.why)
    looked.hosts = list(hosts)
    looked.findings.append(found("key_opens", str(key_file)))
    looked.findings.append(found("store_opens", str(path), number=number))
    if unreadable:
        looked.findings.append(found("store_unreadable", str(path), number=len(unreadable), why=unreadable[0]))
    await look_inside(embedded, path, key_file, looked, now)


async def look_inside(embedded: Embedded, subject: object, key_file: Path, looked: Looked, now: datetime) -> None:
    """Rows of older keys, and instants that lie ahead."""
    if older := await rows_of_older_keys(embedded.database, embedded.keys.master):
        looked.findings.append(found("key_old_rows", str(key_file), number=older))
    newest = await embedded.database.read(_newest)
    if newest is not None and newest - now > AHEAD:
        looked.findings.append(found("clock_set_back", str(subject), ahead=lasting(newest - now)))


async def _newest(connection: AsyncConnection) -> datetime | None:
    """The latest instant at which something is said to have happened."""
    columns = (STATUSES.c.checked_at, STATUSES.c.last_attempt_at, HISTORY.c.at, SWEEPS.c.started_at)
    found_at: list[datetime | None] = [await connection.scalar(select(func.max(column))) for column in columns]
    return max((at for at in found_at if at is not None), default=None)
