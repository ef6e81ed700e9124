"""`validator status`: what was last confirmed of every stored credential."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from validator.cli.base.options import Format, FormatOption, read_settings
from validator.cli.base.running import put, run


def status(
    user: Annotated[str | None, typer.Option("--user", help="Only this user's; else all.", metavar="NAME")] = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Show what was last confirmed of every stored credential."""

    async def main() -> list[dict[str, Any]]:
        from validator.app import open_store
        from validator.cli.base.rows import status_rows

        async with open_store(read_settings()) as opened:
            return await status_rows(opened, user)

    rows = run(main)
    if format_ is Format.JSON:
        put(json.dumps({"credentials": rows}))
    else:
        from validator.cli.base.rows import rows_text

        put(rows_text(rows))
