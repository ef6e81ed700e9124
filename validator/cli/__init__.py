"""The command line: one file a command. Slow rooms are imported inside the commands, so that `--help` is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from validator import __version__
from validator.cli.backup import backup
from validator.cli.base.options import GLOBALS, LogLevel, hoisted
from validator.cli.base.running import Command, fail, let_go
from validator.cli.check import check
from validator.cli.credential import credential
from validator.cli.demo import demo
from validator.cli.doctor import doctor
from validator.cli.explain import explain
from validator.cli.key import key
from validator.cli.migrate import migrate
from validator.cli.notices import notices
from validator.cli.preflight import preflight
from validator.cli.serve import serve
from validator.cli.status import status
from validator.cli.sweep import sweep
from validator.cli.token import token
from validator.cli.user import user
from validator.cli.worker import worker

app = typer.Typer(
    name="validator", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Says whether container-registry credentials still work, and why not.",
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"validator {__version__}\n")
        raise typer.Exit


@app.callback()
def validator(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings file. Also after the command.")] = None,
    store: Annotated[str | None, typer.Option("--store", metavar="URL", help="Credential store: sqlite:///PATH. Also after the command.")] = None,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="Log to stderr from this level on. Also after the command.")] = LogLevel.WARNING,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Says whether container-registry credentials still work, and why not."""
    GLOBALS.config, GLOBALS.store, GLOBALS.log_level = config, store, log_level
    source = context.get_parameter_source("log_level")
    GLOBALS.log_level_given = source is not None and source.name == "COMMANDLINE"


app.command(cls=Command)(check)
app.add_typer(credential, name="credential")
app.command(cls=Command)(preflight)
app.command(cls=Command)(sweep)
app.command(cls=Command)(status)
app.command(cls=Command)(explain)
app.command(cls=Command)(serve)
app.command(cls=Command)(worker)
app.add_typer(token, name="token")
app.add_typer(user, name="user")
app.add_typer(notices, name="notices")
app.command(cls=Command)(doctor)
app.command(cls=Command)(migrate)
app.command(cls=Command)(backup)
app.add_typer(key, name="key")
app.command(cls=Command)(demo)


def main() -> None:
    """The console script: every way to end is an exit code of the contract."""
    try:
        app(args=hoisted(sys.argv[1:]), prog_name="validator")
    except Exception as error:
        _outside(error)
    finally:
        let_go()


def _outside(error: Exception) -> None:
    """A fault before or after a command's own guard."""
    try:
        fail(error)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
