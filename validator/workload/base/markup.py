"""Template markup (Jinja's, Helm's) in YAML: taken out so that YAML can be read, put back where it stood, never evaluated here.

Pure. A piece of markup becomes a mark: a number between two characters of Unicode's private use, plain text to YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from validator.workload.base.values import MAX_IMAGES, Named, UnreadableWorkload

MARK: Final = "\ue000{}\ue001"
_MARK: Final = re.compile("\ue000([0-9]{1,6})\ue001")
_OPENED: Final = re.compile(r"\{[{%#]")
_CLOSED: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}
_MARGIN: Final = 200
"""Blanks beside a tag that has its line to itself."""

_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_NAME: Final = re.compile(r"[.$]?[A-Za-z_][\w.]*")
_KEYWORDS: Final = frozenset(
    {"if", "elif", "else", "for", "in", "not", "and", "or", "set", "end", "endif", "endfor", "with", "range", "include", "template", "tpl",
     "toYaml", "default", "quote", "required", "printf", "define", "block", "macro", "call", "raw", "filter", "true", "false", "none"}
)  # fmt: skip
_SILENT: Final = re.compile(
    r"\{\{-?\s*(/\*|(if|else|end|with|range|define|block|break|continue)\b|\$\w+\s*:?=)|\{%[-+]?\s*(?!(include|import|from|call|macro)\b)|\{#"
)
"""Markup that writes nothing itself; what stands between is read as if every branch were taken."""

_WRITES_YAML: Final = re.compile(r"\b(toYaml|n?indent|include|template|tpl)\b")
_IMAGE: Final = re.compile(r"^[ \t]*(?:-[ \t]+)?[\"']?image[\"']?[ \t]*:[ \t]+(?=\S)(?P<value>[^\r\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text comes from: its file, for each of its lines the file's (both from 0; None: the same), and what its marks stand for."""

    file: str
    lines: tuple[int, ...] | None = None
    marks: tuple[str, ...] = ()

    def line(self, index: int) -> int:
        """The file's line, from 1, of the text's line `index`, from 0."""
        if self.lines is None:
            return index + 1
        return self.lines[min(index, len(self.lines) - 1)] + 1 if self.lines else 1

    def restored(self, text: str) -> str:
        """`text` with the markup back that its marks stand for."""

        def original(found: re.Match[str]) -> str:
            return self.marks[int(found[1])] if int(found[1]) < len(self.marks) else found[0]

        return _MARK.sub(original, text)

    def unreadable(self, index: int | None, what: str) -> UnreadableWorkload:
        """The error for the text's line `index`, from 0."""
        return UnreadableWorkload(self.file, None if index is None else self.line(index), what)


@dataclass(frozen=True, slots=True)
class Cut:
    """A text without markup, line for line; `whole` is False if what was cut may have written YAML."""

    text: str
    marks: tuple[str, ...]
    whole: bool


def cut_markup(text: str) -> Cut:
    """`text` with a mark for each expression and nothing for tags that have their lines to themselves."""
    marks: list[str] = []
    parts: list[str] = []
    whole, past = True, 0
    for start, end in _tags(text):
        tag = text[start:end]
        alone = _ends_line(text[max(start - _MARGIN, 0) : start][::-1]) and _ends_line(text[end : end + _MARGIN])
        whole = whole and (_SILENT.match(tag) is not None or not (alone or _WRITES_YAML.search(tag)))
        parts.append(text[past:start])
        if not alone and not tag.startswith("{#"):
            parts.append(MARK.format(len(marks)))
            marks.append(tag)
        parts.append("\n" * tag.count("\n"))
        past = end
    return Cut("".join((*parts, text[past:])), tuple(marks), whole)


def _tags(text: str) -> Iterator[tuple[int, int]]:
    """Where each tag begins and ends. In linear time: a kind that closes nowhere further on is not looked for again."""
    at = 0
    open_ended: set[str] = set()
    while found := _OPENED.search(text, at):
        at = found.end()
        if found[0] in open_ended:
            continue
        end = text.find(_CLOSED[found[0]], at)
        if end < 0:
            open_ended.add(found[0])
            continue
        at = end + 2
        yield found.start(), at


def _ends_line(rest: str) -> bool:
    """True if only blanks come before the end of the line or the text; `rest` may be cut off."""
    return not rest.partition("\n")[0].strip() and ("\n" in rest or len(rest) < _MARGIN)


def variable_of(text: str) -> str | None:
    """The variable of the first markup in `text` ("image_name", ".Values.image.tag"), "?" if it names none; None if there is no markup."""
    if "{{" not in text and "{%" not in text:
        return None
    start, end = next(_tags(text), (0, len(text)))
    names = _NAME.findall(_QUOTED.sub(" ", text[start : min(end, start + 1000)]))
    paths = [name for name in names if name[0] in ".$" and len(name) > 1]
    words = [name for name in names if name not in _KEYWORDS]
    return str(next(iter((*paths, *words)), "?"))


def image_lines(text: str, file: str) -> tuple[Named, ...]:
    """The images of all lines that look like `image: VALUE`: what is left where no grammar holds. Each is a group of its own.

    At most one more than MAX_IMAGES.
    """
    found: list[Named] = []
    line, past = 1, 0
    for match in _IMAGE.finditer(text):
        line, past = line + text.count("\n", past, match.start()), match.start()
        value = _value(match["value"].rstrip())
        if value:
            found.append(Named(image=value, file=file, line=line, group=len(found), unrendered=variable_of(value)))
        if len(found) > MAX_IMAGES:
            break
    return tuple(found)


def _value(written: str) -> str:
    """What YAML would read, near enough: quotes and a comment dropped, a block's or anchor's sign is no image."""
    if written[0] in "\"'":
        return written[1:].partition(written[0])[0].strip()
    return "" if written[0] in "|>&*#" else re.split(r"[ \t]#", written, maxsplit=1)[0].strip()
