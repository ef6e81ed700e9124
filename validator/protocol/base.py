"""Values that several grammars share: JSON of strangers, text that may be shown, digests, accesses, platforms.

Pure: no I/O, no clock. Everything here that reads remote text is total.
"""

from __future__ import annotations

import enum
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Final


class NotJson(enum.Enum):
    """The type of `NOT_JSON`; JSON's own `null` is None."""

    NOT_JSON = "not json"


NOT_JSON: Final = NotJson.NOT_JSON

MAX_DEPTH: Final = 32
"""Containers within containers (registries/README.md 4.2.6)."""

MAX_DIGITS: Final = 1000
"""Of one number: `int` of more than 4300 digits raises, and of fewer is still quadratic."""

_BOM: Final = b"\xef\xbb\xbf"
# The string's end is optional, so that one left open is read once and not again from each of its escaped quotes.
_BRACKET: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE: Final = " \t\n\r"


def parse_json(body: bytes, *, depth: int = MAX_DEPTH, leading: bool = False) -> object:
    """The value of the one JSON document `body`, or `NOT_JSON`.

    Not JSON to us: bad UTF-8 (a BOM is tolerated), NaN and Infinity, numbers of over MAX_DIGITS digits or beyond a
    double, lone surrogates, an object's name given twice, more than `depth` containers within each other. With
    `leading`, objects and arrays may follow the first, and are ignored. Total, in linear time. RFC 8259.
    """
    body = body.removeprefix(_BOM)
    if _too_deep(body, depth):
        return NOT_JSON
    try:
        text = body.decode()
        start = len(text) - len(text.lstrip(_SPACE))
        value, end = _DECODER.raw_decode(text, start)
        rest = text[end:].lstrip(_SPACE)
        if rest and not (leading and text[start] in "{[" and rest[0] in "{["):
            return NOT_JSON
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return NOT_JSON
    return value


