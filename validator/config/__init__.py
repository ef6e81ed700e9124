"""Settings from one YAML file and the environment: where they are looked for, and what is wrong with them.

Never read from the current folder unasked: a cloned repository must not be able to send a secret anywhere. What is
wrong is said in one sentence (file and line or variable, key, what to do) that repeats no value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError
from pydantic_settings.sources.utils import parse_env_vars

from validator.config.base import ENV_PREFIX, EVERY_HOST, setting_host
from validator.config.base.service import Admission, Api, Tls
from validator.config.model import (
    AuthsKey,
    Canary,
    Network,
    Notices,
    NotifyBy,
    OnUnknown,
    OsmoSection,
    Pace,
    Preflight,
    RegistrySettings,
    Settings,
    Sweep,
    Timeouts,
    Webhook,
)
from validator.config.yaml_file import Document, read_document
from validator.errors import ConfigError

__all__ = [
    "ENV_PREFIX",
    "EVERY_HOST",
    "Admission",
    "Api",
    "AuthsKey",
    "Canary",
    "Loaded",
    "Network",
    "Notices",
    "NotifyBy",
    "OnUnknown",
    "OsmoSection",
    "Pace",
    "Preflight",
    "RegistrySettings",
    "Settings",
    "Sweep",
    "Timeouts",
    "Tls",
    "Webhook",
    "load_settings",
    "setting_host",
]

KNOWN_VARIABLES: Final = frozenset({"VALIDATOR_CONFIG", "VALIDATOR_USER"})
"""Variables that are no settings: the file's path, and whose credentials a command is about."""

