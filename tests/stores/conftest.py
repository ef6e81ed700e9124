"""An open embedded database, and one that a test opens as often as it likes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from validator.ledger import Embedded, Ledger, open_embedded

Opener = Callable[..., AbstractAsyncContextManager[Embedded]]


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    """Opens the same database each time."""

    def opened(**options: bool) -> AbstractAsyncContextManager[Embedded]:
        return open_embedded(tmp_path / "home" / "validator.db", tmp_path / "home" / "master.key", **options)

    return opened


@pytest.fixture
async def embedded(opener: Opener) -> AsyncIterator[Embedded]:
    async with opener() as opened:
        yield opened


@pytest.fixture
def ledger(embedded: Embedded) -> Ledger:
    return embedded.ledger
