"""A database that a test opens as often as it likes, a made-up network, and the command line that looks at it."""

from __future__ import annotations

from tests.cases.conftest import authority, world
from tests.cases.running import cli
from tests.ledger.conftest import embedded, opener

__all__ = ["authority", "cli", "embedded", "opener", "world"]
