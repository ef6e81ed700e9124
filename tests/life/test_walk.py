"""The life of an installation: an upgrade over versions with a full store, a backup, the loss of all, and the way back."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from tests.cases.running import Cli
from tests.ledger.keep_revision import SECRET
from tests.ledger.test_migrations import kept
from validator.ledger import engine, open_embedded
from validator.ledger.base.tables import HEAD
from validator.sealing import load_master_keys, seal
from validator.stores.base import row_hash

MANY: Final = 300
OLD: Final = ["0001", "0003"]


def fill_old(path: Path, key: Path) -> list[str]:
    """A store of an older program with many credentials, each with a status, as that program wrote them; their names."""
    keys, names = load_master_keys(key), [f"user{number:05}" for number in range(MANY)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.row_factory = sqlite3.Row
        [status] = connection.execute("SELECT * FROM statuses").fetchall()
        username, secret = seal(SecretStr("u"), keys), seal(SECRET, keys)
        rows = [(name, "key", "reg.test", "", "reg.test", username, secret, None) for name in names]
        connection.executemany("INSERT INTO credentials VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        columns = ", ".join(status.keys())
        for name in names:
            values = dict(status) | {"user": name, "name": "key", "host": "reg.test", "path": "", "row": row_hash(username, secret)}
            connection.execute(f"INSERT INTO statuses ({columns}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))
    return names


async def listed(cli: Cli) -> list[dict[str, Any]]:
    result = await cli.run("status", "--format", "json")
    assert result.code == 0, result.err
    rows: list[dict[str, Any]] = result.shown["credentials"]
    return rows


@pytest.mark.parametrize("revision", OLD)
async def test_upgraded_backed_up_lost_and_restored_with_nothing_missing(revision: str, cli: Cli, tmp_path: Path) -> None:
    assert engine.revisions().index(HEAD) - engine.revisions().index(revision) >= 2, "over two versions at least"
    path, key = kept(revision, cli.home), cli.home / "master.key"
    names = fill_old(path, key)
    safe = tmp_path / "safe"
    safe.mkdir()
    shutil.copy(key, safe)  # the key is kept apart from the backups

    upgraded = (await cli.run("migrate", "--format", "json")).shown
    assert (upgraded["from"], upgraded["to"]) == (revision, HEAD)
    before = await listed(cli)
    assert {(row["user"], row["state"]) for row in before} == {("ann", "alive"), *((name, "alive") for name in names)}

    explained = (await cli.run("explain", "ngc", "--user", "ann")).out
    messages = (await cli.run("notices", "list", "--all")).out, (await cli.run("token", "list")).out
    async with open_embedded(path, key):  # a service has it open
        backed_up = (await cli.run("backup", str(safe / "validator.db"), "--format", "json")).shown
    assert (backed_up["credentials"], backed_up["revision"]) == (MANY + 1, HEAD)

    key.unlink()
    lost = await cli.run("status")
    assert (lost.code, lost.err.count("\n"), "is missing" in lost.err, key.exists()) == (2, 1, True, False)
    for gone in cli.home.glob("validator.db*"):
        gone.unlink()

    # the order of docs/how-to/backup.md: nothing runs, nothing of the old files is left, the database, the key, the doctor
    shutil.copy(safe / "validator.db", path)
    early = await cli.run("status")
    assert (early.code, key.exists()) == (2, False), "without its key it is not opened, and no other key is made"
    shutil.copy(safe / "master.key", key)
    key.chmod(0o600)
    assert await listed(cli) == before
    doctor = json.loads((await cli.run("doctor", "--format", "json")).out)
    said = {one["code"] for one in doctor["findings"]}
    assert {"store_opens", "schema_newest", "key_opens"} <= said
    assert not {"store_unreadable", "key_old_rows", "store_fails", "key_fails", "clock_set_back"} & said
    assert (await cli.run("explain", "ngc", "--user", "ann")).out == explained
    assert ((await cli.run("notices", "list", "--all")).out, (await cli.run("token", "list")).out) == messages
