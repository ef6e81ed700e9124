"""`validator notices`: the messages that wait, were sent, or may have been; shown before they are sent, sent when they are due."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from validator.cli.base.options import Format, FormatOption, read_settings
from validator.cli.base.running import Command, leave, put, run, say

if TYPE_CHECKING:
    from validator.ledger.notices import Notice
    from validator.telling import Preview

notices = typer.Typer(no_args_is_help=True, help="Messages to users and operator: list, preview, send, again.", rich_markup_mode=None)


@notices.command("list", cls=Command)
def list_(
    user: Annotated[str | None, typer.Option("--user", help="Only this user's.", metavar="NAME")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those that were sent, muted or outdated.")] = False,
    format_: FormatOption = Format.TEXT,
) -> None:
    """List what waits, what may have been sent, and what could not be."""

    async def main() -> list[dict[str, Any]]:
        from validator.app import open_store
        from validator.ledger.notices import NoticeState

        open_ = (NoticeState.QUEUED, NoticeState.SENDING, NoticeState.MAYBE_SENT, NoticeState.FAILED, NoticeState.UNDELIVERABLE)
        async with open_store(read_settings()) as opened:
            return [_row(one) for one in await opened.ledger.notices.all(*(() if all_ else open_), user=user)]

    rows = run(main)
    put(json.dumps({"notices": rows}) if format_ is Format.JSON else _table(rows))


@notices.command("preview", cls=Command)
def preview(format_: FormatOption = Format.TEXT) -> None:
    """Show what would be sent to whom; nothing is sent, nothing is written."""

    async def main() -> list[dict[str, Any]]:
        from validator.app import open_app, open_teller

        async with open_app(read_settings()) as app:
            return [_previewed(one) for one in await (await open_teller(app)).preview()]

    rows = run(main)
    put(json.dumps({"notices": rows}) if format_ is Format.JSON else "\n\n".join(map(_preview_text, rows)) or "nothing is to be told")


@notices.command("send", cls=Command)
def send(format_: FormatOption = Format.TEXT) -> None:
    """Send what is due; makes no new message: that is the sweep's."""

    async def main() -> dict[str, Any]:
        from dataclasses import asdict

        from validator.app import open_app, open_teller

        async with open_app(read_settings()) as app:
            return asdict(await (await open_teller(app, say)).deliver())

    counts = run(main)
    put(json.dumps({"notices": counts}) if format_ is Format.JSON else ", ".join(f"{name}: {number}" for name, number in counts.items()))
    from validator.errors import Exit

    leave(Exit.CANNOT_TELL if counts["failed"] else Exit.GOOD)


@notices.command("again", cls=Command)
def again(
    digest: Annotated[str, typer.Argument(help="As `validator notices list` shows it.", metavar="DIGEST")],
    channel: Annotated[str, typer.Argument(metavar="CHANNEL")],
) -> None:
    """Queue one that may have been sent, or was refused, once more: its user may get it twice."""

    async def main() -> None:
        from datetime import UTC, datetime

        from validator.app import open_store
        from validator.errors import UsageError

        async with open_store(read_settings()) as opened:
            if not await opened.ledger.notices.again(digest, channel, now=datetime.now(UTC)):
                raise UsageError("no message of that digest and channel may have been sent or was refused; see `validator notices list`.")

    run(main)
    put("queued; `validator notices send` sends it")


def _row(notice: Notice) -> dict[str, Any]:
    from validator.shown import instant

    return {
        "digest": notice.id, "channel": notice.channel, "sweep": notice.sweep, "user": notice.user or None, "kind": notice.kind.value,
        "state": notice.state.value, "created_at": instant(notice.created_at), "attempts": notice.attempts, "next_at": instant(notice.next_at),
        "settled_at": instant(notice.settled_at), "detail": notice.detail or None,
        "credentials": [str(line["name"]) for line in notice.lines if "name" in line],
    }  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> str:
    from validator.cli.base.rows import columns
    from validator.protocol.base import shown_text

    if not rows:
        return "nothing waits"
    whom = {"user": "", "operator": "(the operator)", "machine": "(machines)"}
    body = [
        [row["digest"], row["channel"] or "-", whom[row["kind"]] or shown_text(row["user"] or ""), row["state"], str(row["attempts"]),
         row["created_at"], row["detail"] or "-"]
        for row in rows
    ]  # fmt: skip
    return columns([["digest", "channel", "user", "state", "tries", "made", "detail"], *body])


def _previewed(one: Preview) -> dict[str, Any]:
    letter = one.letter
    return {
        "user": one.user, "channels": list(one.channels), "state": one.state.value, "address": letter.address if letter is not None else None,
        "subject": letter.subject if letter is not None else None, "text": letter.text if letter is not None else None,
    }  # fmt: skip


def _preview_text(row: dict[str, Any]) -> str:
    from validator.protocol.base import shown_text

    user = shown_text(row["user"])
    if row["text"] is None:
        return f"{user}: nothing of it is so any more"
    whom = f"by {', '.join(row['channels'])}" if row["channels"] else f"to nobody ({row['state']})"
    return f"To {user} {whom}\nSubject: {row['subject']}\n\n{row['text'].rstrip()}"
