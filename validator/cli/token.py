"""`validator token`: who may ask the HTTP service what, and for whom. A token is printed once and kept as a hash alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from validator.cli.base.options import Format, FormatOption, read_settings
from validator.cli.base.running import Command, put, run, say

if TYPE_CHECKING:
    from validator.ledger.tokens import Token

token = typer.Typer(no_args_is_help=True, help="Tokens of the HTTP service: create, list, revoke.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The token's name.", metavar="NAME")]


@token.command("create", cls=Command)
def create(
    name: Name,
    scope: Annotated[list[str], typer.Option("--scope", help="check, preflight, read or admin. May be repeated.", metavar="SCOPE")],
    for_: Annotated[str, typer.Option("--for", help="The one user that it is bound to, or '*' for all.", metavar="USER|*")],
    format_: FormatOption = Format.TEXT,
) -> None:
    """Make a token and print it, once."""

    async def main() -> dict[str, Any]:
        from datetime import UTC, datetime

        from validator.app import open_store
        from validator.errors import UsageError
        from validator.ledger.tokens import Scope

        unknown = [text for text in scope if text not in set(Scope)]
        if unknown:
            raise UsageError(f"--scope takes {', '.join(Scope)}; one that was given is none of them.")
        if not for_ or not for_.isprintable():
            raise UsageError("--for names one user, as the platform does, or '*' for all.")
        async with open_store(read_settings()) as opened:
            made, text = await opened.ledger.tokens.create(name, map(Scope, scope), for_, now=datetime.now(UTC))
        return {**_shown(made), "token": text}

    made = run(main)
    text = made["token"].get_secret_value()
    say(f"validator: the token {name} may {' and '.join(made['scopes'])} for {'every user' if for_ == '*' else for_}; it is not shown again.")
    put(json.dumps({**made, "token": text}) if format_ is Format.JSON else text)


@token.command("list", cls=Command)
def list_(format_: FormatOption = Format.TEXT) -> None:
    """List the tokens, without their text."""

    async def main() -> list[dict[str, Any]]:
        from validator.app import open_store

        async with open_store(read_settings()) as opened:
            return [_shown(one) for one in await opened.ledger.tokens.all()]

    rows = run(main)
    if format_ is Format.JSON:
        put(json.dumps({"tokens": rows}))
        return
    from validator.cli.base.rows import columns
    from validator.protocol.base import shown_text

    body = [[row["name"], ",".join(row["scopes"]), shown_text(row["user"]), row["created_at"]] for row in rows]
    put(columns([["name", "scopes", "user", "created_at"], *body]))


@token.command("revoke", cls=Command)
def revoke(name: Name) -> None:
    """Remove a token; a running service forgets it within seconds."""

    async def main() -> None:
        from validator.app import open_store
        from validator.errors import UsageError

        async with open_store(read_settings()) as opened:
            if not await opened.ledger.tokens.revoke(name):
                raise UsageError("there is no token of that name; `validator token list` shows the names.")

    run(main)
    put(f"{name}: revoked")


def _shown(made: Token) -> dict[str, Any]:
    from validator.shown import instant

    return {"name": made.name, "scopes": sorted(made.scopes), "user": made.user, "created_at": instant(made.created_at)}
