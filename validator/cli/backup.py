"""`validator backup FILE`: the whole database of one instant, while it is in use. The master key is never in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from validator.cli.base.options import Format, FormatOption, read_settings
from validator.cli.base.running import put, run, say


def backup(
    file: Annotated[Path, typer.Argument(help="A file that is not there yet; it is made readable by this user alone.", metavar="FILE")],
    format_: FormatOption = Format.TEXT,
) -> None:
    """Copy the database, credentials and ledger, to FILE while it is in use; the master key is to be kept apart from it."""

    async def main() -> dict[str, Any]:
        from validator.app import key_file_of
        from validator.database import file_of
        from validator.ledger.backup import back_up

        settings = read_settings()
        made = await back_up(file_of(settings), file.absolute())
        return {
            "file": str(file.absolute()), "bytes": made.size, "revision": made.revision, "credentials": made.credentials,
            "key_file": str(key_file_of(settings)), "key_ids": list(made.key_ids),
        }  # fmt: skip

    done = run(main)
    say(f"validator: the master key is not in it; keep a copy of {done['key_file']} in another place: without it no secret can be read.")
    text = f"{done['file']}: {done['credentials']} credentials, revision {done['revision']}, {done['bytes']} bytes"
    put(json.dumps(done) if format_ is Format.JSON else text)
