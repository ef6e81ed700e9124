"""A desk for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.telling.desk import Desk, Said, a_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path) as made:
        yield made


@pytest.fixture
def said(desk: Desk) -> Said:
    """The users' one channel."""
    channel = desk.users["said"]
    assert isinstance(channel, Said)
    return channel
