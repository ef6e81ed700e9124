"""An open ledger that a test opens as often as it likes: in a file, and for tests that say nothing of files on a Postgres too.

On Postgres the suite runs a part of them, those of the rows that many processes write; `make postgres` runs all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.postgres.server import Postgres
from validator.ledger import Embedded, Ledger, open_embedded, open_embedded_on
from validator.ledger.base.tables import METADATA
from validator.ledger.postgres import open_on_server

Opener = Callable[..., AbstractAsyncContextManager[Embedded]]

OF_A_FILE: Final = frozenset({"test_engine", "test_migrations", "test_threads"})
"""Modules about SQLite and its file."""
ON_BOTH: Final = frozenset(
    {"test_budgets", "test_digests", "test_history", "test_joined", "test_notices", "test_reports", "test_slots", "test_statuses"}
)
"""Modules that the suite runs on both."""
COSTLY: Final = frozenset({
    "test_no_window_ever_holds_more_refusals_than_its_limit_and_retry_at_is_kept", "test_ten_thousand_rows_are_put_in_one_go",
})  # fmt: skip
"""What of them is run on Postgres by `make postgres` alone."""
_EMPTY: Final = ";".join(f"DELETE FROM validator.{table}" for table in METADATA.tables)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if "opener" in metafunc.fixturenames:
        both = (name in ON_BOTH and metafunc.function.__name__ not in COSTLY) or metafunc.config.getoption("--postgres")
        of_a_file = name in OF_A_FILE or metafunc.definition.get_closest_marker("of_a_file") is not None
        kinds = ["sqlite"] if of_a_file or not both else ["sqlite", "postgres"]
        metafunc.parametrize("ledger_on", kinds, indirect=True, ids=["", "postgres"][: len(kinds)] if len(kinds) > 1 else [pytest.HIDDEN_PARAM])


@pytest.fixture
def ledger_on(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgres`."""
    return str(request.param)


@pytest.fixture(scope="session")
def at_head(postgres: Postgres) -> str:
    """A database that the revisions were run in; each test begins with its tables empty."""
    name = postgres.database()

    async def make() -> None:
        async with open_on_server(postgres.server(name)):
            pass

    asyncio.run(make())
    return name


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def opener(request: pytest.FixtureRequest, tmp_path: Path, ledger_on: str) -> Iterator[Opener]:
    """Opens the same database each time."""
    home = tmp_path / "home"
    if ledger_on == "sqlite":

        def opened(**options: bool) -> AbstractAsyncContextManager[Embedded]:
            return open_embedded(home / "validator.db", home / "master.key", **options)

        yield opened
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name: str = request.getfixturevalue("at_head")
    with postgres.connect(name) as connection:
        connection.execute(_EMPTY)

    def opened_there(**options: bool) -> AbstractAsyncContextManager[Embedded]:
        return open_embedded_on(postgres.server(name), home / "master.key", **options)

    yield opened_there


@pytest.fixture
async def embedded(opener: Opener) -> AsyncIterator[Embedded]:
    async with opener() as opened:
        yield opened


@pytest.fixture
def ledger(embedded: Embedded) -> Ledger:
    return embedded.ledger
