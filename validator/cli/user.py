"""`validator user`: where each user is told of dead credentials, and whether at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from validator.cli.base.options import Format, FormatOption, read_settings
from validator.cli.base.running import Command, put, run

if TYPE_CHECKING:
    from validator.ledger.users import User

user = typer.Typer(no_args_is_help=True, help="Say where a user is told of dead credentials: set, list, show, delete.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The user, as the platform names them.", metavar="NAME")]


@user.command("set", cls=Command)
def set_(
    name: Name,
    address: Annotated[str | None, typer.Option("--address", help='One mail address; "" is the setting notices.address again.', metavar="A")] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", help='One of notices.urls by its scheme, such as slack; "" is all of them again.', metavar="C")
    ] = None,
    mute: Annotated[bool | None, typer.Option("--mute/--unmute", help="Send this user no messages, or send them again.")] = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Change what is known of one user; what is not named stays."""

    async def main() -> dict[str, Any]:
        from dataclasses import replace

        from validator.app import open_store
        from validator.errors import UsageError
        from validator.notifiers.base import is_one_address

        if not name or not name.isprintable():
            raise UsageError("the user's name is empty or holds a character that cannot be shown; name the user as the platform does.")
        if address and not is_one_address(address):
            raise UsageError("--address wants one mail address, bare: no comma, blank, name or quotes.")
        if channel and not (channel.isascii() and channel.isprintable() and " " not in channel):
            raise UsageError("--channel wants a scheme of notices.urls, such as mailto or slack.")
        given: dict[str, Any] = {"mute": mute} if mute is not None else {}
        given |= {key: value or None for key, value in (("address", address), ("channel", channel)) if value is not None}
        if not given:
            raise UsageError("nothing to set: give --address, --channel, --mute or --unmute.")
        async with open_store(read_settings()) as opened:
            return _row(await opened.ledger.users.change(name, lambda known: replace(known, **given)))

    row = run(main)
    put(json.dumps(row) if format_ is Format.JSON else _told(row))


@user.command("list", cls=Command)
def list_(format_: FormatOption = Format.TEXT) -> None:
    """List the users about whom something was set."""

    async def main() -> list[dict[str, Any]]:
        from validator.app import open_store

        async with open_store(read_settings()) as opened:
            return [_row(one) for one in await opened.ledger.users.all()]

    rows = run(main)
    put(json.dumps({"users": rows}) if format_ is Format.JSON else _table(rows))


@user.command("show", cls=Command)
def show(name: Name, format_: FormatOption = Format.TEXT) -> None:
    """Show what is known of one user."""

    async def main() -> dict[str, Any]:
        from validator.app import open_store
        from validator.ledger.users import User

        async with open_store(read_settings()) as opened:
            return _row(await opened.ledger.users.get(name) or User(user=name))

    row = run(main)
    put(json.dumps(row) if format_ is Format.JSON else _told(row))


@user.command("delete", cls=Command)
def delete(name: Name) -> None:
    """Forget what was set about one user; the settings hold again. Credentials and statuses stay."""

    async def main() -> None:
        from validator.app import open_store
        from validator.errors import UsageError

        async with open_store(read_settings()) as opened:
            if not await opened.ledger.users.forget(name):
                raise UsageError("nothing was set about a user of that name; `validator user list` shows the names.")

    run(main)
    put(f"{_shown(name)}: the settings hold again")


def _row(user: User) -> dict[str, Any]:
    return {"user": user.user, "address": user.address, "channel": user.channel, "mute": user.mute}


def _shown(text: str | None, otherwise: str = "-") -> str:
    from validator.protocol.base import shown_text

    return otherwise if text is None else shown_text(text)


def _told(row: dict[str, Any]) -> str:
    lines = [
        f"user: {_shown(row['user'])}", f"address: {_shown(row['address'], 'by the setting notices.address')}",
        f"channel: {_shown(row['channel'], 'all of notices.urls')}", f"mute: {'yes' if row['mute'] else 'no'}",
    ]  # fmt: skip
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]]) -> str:
    from validator.cli.base.rows import columns

    body = [[_shown(row["user"]), _shown(row["address"]), _shown(row["channel"]), "yes" if row["mute"] else "no"] for row in rows]
    return columns([["user", "address", "channel", "mute"], *body])