def _too_deep(body: bytes, depth: int) -> bool:
    """True if more than `depth` containers are open at once; json itself would overflow the stack."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return False
    level = 0
    for found in _BRACKET.finditer(body):
        match found[0]:
            case b"[" | b"{":
                level += 1
                if level > depth:
                    return True
            case b"]" | b"}":
                level -= 1
            case _:
                pass
    return False


_NUMBER: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[0-9]{%d,}+' % (MAX_DIGITS + 1), re.DOTALL)
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_HALF_ESCAPE: Final = re.compile(rb"(?<!\\)(?:\\\\)*(\\u[0-9a-fA-F]{0,3})\Z")


def beyond_limits(front: bytes) -> bool:
    """True if the beginning of a longer JSON document is none to us already: nested too deep, or a number too long."""
    return _too_deep(front, MAX_DEPTH) or any(found[0][:1] != b'"' for found in _NUMBER.finditer(front))


def closed_json(front: bytes) -> bytes:
    """The beginning of a longer JSON document that was cut in a text or behind a value, closed so that it reads as one."""
    ends: list[bytes] = []
    text_end = 0
    for found in _BRACKET.finditer(front):
        match found[0]:
            case b"[":
                ends.append(b"]")
            case b"{":
                ends.append(b"}")
            case b"]" | b"}":
                del ends[-1:]
            case text if _TEXT.fullmatch(text) is None:
                text_end = found.end()
            case _:
                pass
    if text_end:
        front = front[:text_end]
        if half := _HALF_ESCAPE.search(front, max(0, text_end - 200)):
            front = front[: half.start(1)]
        while front and front[-1] >= 0x80 and front[-1] < 0xC0:
            front = front[:-1]  # a character's last bytes may be missing: it goes whole
        front = (front[:-1] if front and front[-1] >= 0xC0 else front) + b'"'
    return front.rstrip(b" \t\r\n,") + b"".join(reversed(ends))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is given twice")
    return members


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(text)


def _real(text: str) -> float:
    if len(text) > MAX_DIGITS:
        raise ValueError("too many digits")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("beyond a double")
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant)

# CSI, OSC (titles, links) and the short ones; an OSC left open ends at the next escape.
_ANSI: Final = re.compile(r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*+(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*+[0-~]?")


def clean_text(text: str) -> str:
    """`text` on one line: no escape sequence, control, format or bidi character, no lone surrogate; blanks collapsed."""
    plain = " ".join(_ANSI.sub("", text).split())
    if plain.isascii() and plain.isprintable():
        return plain
    kept = "".join(c for c in plain if unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())


def shown_text(text: str, limit: int = 200) -> str:
    """`text` as a person may be shown it: cleaned, at most `limit` characters, the last `…` where it was cut.

    Secrets are masked before, by the caller: after the cut a part of one could not be told. registries/README.md 4.2.8.
    """
    plain = clean_text(text)
    return plain if len(plain) <= limit else plain[: max(limit - 1, 0)].rstrip() + "…"


_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def valid_digest(text: str) -> bool:
    """True for `sha256:` with 64 and `sha512:` with 128 lower-case hex digits; nothing else enters a URL (CVE-2024-3727)."""
    return _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Access:
    """What one resource scope allows: `repository`, `org/app`, {`pull`}."""

    type: str
    name: str
    actions: frozenset[str]

    def __str__(self) -> str:
        return f"{self.type}:{self.name}:{','.join(sorted(self.actions))}"


_ARCHITECTURES: Final = {
    # as written:  (architecture, its variant; None keeps what is given), containerd/platforms database.go
    "i386": ("386", ""),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_VARIANTS: Final = {
    ("amd64", "v1"): "",
    ("arm64", "8"): "",
    ("arm64", "v8"): "",
    ("arm64", "v8.0"): "",
    ("arm64", "9"): "v9",
    ("arm64", "9.0"): "v9",
    ("arm64", "v9.0"): "v9",
    ("arm", ""): "v7",
    ("arm", "5"): "v5",
    ("arm", "6"): "v6",
    ("arm", "7"): "v7",
    ("arm", "8"): "v8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What an image runs on, names folded as containerd folds them (`x86_64` is `amd64`, arm64's `v8` is none).

    `variant` and `os_version` (Windows: `10.0.20348.1`) are "" where there is none; `os` is "" where an index leaves it out.
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    def __post_init__(self) -> None:
        system, architecture, variant = self.os.lower(), self.architecture.lower(), self.variant.lower()
        architecture, fixed = _ARCHITECTURES.get(architecture, (architecture, None))
        variant = variant if fixed is None else fixed
        object.__setattr__(self, "os", "darwin" if system == "macos" else system)
        object.__setattr__(self, "architecture", architecture)
        object.__setattr__(self, "variant", _VARIANTS.get((architecture, variant), variant))

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def rank_on(self, node: Platform) -> int | None:
        """How well an image of this platform suits `node`, 0 best; None if it does not run there.

        As containerd's `platforms.Only`: the order of registries/README.md 2.6. An os left out is the node's.
        """
        if (self.os or node.os) != node.os or self.architecture == "unknown" or not _same_release(self, node):
            return None
        order = _runs(node)
        mine = (self.architecture, self.variant)
        return order.index(mine) if mine in order else None

    def runs_on(self, node: Platform) -> bool:
        """True if `node` accepts an image of this platform."""
        return self.rank_on(node) is not None


def _same_release(image: Platform, node: Platform) -> bool:
    """Windows images run on their own release only: major, minor and build are compared where both are given."""
    if node.os != "windows" or not image.os_version or not node.os_version:
        return True
    return image.os_version.split(".")[:3] == node.os_version.split(".")[:3]


_MINORS: Final = 20
"""Arm and x86 levels beyond any; a larger one is taken as a name."""

_ARM_LEVEL: Final = re.compile(r"v([89])(?:\.([0-9]{1,2}))?")
_LEVEL: Final = re.compile(r"v([0-9]{1,2})")


def _runs(node: Platform) -> tuple[tuple[str, str], ...]:
    """(architecture, variant) of all that runs on `node`, best first; containerd/platforms compare.go `platformVector`."""
    mine = (node.architecture, node.variant)
    level = _LEVEL.fullmatch(node.variant)
    number = min(int(level[1]), _MINORS) if level else 0
    match node.architecture:
        case "amd64":
            lower = tuple(("amd64", f"v{n}" if n > 1 else "") for n in range(number - 1, 0, -1))
            return (mine, *lower, ("386", ""))
        case "arm":
            return (mine, *(("arm", f"v{n}") for n in range(number - 1, 4, -1)))
        case "arm64":
            return (*_arm64(node.variant), *(("arm", f"v{n}") for n in range(8, 4, -1)))
        case _:
            return (mine,)


def _arm64(variant: str) -> tuple[tuple[str, str], ...]:
    """arm64's levels downwards: v9.N holds v8.(5 + N)."""
    level = _ARM_LEVEL.fullmatch(variant or "v8")
    if level is None:
        return (("arm64", variant),)
    minor = min(int(level[2] or 0), _MINORS)
    nines = [f"v9.{n}" if n else "v9" for n in range(minor, -1, -1)] if level[1] == "9" else []
    eights = [f"v8.{n}" if n else "" for n in range(minor + 5 if nines else minor, -1, -1)]
    return tuple(("arm64", each) for each in (*nines, *eights))
