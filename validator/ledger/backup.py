"""A backup: one file that holds the whole database of one instant, with what a person must know to restore it."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from validator.errors import StoreLost, UsageError
from validator.ledger.base.copying import copy_database, only_read
from validator.ledger.engine import revision_at
from validator.sealing import key_id

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackUp:
    """What the file holds. `key_ids` are those of the master keys that its rows need; `size` is bytes."""

    size: int
    revision: str
    credentials: int
    key_ids: tuple[str, ...]


async def back_up(source: Path, target: Path) -> BackUp:
    """Copy the database at `source` to `target` (0600) while it is in use, whole or not at all.

    Raises UsageError where `target` is there or cannot be made, StoreError for a source that is no database of ours, StoreLost
    where the disk is full.
    """
    revision = await revision_at(source)
    try:
        await asyncio.to_thread(copy_database, source, target)
    except FileExistsError:
        raise UsageError(f"there is a file {target} already; name another one, or move that one away.") from None
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "its disk is full, or fails"
        kind = StoreLost if isinstance(error, sqlite3.Error) or error.errno in _FULL else UsageError
        raise kind(f"no backup {target} can be made ({why}); make room, or name another folder") from None
    return await asyncio.to_thread(_looked_at, target, revision)


def _looked_at(path: Path, revision: str) -> BackUp:
    with closing(sqlite3.connect(only_read(path), uri=True)) as connection:
        rows = connection.execute("SELECT username, secret FROM credentials").fetchall()
        own = connection.execute("SELECT sealed FROM sealed_keys").fetchall()
    kids = Counter(key_id(token) for row in (*rows, *own) for token in row)
    return BackUp(size=path.stat().st_size, revision=revision, credentials=len(rows), key_ids=tuple(sorted(kid for kid in kids if kid)))
