"""The keys of a database: the master key in its file, and the fingerprint key sealed under it in the database.

A master key is made only while no sealed row exists: a new one beside old rows would hide that the old one is lost.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.errors import StoreError
from validator.ledger.base.database import Database
from validator.ledger.base.tables import CREDENTIALS, SEALED_KEYS
from validator.sealing import KEY_BYTES, Fingerprinter, MasterKeys, Unreadable, load_master_keys, make_master_keys, seal, unseal

_FINGERPRINT = "fingerprint"


@dataclass(frozen=True, slots=True)
class Keyring:
    """What opens and seals the rows, and what names secrets."""

    master: MasterKeys
    fingerprinter: Fingerprinter


async def open_keys(database: Database, key_file: Path) -> Keyring:
    """The keys of `database`; one that is not durable has keys that nobody keeps, and `key_file` is left alone.

    Raises StoreError, one sentence, if the master key is missing while sealed rows exist, wrong, or readable by others.
    """
    if not database.durable:
        return Keyring(MasterKeys.made(), Fingerprinter(secrets.token_bytes(KEY_BYTES)))
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
    sealed = await database.read(_sealed_fingerprint_key) or await _make_fingerprint_key(database, master)
    try:
        key = base64.b64decode(unseal(sealed, master).get_secret_value())
    except Unreadable:
        raise StoreError(
            f"the master key file {key_file} does not open {database.name}: it is another database's key; put back the one "
            "that this database was made with"
        ) from None
    return Keyring(master, Fingerprinter(key))


async def _has_sealed_rows(connection: AsyncConnection) -> bool:
    for table in (SEALED_KEYS, CREDENTIALS):
        if (await connection.execute(select(table.c.name).limit(1))).first() is not None:
            return True
    return False


async def _sealed_fingerprint_key(connection: AsyncConnection) -> str | None:
    sealed: str | None = await connection.scalar(select(SEALED_KEYS.c.sealed).where(SEALED_KEYS.c.name == _FINGERPRINT))
    return sealed


async def _make_fingerprint_key(database: Database, master: MasterKeys) -> str:
    """Make it once: whoever writes first, all get his."""
    made = seal(SecretStr(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")), master)

    async def work(connection: AsyncConnection) -> str:
        there = await _sealed_fingerprint_key(connection)
        if there is not None:
            return there
        await connection.execute(SEALED_KEYS.insert().values(name=_FINGERPRINT, sealed=made))
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
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return master
