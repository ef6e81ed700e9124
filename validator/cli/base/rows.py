"""Stored credentials with their last confirmed status: the contract's rows, and a table for people."""

from __future__ import annotations

from typing import Any

from validator.app import Opened
from validator.cli.base.show import instant
from validator.credential import Credential
from validator.ledger.statuses import StatusRow


async def status_rows(opened: Opened, user: str | None) -> list[dict[str, Any]]:
    """Every stored credential (of `user`) with what was last confirmed of the secret that stands there now."""
    kept: dict[tuple[str, str, str], StatusRow] = {}
    for status in await opened.ledger.statuses.all(user):
        kept[(status.key.user, str(status.key.scope), status.key.row)] = status
    rows: list[dict[str, Any]] = []
    async for one in opened.store.credentials(user):
        row = one.row if isinstance(one, Credential) else ""
        rows.append(_row(one.user, one.name, one.scope.host, kept.get((one.user, str(one.scope), row))))
    return rows


def _row(user: str, name: str, registry: str, status: StatusRow | None) -> dict[str, Any]:
    attempt = None
    if status is not None and status.last_attempt_verdict is not None:
        attempt = {"verdict": status.last_attempt_verdict, "reason": status.last_attempt_reason, "at": instant(status.last_attempt_at)}
    return {
        "user": user,
        "name": name,
        "registry": registry,
        "verdict": status.verdict if status is not None else None,
        "reason": status.reason if status is not None else None,
        "level": status.level if status is not None else None,
        "state": status.state if status is not None else "never_checked",
        "transition": "none",
        "checked_at": instant(status.checked_at) if status is not None else None,
        "last_attempt": attempt,
        "expires_at": instant(status.expires_at) if status is not None else None,
    }


def rows_text(rows: list[dict[str, Any]]) -> str:
    """A plain table; columns as wide as they need."""
    head = ["user", "name", "registry", "state", "verdict", "checked_at"]
    body = [[str(row["user"]), row["name"], row["registry"], row["state"], _said(row), row["checked_at"] or "-"] for row in rows]
    return columns([head, *body])


def columns(lines: list[list[str]]) -> str:
    """Lines of cells as columns, each as wide as it needs."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _said(row: dict[str, Any]) -> str:
    return f"{row['verdict']} ({row['reason']})" if row["verdict"] else "-"
