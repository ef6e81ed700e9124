"""The command line to run the rows with; and, when asked, what was said of each row in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme

from tests.cases import peers, record
from tests.cases.network import Net, World
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


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Which rows' tests passed, for the published pages."""
    if report.when == "call" or report.outcome == "failed":
        record.ended(report.nodeid, report.outcome == "passed")


def pytest_sessionfinish() -> None:
    """What was said, for the published pages."""
    record.write()
    peers.ended()
