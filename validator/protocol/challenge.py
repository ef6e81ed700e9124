"""The challenges of `WWW-Authenticate` fields: schemes, parameters, and which one to answer.

Pure and total, in linear time. RFC 9110, 11.6.1; registries/README.md 2.2 says who fails at what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

MAX_FIELD: Final = 16 * 1024
MAX_FIELDS: Final = 64
MAX_CHALLENGES: Final = 100

BEARER: Final = "bearer"
BASIC: Final = "basic"

# Possessive throughout: no pattern ever goes back over what it has read.
_GAP: Final = re.compile(r"[ \t,]*+")
_BLANKS: Final = re.compile(r"[ \t]*+")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]++")
_TOKEN68: Final = re.compile(r"[A-Za-z0-9._~+/-]++=*+(?=[ \t]*+(?:,|\Z))")
_QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_UNQUOTED: Final = re.compile(r'[^\s,"]++')
_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: scheme and names in lower case, values as sent (quotes and their escapes taken off).

    `repeated` holds the names that came twice; they are in no `parameters`, for nobody knows which one is meant.
    """

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()


class _Open:
    """A challenge that is still being read."""

    __slots__ = ("closed", "parameters", "repeated", "scheme")

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.parameters: dict[str, str] = {}
        self.repeated: set[str] = set()
        self.closed = False

    def put(self, name: str, value: str | None) -> None:
        """Take a parameter; a value of None is malformed, but its name counts as given."""
        if name in self.repeated or name in self.parameters:
            self.repeated.add(name)
            self.parameters.pop(name, None)
        elif value is not None:
            self.parameters[name] = value

    def done(self) -> Challenge:
        return Challenge(self.scheme, MappingProxyType(self.parameters), frozenset(self.repeated))


def parse_challenges(values: Sequence[str]) -> tuple[Challenge, ...]:
    """Every challenge in the `WWW-Authenticate` fields `values`, in order.

    Total: what is malformed is left out, from there to the end of its field; a parameter given twice is left out. A
    comma that is missing after a value is tolerated. At most MAX_FIELDS fields of MAX_FIELD characters and
    MAX_CHALLENGES challenges are read. Bytes that were no UTF-8 (surrogates) become U+FFFD.
    """
    found: list[_Open] = []
    for value in values[:MAX_FIELDS]:
        found += _read_field(value, MAX_CHALLENGES - len(found))
    return tuple(each.done() for each in found)


def _read_field(value: str, room: int) -> list[_Open]:
    cut = len(value) > MAX_FIELD
    text = value[:MAX_FIELD]
    if not text.isascii():
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    found: list[_Open] = []
    at = _end(_GAP, text, 0)
    while at < len(text) and len(found) <= room:
        name = _TOKEN.match(text, at)
        if name is None or (cut and name.end() == len(text)):
            break
        equals = _end(_BLANKS, text, name.end())
        if text[equals : equals + 1] != "=":
            # A scheme: alone, before parameters, or before one token68.
            found.append(_Open(name[0].lower()))
            after = _after_scheme(text, name.end(), found[-1])
        elif found and not found[-1].closed:
            after = _read_value(text, equals + 1, name[0].lower(), found[-1], cut=cut)
        else:
            break
        if after is None:
            break
        at = after
    return found[: max(room, 0)]


def _after_scheme(text: str, at: int, challenge: _Open) -> int | None:
    """Where the first parameter or the next challenge begins; None if what follows the scheme is neither."""
    begin = _end(_BLANKS, text, at)
    if begin == len(text) or text[begin] == ",":
        return _end(_GAP, text, begin)
    if begin == at:
        return None
    if token68 := _TOKEN68.match(text, begin):
        challenge.closed = True
        return _end(_GAP, text, token68.end())
    name = _TOKEN.match(text, begin)
    if name is None or text[_end(_BLANKS, text, name.end()) :][:1] != "=":
        return None
    return begin


def _read_value(text: str, at: int, name: str, challenge: _Open, *, cut: bool) -> int | None:
    """Read one value into `challenge`; where the next thing begins, or None at the end of what can be read."""
    begin = _end(_BLANKS, text, at)
    value: str | None = None
    if text[begin : begin + 1] == '"':
        quoted = _QUOTED.match(text, begin)
        end = quoted.end() if quoted else len(text)
        value = _PAIR.sub(r"\1", quoted[1]) if quoted else None
    else:
        plain = _UNQUOTED.match(text, begin)
        end = plain.end() if plain else begin
        value = plain[0] if plain else ""
    if end == len(text):
        challenge.put(name, None if cut else value)
        return None
    after = _end(_GAP, text, end)
    if after == end:
        challenge.put(name, None)
        return None
    challenge.put(name, value)
    return after


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def choose_challenge(challenges: Sequence[Challenge]) -> Challenge | None:
    """The challenge to answer: the first Bearer with a realm, else the first Basic; None is a fault of protocol.

    A Bearer whose realm came twice spoils all: somebody is playing. registries/README.md 2.2.
    """
    bearers = [each for each in challenges if each.scheme == BEARER]
    if any("realm" in each.repeated for each in bearers):
        return None
    usable = [each for each in bearers if each.parameters.get("realm", "").strip()]
    return next(iter(usable), None) or next((each for each in challenges if each.scheme == BASIC), None)
