"""The made-up network and its command line, and a home that another user can reach."""

from __future__ import annotations

from tests.cases.conftest import authority, world

__all__ = ["authority", "world"]
