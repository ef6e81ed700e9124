"""Stored credentials with their last confirmed status, as a table for people."""

from __future__ import annotations

from typing import Any

from validator import shown
from validator.app import Opened
from validator.protocol.base import clean_text


async def status_rows(opened: Opened, user: str | None) -> list[dict[str, Any]]:
    """Every stored credential (of `user`) with what was last confirmed of the secret that stands there now."""
    return await shown.status_rows(opened.ledger, opened.store, user)


def rows_text(rows: list[dict[str, Any]]) -> str:
    """A plain table; columns as wide as they need."""
    head = ["user", "name", "registry", "state", "verdict", "checked_at"]
    body = [[clean_text(row["user"]), clean_text(row["name"]), row["registry"], row["state"], _said(row), row["checked_at"] or "-"] for row in rows]
    return columns([head, *body])


def columns(lines: list[list[str]]) -> str:
    """Lines of cells as columns, each as wide as it needs."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _said(row: dict[str, Any]) -> str:
    return f"{row['verdict']} ({row['reason']})" if row["verdict"] else "-"
