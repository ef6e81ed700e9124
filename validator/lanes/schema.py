"""procrastinate's tables, types and functions in our schema, made and brought to its version by `validator migrate` and each worker.

Applying its schema twice fails, and it keeps no version: ours is the note. Its migrations are plain SQL files, in the order of
their names; each is safe to run before the program that needs it, so all are run at once.
"""

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final

from validator.errors import ConfigError, StoreError
from validator.ledger import Ledger

NAME: Final = "procrastinate"
_FILE: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)_\d+_.*\.sql")
Version = tuple[int, ...]


def installed() -> str:
    """The version of procrastinate that is installed. Raises ConfigError if none is."""
    try:
        import procrastinate.schema  # noqa: F401  to see that it is there, whole
    except ImportError:
        raise ConfigError("workers need the program's extra `postgres`: install validator[postgres]") from None
    return version_of(NAME)


async def bring(ledger: Ledger) -> str:
    """Have the queue's tables be of the installed version, which is returned. Raises ConfigError, StoreError, StoreLost."""
    version = installed()
    await ledger.queues.bring(NAME, version, lambda found: scripts(found, version))
    return version


def scripts(found: str | None, version: str) -> list[str]:
    """What leads from the version that is there (None: from nothing) to `version`. Raises StoreError from a newer one."""
    from procrastinate.schema import SchemaManager

    if found is None:
        return [SchemaManager.get_schema()]
    if parsed(found) > parsed(version):
        raise StoreError(f"the queue's tables are of a newer program (procrastinate {found}); use that program or a newer one")
    folder = Path(SchemaManager.get_migrations_path())
    named = sorted(folder.glob("*.sql"))
    return [path.read_text(encoding="utf-8") for path in named if parsed(found) < _of_file(path.name) <= parsed(version)]


def parsed(text: str) -> Version:
    """`3.10.0` as numbers, to be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _of_file(name: str) -> Version:
    found = _FILE.fullmatch(name)
    return tuple(map(int, found.groups())) if found is not None else ()
