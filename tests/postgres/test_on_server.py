"""The ledger on a real Postgres: a guest in a schema of its own, one writer at a time, and a server that goes away."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import Connection, text

from tests.ledger.contender import NOW, TRIES
from tests.ledger.test_two_processes import race
from tests.postgres.server import Postgres, running
from validator.errors import ConfigError, StoreError, StoreLost
from validator.ledger import Embedded, Ledger, engine, open_embedded_on
from validator.ledger.base.server import LOCK, ServerThread
from validator.ledger.base.tables import HEAD, METADATA
from validator.ledger.postgres import open_on_server
from validator.postgres import server_of

TEXTS = """
SELECT c.relname || '.' || a.attname, o.collname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_collation o ON o.oid = a.attcollation
WHERE c.relnamespace = 'validator'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND a.atttypid = 'text'::regtype
"""


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """An empty one."""
    name = postgres.database()
    yield name
    postgres.drop(name)


@pytest.fixture
async def embedded(postgres: Postgres, database: str, tmp_path: Path) -> AsyncIterator[Embedded]:
    async with open_embedded_on(postgres.server(database), tmp_path / "master.key") as opened:
        yield opened


async def test_nothing_is_made_outside_the_schema_and_texts_sort_as_ours(postgres: Postgres, database: str, embedded: Embedded) -> None:
    await embedded.database.write_in_one(agree)
    with postgres.connect(database) as connection:
        tables = {
            (row[0], row[1]) for row in connection.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^pg_|^information'")
        }
        sorted_by = {str(column): str(collation) for column, collation in connection.execute(TEXTS)}
    assert tables == {("validator", name) for name in (*METADATA.tables, "alembic_version")}
    assert (set(sorted_by.values()), len(sorted_by) > 80) == ({"C"}, True)


def agree(connection: Connection) -> None:
    """Tables and revisions, by Alembic's own word."""
    config = engine._config(connection)
    config.stdout = io.StringIO()  # what it holds by default is of whichever test imported it
    command.check(config)


async def test_every_revision_goes_down_and_up_again(embedded: Embedded) -> None:
    def down_and_up(connection: Connection) -> tuple[int, str]:
        engine.downgrade(connection, "base")
        left = len(connection.execute(text("SELECT 1 FROM pg_tables WHERE schemaname = 'validator'")).all())
        engine.upgrade(connection, HEAD)
        return left, str(connection.scalar(text("SELECT version_num FROM alembic_version")))

    assert await embedded.database.write_in_one(down_and_up) == (1, HEAD), "Alembic's own table alone is left"


@pytest.mark.parametrize(
    "statement", ["CREATE SCHEMA validator CREATE TABLE users (x int)", "CREATE SCHEMA validator CREATE TABLE sealed_keys (x int)"]
)
async def test_another_programs_schema_is_left_alone(postgres: Postgres, database: str, tmp_path: Path, statement: str) -> None:
    with postgres.connect(database) as connection:
        connection.execute(statement)
    with pytest.raises(StoreError, match="is another program's; name another database"):
        async with open_embedded_on(postgres.server(database), tmp_path / "master.key"):
            pass


