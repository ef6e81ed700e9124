"""The least rights: with the roles of deploy/sql/roles.sql the program does its work, and every statement beyond that is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.errors import InsufficientPrivilege

from tests.postgres.server import Postgres
from tests.stores.osmo_house import PLUS, TABLES, House
from validator.app import open_store
from validator.config import Settings
from validator.errors import StoreError
from validator.lanes.schema import bring
from validator.ledger.statuses import StatusKey, StatusRow

ROLES = Path(__file__).parents[2] / "deploy" / "sql" / "roles.sql"


@pytest.fixture(scope="module")
def guarded(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A database with the roles, as an operator makes them: the file twice, for that changes nothing."""
    name = postgres.database()
    with postgres.connect(name) as connection:
        connection.execute(TABLES)
        for _ in range(2):
            connection.execute(ROLES.read_text())
        connection.execute("ALTER ROLE validator LOGIN; ALTER ROLE validator_reader LOGIN")
        house = House(connection, tmp_path_factory.mktemp("guarded") / "mek.yaml", postgres.url(name, "validator"))
        house.add_mek("key1", PLUS)
        house.add("ann", "ngc", "nvcr.io/acme")
        house.disable("reg.test")
        yield house
    postgres.drop(name)


async def work(house: House) -> None:
    """What the program does there: it reads, makes its tables, the workers' queue and its view, and writes a status."""
    async with open_store(Settings(**house.settings()), environ={}) as opened:
        await bring(opened.ledger)  # the workers' queue
        [one] = [row async for row in opened.store.outlines()]
        key = StatusKey("ann", one.scope, opened.fingerprinter.name("nvcr.io", "u"), one.row)
        await opened.ledger.statuses.put(StatusRow(key=key, name="ngc", state="alive", verdict="valid", reason="login_accepted"))


FORBIDDEN = [
    "INSERT INTO public.credential (user_name, cred_name, payload) VALUES ('x', 'x', '')",
    "UPDATE public.credential SET payload = ''",
    "DELETE FROM public.credential",
    "TRUNCATE public.credential",
    "ALTER TABLE public.credential ADD COLUMN x int",
    "DROP TABLE public.credential",
    "CREATE INDEX ON public.credential (profile)",
    "BEGIN; LOCK TABLE public.credential IN ACCESS EXCLUSIVE MODE",
    "UPDATE public.ueks SET keys = ''",
    "DELETE FROM public.ueks",
    "UPDATE public.profile SET email_notification = true",
    "INSERT INTO public.profile (user_name) VALUES ('ann')",
    "SELECT * FROM public.users",
    "INSERT INTO public.users (id) VALUES ('eve')",
    "SELECT * FROM public.pools",
    "SELECT backend FROM public.pools",
    "UPDATE public.pools SET default_platform = ''",
    "UPDATE public.configs SET value = ''",
    "CREATE TABLE public.mine (x int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "ALTER ROLE validator SUPERUSER",
    "COPY public.credential TO PROGRAM 'cat'",
    "SELECT pg_read_file('/etc/hostname')",
    "SET SESSION AUTHORIZATION postgres",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_programs_role_may_do_nothing_else(postgres: Postgres, guarded: House, statement: str) -> None:
    before = guarded.dump()
    with postgres.connect(name_of(guarded), "validator") as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)
    assert guarded.dump() == before


SEEN_BY_NOBODY_ELSE = [
    "SELECT * FROM validator.statuses",
    "SELECT * FROM public.credential",
    "SELECT * FROM validator.sealed_keys",
    "SELECT * FROM validator.procrastinate_jobs",
    "SELECT * FROM public.ueks",
]


async def test_the_program_works_with_these_rights_and_a_reader_sees_the_view_alone(postgres: Postgres, guarded: House) -> None:
    before = guarded.dump()
    await work(guarded)
    await work(guarded)
    assert guarded.dump() == before
    with postgres.connect(name_of(guarded), "validator_reader") as connection:
        rows = connection.execute(
            "SELECT user_name, cred_name, profile, state, verdict, reason, confirmed FROM validator.credential_status"
        ).fetchall()
        for statement in SEEN_BY_NOBODY_ELSE:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)
    assert rows == [("ann", "ngc", "nvcr.io/acme", "alive", "valid", "login_accepted", True)]


async def test_the_view_hides_what_was_said_of_another_secret_and_stops_no_migration_of_osmos(postgres: Postgres, guarded: House) -> None:
    await work(guarded)
    view = "SELECT state, verdict, confirmed FROM validator.credential_status"
    guarded.set("ann", "ngc", auth="new")
    assert guarded.connection.execute(view).fetchall() == [("never_checked", None, False)]
    guarded.connection.execute("ALTER TABLE public.credential ALTER COLUMN cred_name TYPE varchar(200)")
    assert guarded.connection.execute(view).fetchall() == [("never_checked", None, False)]
    guarded.connection.execute("ALTER TABLE public.credential ALTER COLUMN cred_name TYPE text")
    assert guarded.connection.execute(view).fetchall() == [("never_checked", None, False)]


async def test_rights_that_are_missing_are_one_sentence(postgres: Postgres, guarded: House) -> None:
    guarded.connection.execute("REVOKE SELECT ON public.ueks FROM validator")
    try:
        with pytest.raises(StoreError, match=r"public\.ueks of .* may not be read by this user; give it the rights of deploy/sql/roles\.sql"):
            await work(guarded)
    finally:
        guarded.connection.execute("GRANT SELECT ON public.ueks TO validator")


async def test_osmos_own_credential_is_read_where_its_settings_may_be(guarded: House) -> None:
    async def names() -> list[str]:
        async with open_store(Settings(**guarded.settings()), environ={}) as opened:
            assert [one.name for one in await opened.store.as_kubelet("ann")] == [one.name async for one in opened.store.outlines()][::-1]
            return [one.name async for one in opened.store.outlines()]

    guarded.backend_images("nvcr.io")
    assert await names() == ["backend_images", "ngc"]
    guarded.connection.execute("REVOKE SELECT (key, value, type) ON public.configs FROM validator")
    try:
        assert await names() == ["ngc"]
    finally:
        guarded.connection.execute("GRANT SELECT (key, value, type) ON public.configs TO validator")
        guarded.connection.execute("DELETE FROM configs WHERE key = 'backend_images'")


async def test_a_role_that_may_make_no_schema_is_told_what_to_run(postgres: Postgres, tmp_path: Path) -> None:
    name = postgres.database()
    with postgres.connect(name) as connection:
        connection.execute(TABLES)
        connection.execute("DO $$ BEGIN CREATE ROLE bare LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        connection.execute("GRANT SELECT ON public.credential, public.ueks, public.profile TO bare")
        house = House(connection, tmp_path / "mek.yaml", postgres.url(name, "bare"))
        house.add_mek("key1", PLUS)
        with pytest.raises(StoreError, match=r"does not allow what is needed to this user; give it the rights of deploy/sql/roles\.sql"):
            await work(house)
    postgres.drop(name)


def name_of(house: House) -> str:
    return house.url.partition("@/")[2].partition("?")[0]
