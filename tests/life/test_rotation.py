"""A new master key: everything is under it, nothing is lost where it is cut off, and processes that run go on."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from tests.cases.running import Cli
from tests.ledger.keep_revision import fill
from validator import rotation
from validator.credential import Credential, parse_scope
from validator.errors import StoreError
from validator.ledger import Embedded
from validator.ledger.base.database import Database
from validator.ledger.base.sweeping import SWEEP_ROWS
from validator.ledger.base.tables import CREDENTIALS, NOTICES, SEALED_KEYS
from validator.ledger.keys import key_ids, open_keys, write_master_keys
from validator.rotation import rotate
from validator.sealing import MasterKeys, load_master_keys, make_master_keys, seal
from validator.stores.base import UnreadableRow
from validator.stores.sqlite import SqliteStore

CANARY = "CANARY/9f3c-rotated"


def store_of(embedded: Embedded) -> SqliteStore:
    return SqliteStore(embedded.database, embedded.keys.master, embedded.keys.file)


def credential(number: int, secret: str = "") -> Credential:
    secret = secret or f"{CANARY}-{number}"
    return Credential(user="ada", name=f"key{number}", scope=parse_scope(f"r{number}.test"), username=f"u{number}", secret=SecretStr(secret))


async def filled(embedded: Embedded, number: int = 5) -> None:
    await fill(embedded)
    await store_of(embedded).put_many([(credential(one), None) for one in range(number)])


async def told(embedded: Embedded) -> dict[str, Any]:
    """Whatever names a stored row, by what it names."""
    ledger = embedded.ledger
    rows = [one async for one in store_of(embedded).credentials()]
    assert not [one for one in rows if isinstance(one, UnreadableRow)]
    names = {one.row: (one.user, one.name, one.secret.get_secret_value()) for one in rows if isinstance(one, Credential)}

    async def rows_of_sweeps(connection: Any) -> list[Any]:
        return [row.row for row in await connection.execute(select(SWEEP_ROWS.c.row))]

    async def lines(connection: Any) -> list[Any]:
        return [line for row in await connection.execute(select(NOTICES.c.lines)) for line in row.lines]

    return {
        "credentials": sorted(names.values()),
        "statuses": [names.get(one.key.row) for one in await ledger.statuses.all()],
        "history": [names.get(one.key.row) for one in await ledger.history.of("ann")],
        "sweep": [names.get(row) for row in await embedded.database.read(rows_of_sweeps)],
        "notices": [names.get(line["row"]) for line in await embedded.database.read(lines)],
        "fingerprint": embedded.keys.fingerprinter.of("h", "u", SecretStr("s")),
    }


async def test_everything_is_under_the_new_key_and_still_named(opener, tmp_path):
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        before = await told(embedded)
        old = load_master_keys(key)
        done = await rotate(embedded.database, key)
        assert (done.made, done.rows, done.unreadable, done.kept, done.forgotten) == (True, 7, 0, (old.current,), ())
        assert set(await key_ids(embedded.database)) == {done.current} != {old.current}
        assert await told(embedded) == before
    assert before["statuses"] == before["history"] == before["sweep"] == [("ann", "ngc", "nvapi-kept-EXAMPLE")]
    assert ("ann", "ngc", "nvapi-kept-EXAMPLE") in before["notices"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    async with opener() as again:
        assert await told(again) == before


class CutOff(Exception):
    """Here the process is killed."""


@pytest.mark.parametrize("committed", [True, False], ids=["after a transaction", "inside one"])
async def test_cut_off_anywhere_nothing_is_lost_and_the_next_one_goes_on(opener, tmp_path, monkeypatch, committed):
    key = tmp_path / "home" / "master.key"
    monkeypatch.setattr(rotation, "PAGE", 2)
    write = Database.write
    async with opener() as embedded:
        await filled(embedded, 4)
        before = await told(embedded)
    cut_off, number = True, 0
    done: rotation.Rotated | None = None
    while cut_off:
        left = number
        number += 1

        async def dying(self: Database, work: Any, *tables: Any) -> Any:
            nonlocal left
            if left:
                left -= 1
                return await write(self, work, *tables)
            if committed:
                await write(self, work, *tables)
                raise CutOff

            async def half(connection: Any) -> Any:
                await work(connection)
                raise CutOff

            return await write(self, half, *tables)

        async with opener() as embedded:
            seen = set(await key_ids(embedded.database)) | {load_master_keys(key).current}
            with monkeypatch.context() as patched:
                patched.setattr(Database, "write", dying)
                try:
                    done = await rotate(embedded.database, key)
                    cut_off = False
                except CutOff:
                    pass
        async with opener() as embedded:
            assert await told(embedded) == before, number
            if cut_off:
                done = await rotate(embedded.database, key)
                assert len({done.current} - seen) <= 1
            assert done is not None
            assert set(await key_ids(embedded.database)) == {done.current}
            assert await told(embedded) == before, number
    assert number >= 5, "the key, its own row, the pages, the end"


async def test_one_that_was_cut_off_makes_no_further_key(opener, tmp_path):
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        write_master_keys(key, embedded.keys.master.with_new())
        first = await rotate(embedded.database, key)
        second = await rotate(embedded.database, key)
    assert (first.made, second.made) == (False, True)
    assert second.kept[0] == first.current


async def test_processes_that_run_read_and_write_by_the_new_key(opener, tmp_path):
    key = tmp_path / "home" / "master.key"
    async with opener() as first, opener() as second:
        await filled(first)
        other = store_of(second)
        held = await other.as_kubelet("ada")
        await rotate(first.database, key, forget=True)
        found = await other.as_kubelet("ada")
        assert [one.secret for one in found if isinstance(one, Credential)] == [one.secret for one in held if isinstance(one, Credential)]
        await other.put(credential(9))
        assert len(await key_ids(first.database)) == 1
        assert len(load_master_keys(key).by_kid) == 1


async def test_a_key_that_comes_later_than_its_rows_opens_them_then(opener, tmp_path):
    """A key file that another machine's secret is copied into, a minute late."""
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        new = load_master_keys(key).with_new()
        row = {"username": seal(SecretStr("u0"), new), "secret": seal(SecretStr(CANARY), new)}
        await embedded.database.write(lambda c: c.execute(update(CREDENTIALS).where(CREDENTIALS.c.name == "key0").values(row)))
        store = store_of(embedded)
        assert [one.name for one in await store.as_kubelet("ada") if isinstance(one, UnreadableRow)] == ["key0"]
        write_master_keys(key, new)
        found = await store.as_kubelet("ada")
        assert [one.secret.get_secret_value() for one in found if isinstance(one, Credential) and one.name == "key0"] == [CANARY]


