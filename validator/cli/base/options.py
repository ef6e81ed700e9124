"""Options of every command, before its name or after it; and the settings that follow from them.

No room that is slow to import is imported here: `validator --help` must be quick.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from validator.config import Loaded, Settings

SYSTEM_FILE: Final = Path("/etc/validator/validator.yaml")


class LogLevel(StrEnum):
    """What is logged to stderr, from this level on."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"


class ReportFormat(StrEnum):
    """How many findings are written: for people, for programs, for build systems, for code scanning."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"


@dataclass(slots=True)
class Globals:
    """`--config`, `--store`, `--log-level` of this run, wherever they stood."""

    config: Path | None = None
    store: str | None = None
    log_level: LogLevel = LogLevel.WARNING
    log_level_given: bool = False


GLOBALS: Final = Globals()
GLOBAL_OPTIONS: Final = ("--config", "--store", "--log-level")


def hoisted(argv: Sequence[str]) -> list[str]:
    """`argv` with the global options moved to its front: they may stand before the command or after it."""
    front: list[str] = []
    rest: list[str] = []
    arguments = iter(argv)
    for argument in arguments:
        if argument == "--":
            rest += [argument, *arguments]
        elif argument in GLOBAL_OPTIONS:
            front += [argument, *([value] if (value := next(arguments, None)) is not None else [])]
        elif argument.startswith(tuple(f"{name}=" for name in GLOBAL_OPTIONS)):
            front.append(argument)
        else:
            rest.append(argument)
    return [*front, *rest]


PlainHttp = Annotated[list[str] | None, typer.Option("--plain-http", metavar="HOST", help="HOST speaks plain http. May be repeated.")]
AllowPrivate = Annotated[
    list[str] | None, typer.Option("--allow-private", metavar="HOST", help="HOST may have a private address. May be repeated.")
]  # fmt: skip
RealmHost = Annotated[
    list[str] | None, typer.Option("--realm-host", metavar="HOST", help="HOST may get the secret as a registry's login server. May be repeated.")
]  # fmt: skip
CaFile = Annotated[
    list[str] | None, typer.Option("--ca-file", metavar="[HOST=]FILE", help="Trust the authorities in FILE, for HOST or for all. May be repeated.")
]  # fmt: skip
FormatOption = Annotated[Format, typer.Option("--format", help="How the result is written.")]
ReportFormatOption = Annotated[ReportFormat, typer.Option("--format", help="How the result is written.")]
Ephemeral = Annotated[bool, typer.Option("--ephemeral", help="Keep nothing: no ledger, so no control is made of registries elsewhere.")]


@dataclass(frozen=True, slots=True)
class Leave:
    """What the options of one command allow for hosts, beside the settings."""

    plain_http: Sequence[str] = field(default=())
    allow_private: Sequence[str] = field(default=())
    realm_host: Sequence[str] = field(default=())
    ca_file: Sequence[str] = field(default=())


def read_settings(leave: Leave | None = None, registries: Sequence[str] = ()) -> Settings:
    """The settings of this run: file, environment, then options. `registries`: the hosts that this command asks.

    Raises ConfigError, one sentence.
    """
    settings = read_loaded().settings
    return _allowed(settings, leave, registries) if leave is not None else settings


def read_loaded() -> Loaded:
    """The settings of this run without options of one command, and the file that they are from. Raises ConfigError."""
    from dataclasses import replace

    from platformdirs import user_config_path
    from pydantic import SecretStr

    from validator.config import load_settings

    loaded = load_settings(GLOBALS.config, os.environ, user_dir=user_config_path(), system_file=SYSTEM_FILE)
    if GLOBALS.store is None:
        return loaded
    return replace(loaded, settings=loaded.settings.model_copy(update={"store": SecretStr(GLOBALS.store)}))


def _allowed(settings: Settings, leave: Leave, registries: Sequence[str]) -> Settings:
    from validator.config import RegistrySettings
    from validator.config.base import HostName

    given: dict[str, dict[str, Any]] = {}
    for text in leave.plain_http:
        given.setdefault(_host(text, "--plain-http"), {})["plain_http"] = True
    for text in leave.allow_private:
        given.setdefault(_host(text, "--allow-private"), {})["allow_private"] = True
    for text in leave.ca_file:
        host, file = _ca_file(text)
        for name in (host,) if host else tuple(registries):
            given.setdefault(name, {})["ca_file"] = file
    merged = dict(settings.registries)
    for name in registries:
        if leave.realm_host:
            known = settings.registry(name).realm_hosts
            given.setdefault(name, {})["realm_hosts"] = (*known, *(_host(text, "--realm-host") for text in leave.realm_host))
    for name, values in given.items():
        own = settings.registries.get(HostName(name))
        fields = {field: getattr(own, field) for field in own.model_fields_set} if own is not None else {}
        merged[HostName(name)] = RegistrySettings(**fields | values)
    return settings.model_copy(update={"registries": merged})


def _host(text: str, option: str) -> str:
    from validator.config import setting_host
    from validator.errors import UsageError

    try:
        return str(setting_host(text))
    except ValueError as error:
        raise UsageError(f"{option} wants a host, or host:port ({error}).") from None


def _ca_file(text: str) -> tuple[str, Path]:
    from validator.errors import UsageError

    host, equals, file = text.partition("=")
    host, file = (_host(host, "--ca-file"), file) if equals and "/" not in host else ("", text)
    path = Path(file)
    try:
        found = path.is_file()
    except OSError:  # a name too long
        found = False
    if not found:
        raise UsageError(f"--ca-file: there is no file {path}; name a PEM file of authorities.")
    return host, path


def this_user(named: str | None) -> str:
    """Whose credentials a command is about: `--user`, else VALIDATOR_USER, else the login name. Raises UsageError."""
    import getpass

    from validator.errors import UsageError

    found = named or os.environ.get("VALIDATOR_USER", "")
    if found:
        return found
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise UsageError("this account has no login name: name the user by --user NAME or VALIDATOR_USER.") from None
