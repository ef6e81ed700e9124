"""A database that a test opens as often as it likes, a made-up network, and the command line that looks at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.cases.running import cli
from validator.ledger import Embedded, open_embedded

__all__ = ["cli"]


@pytest.fixture
def opener(tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[Embedded]]:
    """Opens the same database each time."""
    return lambda: open_embedded(tmp_path / "home" / "validator.db", tmp_path / "home" / "master.key")


@pytest.fixture
async def embedded(opener: Callable[[], AbstractAsyncContextManager[Embedded]]) -> AsyncIterator[Embedded]:
    async with opener() as opened:
        yield opened