async def test_a_secret_that_was_sealed_just_before_is_sealed_again(opener, tmp_path, monkeypatch):
    key = tmp_path / "home" / "master.key"
    async with opener() as first, opener() as second:
        await filled(first)
        other = store_of(second)
        real = SqliteStore._sealed
        turned = False

        def meanwhile(self: SqliteStore, entries: Any) -> Any:
            nonlocal turned
            sealed = real(self, entries)
            if not turned:
                turned = True
                new = load_master_keys(key).with_new()
                write_master_keys(key, new.only(()))  # the worst: the old one is forgotten before the row is written
            return sealed

        monkeypatch.setattr(SqliteStore, "_sealed", meanwhile)
        await other.put(credential(9))
        monkeypatch.undo()
        stored = await SqliteStore(first.database, load_master_keys(key)).get("ada", "key9")
        assert isinstance(stored, Credential)
        assert stored.secret.get_secret_value() == f"{CANARY}-9"


async def test_who_opens_it_in_the_middle_reads_the_file_again(opener, tmp_path, monkeypatch):
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        stale = load_master_keys(key)
        await rotate(embedded.database, key)
        answers = [stale]
        from validator.ledger import keys

        real = keys._load
        monkeypatch.setattr(keys, "_load", lambda path: answers.pop() if answers else real(path))
        opened = await open_keys(embedded.database, key)
    assert (opened.master.current, answers) == (load_master_keys(key).current, [])


