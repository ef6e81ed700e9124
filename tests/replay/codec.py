"""Evidence as JSON and back: frozen values by their fields, what is a default left out. Read by the types that the fields declare."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any

from yarl import URL


def encoded(value: Any) -> Any:
    """`value` as JSON can hold it."""
    match value:
        case Enum():
            return value.value
        case URL():
            return str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(encoded(key)): encoded(each) for key, each in value.items()}
        case tuple() | list():
            return [encoded(each) for each in value]
        case frozenset() | set():
            return sorted(encoded(each) for each in value)
        case _ if is_dataclass(value):
            return {f.name: encoded(getattr(value, f.name)) for f in fields(value) if f.init and getattr(value, f.name) != _default(f)}
        case _:
            return value


def _default(field: Field[Any]) -> Any:
    return field.default if field.default is not MISSING else field.default_factory() if field.default_factory is not MISSING else MISSING


@cache
def _types(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def decoded(kind: Any, raw: Any) -> Any:
    """The value of type `kind` that `raw` is of."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if raw is None else decoded(next(each for each in inner if each is not type(None)), raw)
    if origin is tuple:
        return tuple(decoded(inner[0], each) for each in raw)
    if origin is frozenset:
        return frozenset(decoded(inner[0], each) for each in raw)
    if origin is not None and issubclass(origin, Mapping):
        return MappingProxyType({decoded(inner[0], key): decoded(inner[1], each) for key, each in raw.items()})
    if kind is datetime:
        return datetime.fromisoformat(raw)
    if kind is URL:
        return URL(raw)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _types(kind)
        return kind(**{name: decoded(hints[name], each) for name, each in raw.items()})
    return kind(raw) if isinstance(kind, type) and issubclass(kind, Enum) else raw
