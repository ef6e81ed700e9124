"""The grammar of single settings: hosts, URLs, files, times, counts, as annotated types; and what every section is.

A message of ours never repeats the value: it may hold a password. Times end in their unit where they are used.
"""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from yarl import URL

from validator.credential import UnreadableRegistry, canonical_host, parse_scope
from validator.protocol.manifest import parse_platform

EVERY_HOST: Final = "*"
_ANY_DAY: Final = datetime(2026, 1, 1)
ENV_PREFIX: Final = "VALIDATOR_"

# One field of a schedule: `*`, `*/15`, `1-5`, `MON-FRI`, `0,30`; cronsim judges the numbers, and would take more than these.
_CRON_FIELD: Final = re.compile(r"(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?(,(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?)*")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def setting_host(text: str) -> str:
    """The canonical form of a HOST in settings: `host` (any port of it), `host:port`, or `*`; raises ValueError."""
    if text == EVERY_HOST:
        return text
    try:
        return canonical_host(text)
    except UnreadableRegistry as error:
        raise ValueError(f"{error}; write it as host or host:port, without a scheme") from None


def _own_file(value: Path) -> Path:
    return value.expanduser() if value.parts[:1] == ("~",) else value


def _base_url(text: str) -> str:
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("it is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("it must be a URL that begins with https:// or http:// and names a host")
    if url.user is not None or url.password is not None:
        raise ValueError("it holds a username or a password; put those into a file that the settings name")
    if url.query_string or url.fragment:
        raise ValueError("it must have no query and no fragment")
    return text.rstrip("/")


def _no_proxy(text: str) -> str:
    """A host, or a domain with all below it when it begins with a dot; `*` for every host."""
    return f".{setting_host(text[1:])}" if text.startswith(".") else setting_host(text)


def only_number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("it must be a number")  # YAML's yes and no would else count as 1 and 0
    return value


def _placeholders(text: str, known: frozenset[str]) -> None:
    if any(name not in known for name in _PLACEHOLDER.findall(text)):
        raise ValueError(f"of placeholders it may hold only {' and '.join(f'{{{name}}}' for name in sorted(known))}")


def _schedule(text: str) -> str:
    fields = text.split()
    if len(fields) != 5 or not all(_CRON_FIELD.fullmatch(field) for field in fields):
        raise ValueError("it must have five fields (minute, hour, day, month, weekday), such as 0 2 * * *")
    try:
        next(CronSim(" ".join(fields), _ANY_DAY))
    except (CronSimError, StopIteration):
        raise ValueError("one of its five fields is out of its range, or it is never due; write it such as 0 2 * * *") from None
    return " ".join(fields)


def _zone(name: str) -> str:
    if name != "UTC":
        try:
            ZoneInfo(name)
        except (LookupError, ValueError, OSError):
            raise ValueError("it is no time zone by that name; write one such as Europe/Berlin") from None
    return name


def _address(text: str) -> str:
    _placeholders(text, frozenset({"user"}))
    return text


def _named_host(text: str) -> str:
    if text == EVERY_HOST:
        raise ValueError("a secret may go to hosts that are named, never to every host")
    return setting_host(text)


def is_loopback_name(host: str) -> bool:
    """True for `localhost` and the addresses of this machine that no other one reaches."""
    try:
        return host.lower() == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _addresses(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError("it is no address and no network such as 10.4.0.0/16 (the bits after the prefix must be 0)") from None
    if network.prefixlen == 0:
        raise ValueError("it is every address; list those that are meant")
    return str(network)


def _node_platform(text: str) -> str:
    parse_platform(text)
    return text


def _one_or_several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _registry(text: str) -> str:
    try:
        parse_scope(text)
    except UnreadableRegistry as error:
        raise ValueError(f"it is no registry: {error}") from None
    return text


def _notice_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if "://" not in text or text != text.strip():
        raise ValueError("it is not a notification URL such as mailto://host?to={address}")
    _placeholders(text, frozenset({"user", "address"}))
    return value


Seconds = Annotated[float, BeforeValidator(only_number), Field(gt=0, le=366 * 86400, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, BeforeValidator(only_number), Field(ge=0, le=366 * 86400, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(only_number), Field(ge=1, le=1_000_000)]
Windows = dict[Annotated[int, Field(ge=1, le=366 * 86400)], Count]
File = Annotated[Path, AfterValidator(_own_file)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
HostName = Annotated[str, AfterValidator(setting_host)]
NoticeUrl = Annotated[SecretStr, AfterValidator(_notice_url)]
RealmHost = Annotated[str, AfterValidator(_named_host)]
RegistryText = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_registry)]
NoProxy = Annotated[str, AfterValidator(_no_proxy)]
Schedule = Annotated[str, AfterValidator(_schedule)]
Zone = Annotated[str, AfterValidator(_zone)]
Addresses = Annotated[str, AfterValidator(_addresses)]
PlatformName = Annotated[str, Field(min_length=1, max_length=128)]
NodePlatforms = Annotated[
    tuple[Annotated[str, AfterValidator(_node_platform)], ...], BeforeValidator(_one_or_several), Field(min_length=1, max_length=8)
]  # fmt: skip
AddressTemplate = Annotated[str, AfterValidator(_address)]


class Section(BaseModel):
    """Base of every part: frozen, no unknown key, no input in an error's text."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)
