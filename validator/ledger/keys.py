"""The keys of a database: the master key in its file, and the fingerprint key sealed under it in the database.

A master key is made only while no sealed row exists: a new one beside old rows would hide that the old one is lost. The file
may change while a process runs (`validator key rotate`): `KeyFile` reads it anew when it has, and a key that it had stays known.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.errors import StoreError
from validator.ledger.base.database import Database
from validator.ledger.base.tables import CREDENTIALS, SEALED_KEYS
from validator.sealing import KEY_BYTES, Fingerprinter, MasterKeys, Unreadable, Why, key_id, load_master_keys, make_master_keys, seal, unseal

FINGERPRINT: Final = "fingerprint"


_TRIES: Final = 5
"""So often the file and what it opens are read again, where they changed in between."""


class KeyFile:
    """The master keys as their file has them. `path` None: keys of one run, in no file."""

    def __init__(self, path: Path | None, keys: MasterKeys) -> None:
        self.path = path
        self._keys = keys
        self._seen: object = None

    def read(self) -> MasterKeys:
        """The keys of now: the file is read again if it is another one. Raises StoreError where it is gone or cannot be used."""
        if self.path is None:
            return self._keys
        try:
            found = self.path.stat()
        except OSError as error:
            raise StoreError(f"the master key file {self.path} cannot be read any more ({error.strerror}); put it back") from None
        seen = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._keys = load_master_keys(self.path)
            self._seen = seen
        return self._keys


@dataclass(frozen=True, slots=True)
class Keyring:
    """What opens and seals the rows, and what names secrets; `file` has the keys that came since."""

    master: MasterKeys
    fingerprinter: Fingerprinter
    file: KeyFile


async def open_keys(database: Database, key_file: Path) -> Keyring:
    """The keys of `database`; one that is not durable has keys that nobody keeps, and `key_file` is left alone.

    Raises StoreError, one sentence, if the master key is missing while sealed rows exist, wrong, or readable by others.
    """
    if not database.durable:
        made = MasterKeys.made()
        return Keyring(made, Fingerprinter(secrets.token_bytes(KEY_BYTES)), KeyFile(None, made))
    for left in reversed(range(_TRIES)):
        master = await _master_keys(database, key_file)
        sealed = await database.read(_sealed_fingerprint_key) or await _make_fingerprint_key(database, master)
        try:
            key = base64.b64decode(unseal(sealed, master).get_secret_value())
        except Unreadable as error:
            if left and error.reason is Why.UNKNOWN_KEY and key_id(sealed) in (await asyncio.to_thread(load_master_keys, key_file)).by_kid:
                continue  # it was sealed anew after the file was read
            break
        return Keyring(master, Fingerprinter(key), KeyFile(key_file, master))
    raise StoreError(
        f"the master key file {key_file} does not open {database.name}: it is another database's key; put back the one "
        "that this database was made with"
    ) from None


async def _master_keys(database: Database, key_file: Path) -> MasterKeys:
    master = await asyncio.to_thread(_load, key_file)
    if master is None and await database.read(_has_sealed_rows):
        master = await asyncio.to_thread(_load, key_file)  # another process may have made both since
        if master is None:
            raise StoreError(
                f"the master key file {key_file} is missing, and {database.name} holds rows sealed by it; put the file back, "
                "or move the database away to begin anew"
            )
    if master is None:
        if database.read_only:
            raise StoreError(f"nothing was ever stored in {database.name}, and there is no master key yet; store a credential first")
        master = await asyncio.to_thread(_make, key_file)
    return master


async def _has_sealed_rows(connection: AsyncConnection) -> bool:
    for table in (SEALED_KEYS, CREDENTIALS):
        if (await connection.execute(select(table.c.name).limit(1))).first() is not None:
            return True
    return False


async def _sealed_fingerprint_key(connection: AsyncConnection) -> str | None:
    sealed: str | None = await connection.scalar(select(SEALED_KEYS.c.sealed).where(SEALED_KEYS.c.name == FINGERPRINT))
    return sealed


async def _make_fingerprint_key(database: Database, master: MasterKeys) -> str:
    """Make it once: whoever writes first, all get his."""
    made = seal(SecretStr(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")), master)

    async def work(connection: AsyncConnection) -> str:
        there = await _sealed_fingerprint_key(connection)
        if there is not None:
            return there
        await connection.execute(SEALED_KEYS.insert().values(name=FINGERPRINT, sealed=made))
        return made

    return await database.write(work)


def _load(key_file: Path) -> MasterKeys | None:
    """The keys of the file, None where there is none; a broken link or a closed folder is a fault, not an absence."""
    try:
        key_file.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the master key file {key_file} cannot be reached: {error.strerror}") from None
    return load_master_keys(key_file)


def _make(key_file: Path) -> MasterKeys:
    """Make it, and have the disk hold it before anything is sealed by it."""
    master = make_master_keys(key_file)
    for path in (key_file, key_file.parent):
        _on_the_disk(path)
    return master


def write_master_keys(key_file: Path, keys: MasterKeys) -> None:
    """Have the file hold these, and the disk the file: the old one or the new one is there, whole, whatever happens. Raises StoreError."""
    path = key_file.resolve()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        draft.touch(mode=0o600, exist_ok=False)
        try:
            draft.write_text(keys.text(), encoding="utf-8")
            _on_the_disk(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        _on_the_disk(path.parent)
    except OSError as error:
        raise StoreError(f"the master key file {path} cannot be written: {error.strerror}; give this user the right to, or make room") from None


def _on_the_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def rows_of_older_keys(database: Database, keys: MasterKeys) -> int:
    """How many rows are sealed by a key of `keys` that seals no more."""
    return sum([number for kid, number in (await key_ids(database)).items() if kid != keys.current and kid in keys.by_kid])


async def key_ids(database: Database) -> Mapping[str, int]:
    """The ids of the keys by which rows are sealed, and by each how many; "" for what is not sealed."""
    return await database.read(key_ids_of)


async def key_ids_of(connection: AsyncConnection) -> Mapping[str, int]:
    """The same, in a transaction of the caller's."""
    found: Counter[str] = Counter()
    for row in await connection.execute(select(SEALED_KEYS.c.sealed)):
        found[key_id(row.sealed)] += 1
    for row in await connection.execute(select(CREDENTIALS.c.username, CREDENTIALS.c.secret)):
        found.update({key_id(row.username), key_id(row.secret)})
    return found