async def test_a_key_file_that_cannot_be_written_changes_nothing(opener, tmp_path, monkeypatch):
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        before, text = await told(embedded), key.read_text()
        monkeypatch.setattr(Path, "touch", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
        with pytest.raises(StoreError, match=r"cannot be written: Read-only file system; give this user the right to, or make room"):
            await rotate(embedded.database, key)
        monkeypatch.undo()
        assert (await told(embedded), key.read_text()) == (before, text)
        assert [path.name for path in key.parent.iterdir() if path.name.startswith(".")] == []


async def test_what_cannot_be_opened_stays_and_keeps_its_key(opener, tmp_path):
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        old = load_master_keys(key).current
        store = store_of(embedded)
        await store.put(credential(7))
        await store.put(credential(8))
        strange, broken = seal(SecretStr("x"), MasterKeys.made()), seal(SecretStr("x"), embedded.keys.master)
        broken = broken[:-4] + ("AAAA" if broken[-4:] != "AAAA" else "BBBB")
        for name, token in (("key7", strange), ("key8", broken)):
            await embedded.database.write(lambda c, n=name, t=token: c.exec_driver_sql("UPDATE credentials SET secret = ? WHERE name = ?", (t, n)))
        done = await rotate(embedded.database, key, forget=True)
        assert (done.unreadable > 0, done.kept, done.forgotten) == (True, (old,), ())
        assert isinstance(await store.get("ada", "key0"), Credential)
        assert isinstance(await store.get("ada", "key7"), UnreadableRow)


async def test_another_databases_key_is_not_taken_for_one_to_rotate(opener, tmp_path):
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        key.unlink()
        make_master_keys(key)
        text = key.read_text()
        with pytest.raises(StoreError, match="opens no row"):
            await rotate(embedded.database, key)
        assert key.read_text() == text


async def test_a_link_to_the_key_stays_a_link(opener, tmp_path):
    key, elsewhere = tmp_path / "home" / "master.key", tmp_path / "elsewhere.key"
    async with opener() as embedded:
        await filled(embedded)
        key.rename(elsewhere)
        key.symlink_to(elsewhere)
        done = await rotate(embedded.database, key)
    assert key.is_symlink()
    assert load_master_keys(elsewhere).current == done.current


async def test_no_old_seal_is_left_in_the_files(opener, tmp_path):
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        sealed = await embedded.database.read(lambda c: c.scalar(select(SEALED_KEYS.c.sealed)))
        await rotate(embedded.database, key)
        left = b"".join(path.read_bytes() for path in key.parent.glob("validator.db*"))
    assert str(sealed).encode() not in left


KILLED = """
import asyncio, sys, time
from pathlib import Path
from validator import rotation
from validator.ledger import open_embedded
rotation.PAGE = 1
real = rotation._page
async def slow(connection, keys, after):
    done = await real(connection, keys, after)
    print("page", flush=True)
    if after == ("ada", "key1"):
        time.sleep(60)
    return done
rotation._page = slow
async def main():
    async with open_embedded(Path(sys.argv[1]), Path(sys.argv[2])) as embedded:
        await rotation.rotate(embedded.database, Path(sys.argv[2]))
asyncio.run(main())
"""


async def test_killed_inside_a_page_it_is_ended_by_the_next(opener, tmp_path):
    key = tmp_path / "home" / "master.key"
    async with opener() as embedded:
        await filled(embedded)
        before = await told(embedded)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(key.with_name("validator.db")), str(key), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        for _ in range(3):
            assert await process.stdout.readline() == b"page\n"
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with opener() as embedded:
        assert len(await key_ids(embedded.database)) == 2, "it was in the middle"
        assert await told(embedded) == before
        done = await rotate(embedded.database, key)
        assert (done.made, set(await key_ids(embedded.database))) == (False, {done.current})
        assert await told(embedded) == before


async def test_the_command_says_what_was_done_and_shows_no_key(cli: Cli):
    words = ("credential", "set", "key", "--no-check", "--payload", "registry=reg.test", "username=u", "auth=-")
    assert (await cli.run("key", "rotate")).code == 2, "there is nothing to rotate yet"
    await cli.run(*words, stdin=CANARY)
    held = json.loads((cli.home / "master.key").read_text())
    first = await cli.run("key", "rotate")
    assert (first.code, first.out.splitlines()[0].startswith("a new master key was made; rows sealed anew by key ")) == (0, True)
    second = await cli.run("key", "rotate", "--forget", "--format", "json", "--log-level", "debug")
    assert (second.code, second.shown["made"], second.shown["kept"], len(second.shown["forgotten"])) == (0, True, [], 2)
    now = json.loads((cli.home / "master.key").read_text())
    for key in (*held["keys"], *now["keys"]):
        assert key["k"] not in first.out + first.err + second.out + second.err
    assert CANARY not in first.out + first.err + second.out + second.err
    assert (await cli.run("credential", "list", "--format", "json")).shown["credentials"][0]["name"] == "key"
