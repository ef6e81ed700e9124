"""The sentences for what goes wrong with a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from validator.errors import StoreError, StoreLost
from validator.postgres import fault_of

_FAULTS: Final[Mapping[int, tuple[type[StoreError] | type[StoreLost], str]]] = {
    sqlite3.SQLITE_BUSY: (StoreError, "the database {} is locked by another process; try again when that one is done"),
    sqlite3.SQLITE_LOCKED: (StoreError, "the database {} is locked by another process; try again when that one is done"),
    sqlite3.SQLITE_NOTADB: (StoreError, "{} is not a database of ours; name another file by `store`"),
    sqlite3.SQLITE_CORRUPT: (StoreError, "the database {} is damaged; put back a copy of it"),
    sqlite3.SQLITE_READONLY: (StoreError, "the database {} cannot be written; give this user the right to"),
    sqlite3.SQLITE_PERM: (StoreError, "the database {} cannot be written; give this user the right to"),
    sqlite3.SQLITE_FULL: (StoreLost, "the disk of the database {} is full; make room and start again"),
    sqlite3.SQLITE_IOERR: (StoreLost, "the disk of the database {} fails; see to the disk and start again"),
    sqlite3.SQLITE_CANTOPEN: (StoreLost, "the database {} cannot be opened any more; see to its folder and start again"),
}


def fault(error: Exception, name: object) -> StoreError | StoreLost:
    """The sentence for an error of the driver; its own words may quote a row, and are not repeated."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, UnicodeEncodeError):
        return StoreError("a name to be stored is not UTF-8 text; give it as UTF-8")
    if type(cause).__module__.startswith("psycopg") and (found := fault_of(cause, str(name))) is not None:
        return found
    lost = (StoreLost, f"the database {{}} failed while in use ({type(cause).__name__}); start again")
    kind, sentence = _FAULTS.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF, lost)
    return kind(sentence.format(name))
