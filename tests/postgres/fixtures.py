"""A running Postgres, and in it one database of OSMO's shape that each test finds empty."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.postgres.server import Postgres, binaries, running
from tests.stores.osmo_house import PLUS, TABLES, House
from validator.ledger.base.tables import METADATA
from validator.ledger.postgres import open_on_server

_OSMO: Final = ("credential", "ueks", "profile", "users", "configs", "pools")
_EMPTY: Final = ";".join(
    f"DELETE FROM {table}"
    for table in [*(f"validator.{name}" for name in METADATA.tables if name != "queues"), *(f"public.{name}" for name in _OSMO)]
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running Postgres of this process's tests; without Debian's package as for a program. No test changes what another finds there."""
    if binaries() is None and os.environ.get("CI") == "true":
        pytest.fail("PostgreSQL is not installed, and CI=true skips nothing; .ci/run installs it")
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with running() as one:
        yield one


@pytest.fixture(scope="session")
def osmo_database(postgres: Postgres) -> str:
    """The name of a database with OSMO's tables and ours."""
    name = postgres.database()
    with postgres.connect(name) as connection:
        connection.execute(TABLES)

    async def make() -> None:
        async with open_on_server(postgres.server(name)):
            pass

    asyncio.run(make())
    return name


@pytest.fixture
def house(postgres: Postgres, osmo_database: str, tmp_path: Path) -> Iterator[House]:
    """OSMO's database without a row, and a key file."""
    with postgres.connect(osmo_database) as connection:
        connection.execute(_EMPTY)
        one = House(connection, tmp_path / "mek.yaml", postgres.url(osmo_database))
        one.add_mek("key1", PLUS)
        yield one
