"""An OSMO workflow's template: its sections and values before it is expanded, and what its expansion says of the file. Pure.

As OSMO does it (src/lib/utils/workflow.py, src/utils/job/workflow.py): the sections are cut before anything is YAML, and only the
`workflow` section is expanded. The expansion itself runs in a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from validator.workload.base import Source, UnreadableWorkload, parse_documents

_MARKERS: Final = ("{%", "{{", "{#", "default-values")
_SECTION: Final = re.compile(r"^([a-zA-Z][a-zA-Z0-9_-]*):", re.MULTILINE)
_ALLOWED: Final = frozenset({"workflow", "default-values", "version"})
_KEPT: Final = re.compile(r"\{\{(uuid|workflow_id|output|input:[^{}]+|host:[^{}]+)\}\}")
_KEPT_NAME: Final = "validator_kept_{}"
_LINE: Final = re.compile("\0([0-9]{1,9})\0")

Value = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What the expansion gets: the `workflow` section and the file's line where it starts (from 0), the default values' YAML, the given
    values, and the tokens that OSMO keeps for later, by the names that stand for them."""

    text: str
    start: int
    defaults: str
    given: dict[str, Value]
    kept: dict[str, str]


@dataclass(frozen=True, slots=True)
class Expanded:
    """The expanded section, with the source of its lines; `unset` are the variables without a value that it met."""

    text: str
    source: Source
    unset: tuple[str, ...]


def is_template(text: str) -> bool:
    """True if OSMO would expand it: markup anywhere, also in a comment."""
    return any(marker in text for marker in _MARKERS)


def is_workflow(text: str) -> bool:
    """True if the text has a section `workflow`."""
    return any(match[1] == "workflow" for match in _SECTION.finditer(text))


def typed_value(text: str) -> Value:
    """What `--set name=text` means: an integer, else a number, else text."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def cut_template(text: str, file: str, values: Mapping[str, str], strings: Mapping[str, str]) -> Template:
    """The template in `text`. Raises UnreadableWorkload: a section unknown or given twice, none that is `workflow`, default values that
    are no mapping or broken YAML."""
    sections: dict[str, tuple[int, str]] = {}
    heads = list(_SECTION.finditer(text))
    line, past = 0, 0
    ends = [*(head.start() for head in heads[1:]), len(text)]
    for head, end in zip(heads, ends, strict=False):  # no head: an end too many
        line, past = line + text.count("\n", past, head.start()), head.start()
        if head[1] not in _ALLOWED:
            raise UnreadableWorkload(file, line + 1, "OSMO allows version, workflow and default-values here, nothing else; mend or remove this key.")
        if head[1] in sections:
            raise UnreadableWorkload(file, line + 1, f"this is a second section {head[1]}; keep one.")
        sections[head[1]] = (line, text[head.start() : end])
    if "workflow" not in sections:
        raise UnreadableWorkload(file, None, "there is no section workflow; name the right file.")
    if "default-values" in sections:
        _check_defaults(*sections["default-values"], file)
    start, body = sections["workflow"]
    kept = {_KEPT_NAME.format(at): token for at, token in enumerate(dict.fromkeys(match[0] for match in _KEPT.finditer(body)))}
    names = {token: name for name, token in kept.items()}
    return Template(
        text=_KEPT.sub(lambda match: "{{" + names[match[0]] + "}}", body) + "\n",  # so that every line ends
        start=start,
        defaults=sections.get("default-values", (0, ""))[1],
        given={**{name: typed_value(value) for name, value in values.items()}, **strings},
        kept=kept,
    )


def _check_defaults(start: int, text: str, file: str) -> None:
    count = text.count("\n") + 1
    [document, *more] = parse_documents(text, Source(file, tuple(range(start, start + count))))
    values = document.at("default-values")
    if more or values is None or not (values.is_mapping or values.is_empty):
        raise UnreadableWorkload(file, start + 1, "default-values must be one mapping of names to values; mend it.")


def read_expanded(text: str, unset: tuple[str, ...], start: int, file: str) -> Expanded:
    """`text` without the line marks that the expansion wrote, and the source of its lines: a line without a mark has the next one's."""
    lines: list[str] = []
    numbers: list[int] = []
    last = _LINE.findall(text[-1000:]) or _LINE.findall(text)
    next_number = int(last[-1]) - 1 if last else 0
    for line in reversed(text.split("\n")):
        found = _LINE.findall(line)
        next_number = int(found[-1]) - 1 if found else next_number
        numbers.append(start + next_number)
        lines.append(_LINE.sub("", line))
    marks = tuple("{{ " + name + " }}" for name in unset)
    return Expanded("\n".join(reversed(lines)), Source(file, tuple(reversed(numbers)), marks), unset)
