"""Copies of a database while it is in use: of one instant, private, and on the disk before they have their name."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

WITHIN_S: Final = 5.0
"""So long a lock of another process is waited for."""


def only_read(path: Path) -> str:
    """The URI under which SQLite reads `path` and writes nothing beside it that need not be.

    Where it may write nothing at all, it cannot make the log's index that it wants for a database in WAL mode; if there is no log,
    nobody has it open to write, and it is read as a file that stands still.
    """
    still = not os.access(path.parent, os.W_OK, effective_ids=True) and not path.with_name(f"{path.name}-wal").exists()
    return f"file:{quote(os.fsencode(path))}?mode=ro{'&immutable=1' if still else ''}"


def copy_database(source: Path, target: Path, *, replace: bool = False) -> None:
    """Copy `source`, its log included, to `target` (0600), whole or not at all; writers go on meanwhile.

    The copy has no log beside it. Raises FileExistsError for a target that is there, unless it is to be replaced; OSError and
    sqlite3.Error.
    """
    if not replace and target.exists():
        raise FileExistsError(target)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(only_read(source), uri=True, timeout=WITHIN_S)) as origin, closing(sqlite3.connect(draft)) as copy:
            origin.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            found = copy.execute("PRAGMA quick_check(1)").fetchone()
            if found != ("ok",):
                raise sqlite3.DatabaseError("the copy is damaged")
        _on_the_disk(draft)
        if replace:
            draft.replace(target)
        else:
            _named(draft, target)
        _on_the_disk(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _named(draft: Path, target: Path) -> None:
    """Give it its name, which nobody may have taken meanwhile; some file systems have no second names."""
    try:
        target.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:
        draft.rename(target)


def _on_the_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system that cannot for a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
