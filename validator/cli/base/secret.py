"""Where a secret is read from: standard input, a file, or a prompt; never from an option's value."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from validator.cli.base.running import read_input
from validator.errors import UsageError

MAX_SECRET: Final = 64 * 1024


def one_line_end_cut(text: str) -> str:
    """`text` without its one final LF or CRLF; other white space is the secret's own."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def from_stdin() -> SecretStr:
    """All of standard input. Raises UsageError for what is no text or too long, or where it gives nothing."""
    return _read(read_input(MAX_SECRET + 1), "standard input")


def from_file(path: Path) -> SecretStr:
    """All of a file. Raises UsageError, naming the file and never its content."""
    try:
        with path.open("rb") as stream:
            return _read(stream.read(MAX_SECRET + 1), f"the file {path}")
    except OSError as error:
        raise UsageError(f"the secret's file {path} cannot be read: {error.strerror}; correct the path.") from None


def _read(raw: bytes, where: str) -> SecretStr:
    if len(raw) > MAX_SECRET:
        raise UsageError(f"the secret from {where} is longer than 64 KiB; is it the right one?")
    try:
        return SecretStr(one_line_end_cut(raw.decode("utf-8")))
    except UnicodeDecodeError:
        raise UsageError(f"the secret from {where} is not UTF-8 text; give the secret itself.") from None


def prompted() -> SecretStr:
    """Asked for on the terminal, not shown. Raises UsageError where there is no terminal."""
    from getpass import getpass

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("no secret was given: use --secret-stdin or --secret-file FILE, or run on a terminal to be asked.")
    try:
        return SecretStr(getpass("Secret (not shown): "))
    except EOFError:
        raise UsageError("no secret was given.") from None
