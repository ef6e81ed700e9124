"""The command line to run the rows with; and, when asked, what was said of each row in a file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme

from tests.cases.network import Net, World
from tests.cases.rows import SAID, SAID_IN
from tests.cases.running import cli

__all__ = ["cli"]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Whom the made-up world's certificates are from."""
    return trustme.CA()


@pytest.fixture
async def world(tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A network of made-up names, led to loopback, behind the product's own gates."""
    net = Net()
    monkeypatch.setattr("validator.app.transport_for", net.transport)
    async with AsyncExitStack() as stack:
        yield World(net, tmp_path, authority, stack)
    for opened in net.sockets:
        opened.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """`VALIDATOR_SAID=FOLDER`: what was said, for `make accuracy`."""
    if SAID_IN and SAID:
        (Path(SAID_IN) / "said.json").write_text(json.dumps(SAID), encoding="utf-8")