# A Kubernetes Service named `validator` or `validator-*` gives every pod of its namespace these (service links).
_SERVICE_LINK: Final = re.compile(
    r"VALIDATOR(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?|(?P<url>PORT))"
)
_LINKED_URL: Final = re.compile(r"(tcp|udp|sctp)://[0-9a-fA-F.:\[\]]+:[0-9]+")
_WHOLE_VALUES: Final = frozenset({"refused", "refused_per_username"})  # windows replace windows, they do not add up
_SHOWN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,39}[0-9]?")  # people paste TOKEN=... where a key belongs


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and the file that they are from (None: none was there, so defaults and the environment)."""

    settings: Settings
    source: Path | None


def load_settings(explicit: Path | None, environ: Mapping[str, str], *, user_dir: Path, system_file: Path) -> Loaded:
    """The settings by `explicit` (--config), else $VALIDATOR_CONFIG, else `user_dir`/validator/validator.yaml, else `system_file`.

    `user_dir` is the user's configuration folder; the environment's values go over the file's. Raises ConfigError:
    a file that was asked for and is not there, bad YAML, an unknown key or VALIDATOR_ variable, a value of no use.
    """
    source, document = _found(explicit, environ, user_dir, system_file)
    where = f"The settings file {source}"
    folded, written = _folded(document.values, where)
    given, _ = _folded(_from_environment(environ), f"The environment variable {ENV_PREFIX}REGISTRIES")
    merged = _merged(folded, given)
    if any(not isinstance(key, str) for key in merged):
        raise ConfigError(f"{where} has a key at its top that is no setting; compare config/validator.yaml.")
    try:
        return Loaded(Settings(**merged), source)
    except ValidationError as error:
        raise ConfigError(_sentence(error, given, document, written, where)) from None


def _found(explicit: Path | None, environ: Mapping[str, str], user_dir: Path, system_file: Path) -> tuple[Path | None, Document]:
    asked = explicit if explicit is not None else Path(environ["VALIDATOR_CONFIG"]) if environ.get("VALIDATOR_CONFIG") else None
    if asked is not None:
        try:
            return asked, read_document(asked)
        except FileNotFoundError:
            how = "--config" if explicit is not None else "VALIDATOR_CONFIG"
            raise ConfigError(f"The settings file {asked} of {how} is not there; correct the path.") from None
    for path in (user_dir / "validator" / "validator.yaml", system_file):
        if path.is_absolute():  # XDG_CONFIG_HOME="." would be the current folder, unasked
            try:
                return path, read_document(path)
            except FileNotFoundError:
                continue
    return None, Document()


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    for name, value in environ.items():
        if name.upper().startswith(ENV_PREFIX) and not _is_known(name.upper(), value):
            shown = name if _SHOWN_NAME.fullmatch(name) else f"that begins with {ENV_PREFIX}"
            raise ConfigError(f"The environment variable {shown} is none of validator's; correct or unset it (docs: config/validator.yaml).")
    source = EnvSettingsSource(Settings)
    source.env_vars = parse_env_vars(environ, case_sensitive=False, ignore_empty=True)
    try:
        return source()
    except (SettingsError, ValueError) as error:
        key = re.search(r'field "([a-z_]+)"', str(error))
        shown = f"{ENV_PREFIX}{key[1].upper()} (or one of {ENV_PREFIX}{key[1].upper()}__...)" if key is not None else f"{ENV_PREFIX}..."
        raise ConfigError(f"The environment variable {shown} must hold JSON and does not; correct or unset it.") from None


def _is_known(name: str, value: str) -> bool:
    if name in KNOWN_VARIABLES:
        return True
    link = _SERVICE_LINK.fullmatch(name)
    if link is not None:
        return link["url"] is None or _LINKED_URL.fullmatch(value) is not None
    model: type[BaseModel] | None = Settings
    for part in name.removeprefix(ENV_PREFIX).lower().split("__"):
        if model is None or part not in model.model_fields:
            return False
        below = model.model_fields[part].annotation
        model = below if isinstance(below, type) and issubclass(below, BaseModel) else None
    return True


def _folded(values: dict[str, Any], where: str) -> tuple[dict[str, Any], dict[str, str]]:
    """`values` with canonical host names under `registries`, and how each was written; two names of one host are an error."""
    hosts = values.get("registries")
    if not isinstance(hosts, dict):
        return dict(values), {}
    folded: dict[str, Any] = {}
    written: dict[str, str] = {}
    for name, value in hosts.items():
        try:
            host = setting_host(str(name))
        except ValueError as error:
            raise ConfigError(f"{where}: a host under registries cannot be read ({error}).") from None
        if host in written:
            raise ConfigError(f"{where}: registries names the host {host} twice ({written[host]}, {name}); keep one.")
        folded[host], written[host] = value, str(name)
    return {**values, "registries": folded}, written


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` over `below`, mapping by mapping."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and key not in _WHOLE_VALUES:
            merged[key] = _merged(old, value)
        else:
            merged[key] = value
    return merged


def _sentence(error: ValidationError, given: dict[str, Any], document: Document, written: dict[str, str], where: str) -> str:
    """What is wrong with the first wrong value: where it stands, which key, what to do."""
    first, *more = error.errors(include_input=False, include_context=False, include_url=False)
    path = [str(part) for part in first["loc"] if part != "[key]"] or ["(a key that is not repeated here)"]
    also = f" ({len(more)} more after it)" if more else ""
    match first["type"]:
        case "extra_forbidden":
            known = _SHOWN_NAME.fullmatch(path[-1]) is not None
            key = ".".join(path) if known else ".".join([*path[:-1], "(a key that is not repeated here)"])
            what = f"{key} is no setting; config/validator.yaml lists all"
        case "missing":
            what = f"{'.'.join(path)} is missing; add it"
        case _:
            message = first["msg"].removeprefix("Value error, ")
            what = f"{'.'.join(path)} cannot be used: {message[:1].lower()}{message[1:]}"
    if _holds(given, path):
        nested = path[:2] if path[0] != "registries" else path[:1]
        return f"The environment variable {ENV_PREFIX}{'__'.join(nested).upper()}: {what}{also}."
    if len(path) > 1 and path[0] == "registries":
        path[1] = written.get(path[1], path[1])
    prefixes = [tuple(path[:end]) for end in range(len(path), 0, -1)]
    line = next((document.lines[prefix] for prefix in prefixes if prefix in document.lines), None)
    return f"{where}{f', line {line}' if line else ''}: {what}{also}."


def _holds(values: Any, path: list[str]) -> bool:
    for part in path:
        if isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        elif isinstance(values, dict) and part in values:
            values = values[part]
        else:
            return False
    return True
