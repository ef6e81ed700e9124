"""Images of a compose file: `services.NAME.image`, its variables replaced by given values and their own defaults. Pure.

The Compose Specification, 12 "Interpolation". The environment and `.env` are not read: they are those of whoever runs compose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from validator.workload.base import Kind, Named, PullGroup, View, Workload, variable_of

_NOT_PULLED: Final = frozenset({"never", "build"})
_VARIABLE: Final = re.compile(r"\$(?:(?P<escaped>\$)|(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*))", re.ASCII)
_OPERATOR: Final = re.compile(r":?[-+?]")
_MAX_NESTED: Final = 20


class _Unset(Exception):
    """A variable without a value; `str` is its name."""


def read_compose(document: View, given: Mapping[str, str]) -> Workload:
    """The images of one compose file. What is only built, or by its `pull_policy` never pulled, is left out.

    Raises UnreadableWorkload: `services` is no mapping, an image is no text, too many.
    """
    services = document.at("services")
    if services is None or not (services.is_mapping or services.is_empty):
        raise document.source.unreadable(services.index if services else None, "services must be a mapping of services; mend it.")
    named: list[Named] = []
    for name, service in services.pairs():
        image = service.at("image")
        policy = service.at("pull_policy")
        if image is None or image.is_empty or (policy is not None and policy.text in _NOT_PULLED):
            continue
        shown, unset = _expanded(image.as_image(len(named)), given)
        platform = service.at("platform")
        wanted, unknown = _expanded(platform.text, given) if platform and platform.text else (None, None)
        named.append(
            Named(
                image=shown,
                file=image.source.file,
                task=name,
                line=image.line,
                group=len(named),
                platform=None if unknown else wanted,
                unrendered=unset,
            )
        )
    return Workload(kind=Kind.COMPOSE, named=tuple(named), groups=tuple(PullGroup(name=one.task) for one in named))


def _expanded(text: str, given: Mapping[str, str]) -> tuple[str, str | None]:
    """`text` interpolated and None; or as written and the variable that has no value."""
    if (variable := variable_of(text)) is not None:
        return text, variable
    try:
        return _interpolated(text, given, 0).strip(), None
    except _Unset as unset:
        return text, str(unset)


def _interpolated(text: str, given: Mapping[str, str], depth: int) -> str:
    """Raises _Unset. What compose calls an invalid format (`${}`, a brace left open) counts as a variable without a name, "?"."""
    parts: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        found = _VARIABLE.match(text, dollar)
        if found is None or depth > _MAX_NESTED:
            raise _Unset("?")
        at = found.end()
        if found["escaped"]:
            parts.append("$")
        elif found["bare"]:
            parts.append(_value(found["bare"], "", "", given, depth))
        else:
            end = _closing(text, at)
            operator = _OPERATOR.match(text, at, end)
            if operator is None and at != end:
                raise _Unset(found["braced"])
            rest = text[operator.end() : end] if operator else ""
            parts.append(_value(found["braced"], operator[0] if operator else "", rest, given, depth))
            at = end + 1
    return "".join((*parts, text[at:]))


def _value(name: str, operator: str, rest: str, given: Mapping[str, str], depth: int) -> str:
    held = given.get(name)
    is_set = held if operator.startswith(":") else held is not None
    match operator[-1:]:
        case "+":
            return _interpolated(rest, given, depth + 1) if is_set else ""
        case "-" if not is_set:
            return _interpolated(rest, given, depth + 1)
        case _ if is_set or (held is not None and operator == ""):
            return held or ""
        case _:
            raise _Unset(name)


def _closing(text: str, start: int) -> int:
    """Where the brace that was opened before `start` closes."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise _Unset("?")
