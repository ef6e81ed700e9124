"""Revisions: tables and migrations agree, every kept database is upgraded with its rows, after a copy, whole or not at all."""

from __future__ import annotations

import io
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text

from tests.ledger.keep_revision import NOW, SECRET, fill
from validator.credential import Credential, parse_scope
from validator.errors import StoreError
from validator.ledger import Embedded, engine, open_embedded
from validator.ledger.base.tables import HEAD, METADATA
from validator.ledger.budgets import BudgetClass
from validator.ledger.controls import ControlKey, ControlResult
from validator.stores.sqlite import SqliteStore

KEPT = Path(__file__).parent / "kept"


def kept(revision: str, folder: Path) -> Path:
    """The kept database of `revision`, made anew in `folder` with its key."""
    path = folder / "validator.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((KEPT / f"{revision}.sql").read_text())
    shutil.copy(KEPT / f"{revision}.key", folder / "master.key")
    (folder / "master.key").chmod(0o600)
    return path


def test_the_newest_revision_is_the_one_that_the_tables_name():
    assert engine.revisions()[-1] == HEAD


async def test_tables_and_migrations_agree(embedded):
    def agree(connection: Connection) -> None:
        config = engine._config(connection)
        config.stdout = io.StringIO()  # what it holds by default is of whichever test imported it
        command.check(config)

    await embedded.database.write_in_one(agree)


@pytest.mark.parametrize("revision", engine.revisions())
async def test_a_kept_database_of_every_revision_is_upgraded_with_its_rows(tmp_path, revision):
    path = kept(revision, tmp_path)
    async with open_embedded(path, tmp_path / "master.key") as embedded:
        assert await _version(embedded) == HEAD
        [credential] = [row async for row in SqliteStore(embedded.database, embedded.keys.master).credentials()]
        assert isinstance(credential, Credential)
        assert (credential.secret, credential.scope) == (SECRET, parse_scope("nvcr.io/acme"))
        ledger, fingerprint = embedded.ledger, embedded.keys.fingerprinter.of("nvcr.io", "$oauthtoken", SECRET)
        [status] = await ledger.statuses.all()
        assert (status.state, status.key.row, status.key.fingerprint) == ("alive", credential.row, fingerprint)
        facts = await ledger.facts.of("nvcr.io", fingerprint)
        assert facts is not None
        assert facts.accepted_at == NOW
        assert await ledger.repositories.of(fingerprint) == ("acme/app",)
        challenge = await ledger.challenges.get("nvcr.io")
        assert challenge is not None
        control = await ledger.controls.get(
            ControlKey(host="nvcr.io", realm=challenge.realm, service="", scheme="Bearer", step="login"),
        )
        assert control is not None
        assert control.result is ControlResult.REFUSED
        assert (await ledger.anonymous_controls.get("nvcr.io", "acme/app")) is not None
        assert (await ledger.platforms.get("sha256:aa")) == ("index", ({"os": "linux", "architecture": "amd64"},))
        assert len(await ledger.illness.since("nvcr.io", NOW.replace(hour=0))) == 1
        assert await ledger.budgets.count("nvcr.io", NOW) == 1


def test_every_revision_has_its_kept_database():
    assert sorted(path.stem for path in KEPT.glob("*.sql")) == list(engine.revisions())


def test_the_kept_database_has_a_row_in_every_table(tmp_path):
    with closing(sqlite3.connect(kept(HEAD, tmp_path))) as connection:
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in METADATA.tables}
    assert min(counts.values()) >= 1, counts


async def _version(embedded: Embedded) -> str:
    found = await embedded.database.read(lambda c: c.scalar(text("SELECT version_num FROM alembic_version")))
    return str(found)


def test_every_revision_goes_down_and_up_again(tmp_path):
    database = create_engine(f"sqlite:///{tmp_path}/x.db")
    with database.begin() as connection:
        for _ in range(2):
            engine.upgrade(connection, HEAD)
            tables = _tables(connection)
            assert set(METADATA.tables) < tables
            engine.downgrade(connection, "base")
            assert _tables(connection) == {"alembic_version"}
    database.dispose()


def _tables(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))}


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that is one revision ahead: where its migrations are, to be broken by a test."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(engine.__file__).parent / "migrations", folder)
    one = folder / "versions" / "next.py"
    one.write_text(
        f'from alembic import op\nrevision, down_revision = "next", "{HEAD}"\n'
        'def upgrade():\n    op.execute("CREATE TABLE later (x INTEGER)")\n    op.execute("UPDATE statuses SET state = \'migrated\'")\n'
    )
    real = engine._config

    def config(connection=None):
        made = real(connection)
        made.set_main_option("script_location", str(folder))
        return made

    monkeypatch.setattr(engine, "_config", config)
    monkeypatch.setattr(engine, "HEAD", "next")
    return one


async def test_before_a_migration_a_private_copy_of_everything_is_made(opener, next_revision, monkeypatch):
    with monkeypatch.context() as old:
        old.setattr(engine, "HEAD", HEAD)
        async with opener() as embedded:
            await fill(embedded)
    copy = embedded.database.path.with_name("validator.db.before-next")
    async with opener() as embedded:
        assert (await _version(embedded), (await embedded.ledger.statuses.all())[0].state) == ("next", "migrated")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        found = connection.execute("SELECT version_num, state FROM alembic_version, statuses").fetchall()
    assert found == [(HEAD, "alive")]
    assert {path.name for path in copy.parent.iterdir()} <= {
        "validator.db",
        "validator.db-wal",
        "validator.db-shm",
        copy.name,
        "master.key",
    }


async def test_a_migration_that_fails_changes_nothing(opener, next_revision, monkeypatch):
    with monkeypatch.context() as old:
        old.setattr(engine, "HEAD", HEAD)
        async with opener() as embedded:
            await fill(embedded)
    next_revision.write_text(next_revision.read_text() + '    op.execute("SELECT * FROM missing")\n')
    with pytest.raises(StoreError) as caught:
        async with opener():
            pass
    assert "\n" not in str(caught.value)
    with closing(sqlite3.connect(embedded.database.path)) as connection:
        assert connection.execute("SELECT version_num, state FROM alembic_version, statuses").fetchall() == [(HEAD, "alive")]
        assert not connection.execute("SELECT * FROM sqlite_master WHERE name = 'later'").fetchall()


async def test_an_older_database_is_not_migrated_for_reading_only(opener, next_revision, monkeypatch):
    with monkeypatch.context() as old:
        old.setattr(engine, "HEAD", HEAD)
        async with opener() as embedded:
            await fill(embedded)
    with pytest.raises(StoreError, match="is of an older program; run `validator migrate` first"):
        async with opener(read_only=True):
            pass


async def test_a_new_database_needs_no_copy(opener, tmp_path):
    async with opener():
        pass
    assert not list((tmp_path / "home").glob("*.before-*"))


def test_budget_classes_are_what_rows_of_0001_hold():
    assert {str(one) for one in BudgetClass} == {"dead", "new", "former", "canary", "given", "control"}
