"""`validator key`: the master key that seals what is stored."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from validator.cli.base.options import Format, FormatOption, read_settings
from validator.cli.base.running import Command, leave, put, run

if TYPE_CHECKING:
    from validator.rotation import Rotated

key = typer.Typer(no_args_is_help=True, help="The master key that seals what is stored: rotate.", rich_markup_mode=None)


@key.callback()
def _group() -> None:
    """The master key that seals what is stored."""


@key.command("rotate", cls=Command)
def rotate(
    forget: Annotated[bool, typer.Option("--forget", help="Remove older keys from the file: backups of before need a copy of it as it was.")] = False,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Make a new master key and seal everything by it; other processes may run meanwhile. Cut off, the next one goes on."""

    async def main() -> Rotated:
        from validator.app import key_file_of
        from validator.database import open_own
        from validator.rotation import rotate as rotated

        settings = read_settings()
        async with open_own(settings) as embedded:
            return await rotated(embedded.database, key_file_of(settings), forget=forget)

    done = run(main)
    put(json.dumps(asdict(done)) if format_ is Format.JSON else _text(done))
    from validator.errors import Exit

    leave(Exit.BAD if done.unreadable else Exit.GOOD)


def _text(done: Rotated) -> str:
    first = "a new master key was made" if done.made else "a rotation that was cut off is ended; no further key was made"
    lines = [f"{first}; rows sealed anew by key {done.current}: {done.rows}"]
    if done.kept:
        lines.append(
            f"older keys that the file still has, for backups of before: {len(done.kept)}; a rotation with --forget removes those that no row needs"
        )
    if done.forgotten:
        lines.append(f"older keys that were removed from the file: {len(done.forgotten)}")
    if done.unreadable:
        lines.append(f"rows that no key of the file opens, left as they were: {done.unreadable}; store those credentials anew")
    return "\n".join(lines)