async def test_a_newer_programs_database_is_not_touched(postgres: Postgres, database: str, tmp_path: Path) -> None:
    server = postgres.server(database)
    with pytest.raises(StoreError, match=r"no schema validator in the database t.* yet; run `validator migrate` first"):
        async with open_on_server(server, read_only=True):
            pass
    async with open_on_server(server):
        pass
    with postgres.connect(database) as connection:
        connection.execute("UPDATE validator.alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="is of a newer program"):
        async with open_on_server(server):
            pass


async def test_a_server_or_a_database_that_is_not_there_is_one_sentence(postgres: Postgres, tmp_path: Path) -> None:
    nowhere = server_of(SecretStr(f"osmo+postgresql://u:S3cret@/x?host={tmp_path}"), {})
    for server, said in (
        (postgres.server("no-such"), "there is no database no-such at "),
        (nowhere, f"the database x at {tmp_path} cannot be reached"),
    ):
        with pytest.raises(StoreError, match=said) as caught:
            async with open_on_server(server):
                pass
        assert ("S3cret" in str(caught.value), "S3cret" in repr(nowhere), "\n" in str(caught.value)) == (False, False, False)
    with pytest.raises(ConfigError, match="no Postgres URL") as said_of_it:
        server_of(SecretStr("osmo+postgresql://u:S3cret@h:port/x?sslmode"), {})
    assert "S3cret" not in str(said_of_it.value)


def test_what_a_url_leaves_out_is_taken_from_osmos_variables() -> None:
    environ = {"OSMO_POSTGRES_HOST": "db", "OSMO_POSTGRES_PORT": "6000", "OSMO_POSTGRES_USER": "u", "OSMO_POSTGRES_PASSWORD": "p%/@ w"}
    found = server_of(SecretStr("osmo+postgresql://"), environ)
    given = server_of(SecretStr("osmo+postgresql://me@other/mine"), environ)
    wanted = ("host", "port", "user", "password", "dbname")
    assert [found.parameters()[name] for name in wanted] == ["db", "6000", "u", "p%/@ w", "osmo"]
    assert [given.parameters()[name] for name in wanted] == ["other", "6000", "me", "p%/@ w", "mine"]
    assert (found.name, given.name) == ("osmo at db:6000", "mine at other:6000")


async def test_a_lock_that_another_keeps_is_one_sentence_and_nothing_is_written(
    postgres: Postgres, database: str, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    patient = ServerThread(postgres.server(database), writes=True)
    patient._first = f"SET LOCAL lock_timeout = 50; {patient._first}"
    monkeypatch.setattr(embedded.database, "_writer", patient)
    with postgres.connect(database) as other:
        other.execute(f"SELECT pg_advisory_lock({LOCK})")
        with pytest.raises(StoreError, match="is locked by another process"):
            await embedded.ledger.illness.add("nvcr.io", "timeout", now=NOW)
    await embedded.ledger.illness.add("nvcr.io", "dns_nxdomain", now=NOW)
    assert [sign.kind for sign in await embedded.ledger.illness.since("nvcr.io", NOW)] == ["dns_nxdomain"]
    await patient.close()


async def test_what_no_text_can_hold_is_one_sentence(embedded: Embedded) -> None:
    with pytest.raises(StoreError, match="holds a NUL character"):
        await embedded.ledger.illness.add("nvcr.io", "a\0b", now=NOW)


async def test_connections_that_are_cut_are_made_anew(postgres: Postgres, database: str, embedded: Embedded) -> None:
    ledger = embedded.ledger
    for kind in ("first", "second"):
        await ledger.illness.add("nvcr.io", kind, now=NOW)
        assert len(await ledger.illness.since("nvcr.io", NOW)) == (1 if kind == "first" else 2)
        with postgres.connect() as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))


@pytest.mark.parametrize("at", ["a statement", "the commit"])
async def test_a_work_whose_connection_is_lost_is_run_again_unless_it_may_have_been_kept(
    postgres: Postgres, database: str, embedded: Embedded, at: str
) -> None:  # fmt: skip
    runs = 0

    async def work(parts: Ledger) -> int:
        nonlocal runs
        runs += 1
        await parts.illness.add("nvcr.io", f"run {runs}", now=NOW)
        if runs == 1:
            with postgres.connect() as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND state = 'idle in transaction'", (database,)
                )
        if at == "a statement":
            await parts.illness.add("nvcr.io", "and more", now=NOW)
        return runs

    if at == "the commit":
        with pytest.raises(StoreLost, match="went away"):
            await embedded.ledger.together(work)
        assert (runs, await embedded.ledger.illness.since("nvcr.io", NOW)) == (1, ())
    else:
        assert await embedded.ledger.together(work) == 2
        assert [sign.kind for sign in await embedded.ledger.illness.since("nvcr.io", NOW)] == ["run 2", "and more"]


async def test_what_waits_is_written_once_though_its_connection_is_lost(postgres: Postgres, database: str, embedded: Embedded) -> None:
    ledger, runs = embedded.ledger, 0

    def cut(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        connection.execute(text("SELECT 1"))
        if runs == 1:
            with postgres.connect() as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND state = 'idle in transaction'", (database,)
                )
        connection.execute(text("SELECT 1"))

    async with ledger.behind(3600.0):
        await ledger.illness.add("nvcr.io", "waits", now=NOW)
        await embedded.database.write_in_one(cut, METADATA.tables["signs"])
        assert (runs, [sign.kind for sign in await ledger.illness.since("nvcr.io", NOW)]) == (2, ["waits"])


async def test_a_server_that_is_started_again_is_waited_for(tmp_path: Path) -> None:
    with running() as own:
        async with open_embedded_on(own.server("postgres"), tmp_path / "master.key") as opened:
            ledger = opened.ledger
            async with ledger.behind(0.01):
                await ledger.illness.add("nvcr.io", "before", now=NOW)
                await asyncio.to_thread(own.stop, "fast")
                waiting = asyncio.create_task(ledger.facts.refused("nvcr.io", opened.keys.fingerprinter.name("nvcr.io", "u"), now=NOW))
                reading = asyncio.create_task(ledger.illness.since("nvcr.io", datetime(2020, 1, 1, tzinfo=UTC)))
                await asyncio.to_thread(own.start)
                await waiting
                assert [sign.kind for sign in await reading] == ["before"]


@pytest.mark.usefixtures("at_length")
async def test_four_processes_never_all_take_the_last_place(postgres: Postgres, database: str, tmp_path: Path) -> None:
    async with open_on_server(postgres.server(database)):
        pass
    got = [int(one) for one in await race("reserve", f"{tmp_path} {postgres.url(database)}", 4)]
    assert (sum(got), 4 * TRIES > 25) == (25, True)
