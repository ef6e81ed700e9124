"""YAML as values that know their line: safe, with bounds, and read without building what it stands for.

Aliases stay references, so that few bytes never become many values; merge keys (`<<`) are followed when a key is asked for.
A key that stands twice has its last value, as in OSMO's reader and the Kubernetes API's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from validator.workload.base.markup import Source
from validator.workload.base.values import MAX_IMAGE, MAX_IMAGES

MAX_DEPTH: Final = 100
"""Levels: a custom resource's schema has some fifty; PyYAML's composer recurses in C."""

MAX_ALIASES: Final = 1000
MAX_VALUES: Final = 200_000
"""Of one text; each costs half a kilobyte."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL: Final = "tag:yaml.org,2002:null"
_MERGE: Final = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class _Fields:
    """A mapping's own keys, and the mappings it merges, first the one that wins."""

    own: dict[str, tuple[int, yaml.Node]]
    merged: tuple[yaml.Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A value of a document. `index` is its line in the text, from 0: for an alias the line that holds it, not the anchor's."""

    node: yaml.Node
    index: int
    source: Source
    _fields: dict[int, _Fields] = field(repr=False, compare=False)

    @property
    def line(self) -> int:
        """The file's line, from 1."""
        return self.source.line(self.index)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_empty(self) -> bool:
        """True for null, "", {} and []."""
        return not self.node.value or self.node.tag == _NULL

    @property
    def text(self) -> str | None:
        """The scalar as written, its markup put back; None for null and for what is no scalar."""
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag == _NULL:
            return None
        return self.source.restored(self.node.value)

    def at(self, *path: str) -> View | None:
        """The value under these keys, one within the other."""
        here: View | None = self
        for key in path:
            found = here._found(key, set()) if here else None
            here = here._view(*found) if here and found else None
        return here

    def items(self) -> Iterator[View]:
        """The values of a sequence; none for anything else."""
        if isinstance(self.node, yaml.SequenceNode):
            for item in self.node.value:
                yield self._view(self.index, item)

    def pairs(self) -> list[tuple[str, View]]:
        """A mapping's keys and values, merged ones included; none for anything else."""
        found: dict[str, tuple[int, yaml.Node]] = {}
        seen: set[int] = set()
        waiting = [self.node]
        while waiting:
            node = waiting.pop()
            if isinstance(node, yaml.MappingNode) and id(node) not in seen:
                seen.add(id(node))
                fields = self._fields_of(node)
                for name, place in fields.own.items():
                    found.setdefault(name, place)
                waiting.extend(reversed(fields.merged))
        return [(self.source.restored(name), self._view(*place)) for name, place in found.items()]

    def parts(self) -> list[View]:
        """Everything directly below, merges not followed."""
        if isinstance(self.node, yaml.MappingNode):
            return [self._view(*place) for place in self._fields_of(self.node).own.values()]
        return list(self.items())

    def as_image(self, already: int) -> str:
        """The text of an image, after `already` others of the file. Raises UnreadableWorkload: no text, too long, too many."""
        text = self.text
        if text is None:
            raise self.source.unreadable(self.index, "the image must be text; mend it.")
        if len(text) > MAX_IMAGE:
            raise self.source.unreadable(self.index, f"no image has more than {MAX_IMAGE} characters; mend it.")
        if already >= MAX_IMAGES:
            raise self.source.unreadable(self.index, f"this names more than {MAX_IMAGES} images; give fewer at a time.")
        return text.strip()

    def _view(self, above: int, node: yaml.Node) -> View:
        start = node.start_mark.line
        return View(node=node, index=max(start, above), source=self.source, _fields=self._fields)

    def _found(self, key: str, seen: set[int]) -> tuple[int, yaml.Node] | None:
        waiting = [self.node]
        while waiting:
            node = waiting.pop()
            if isinstance(node, yaml.MappingNode) and id(node) not in seen:
                seen.add(id(node))
                fields = self._fields_of(node)
                if key in fields.own:
                    return fields.own[key]
                waiting.extend(reversed(fields.merged))
        return None

    def _fields_of(self, node: yaml.MappingNode) -> _Fields:
        known = self._fields.get(id(node))
        if known is None:
            own: dict[str, tuple[int, yaml.Node]] = {}
            merged: list[yaml.Node] = []
            for key, value in node.value:
                if key.tag == _MERGE:
                    merged.extend(value.value if isinstance(value, yaml.SequenceNode) else [value])
                elif isinstance(key, yaml.ScalarNode):
                    own[key.value] = (key.start_mark.line, value)
            known = self._fields[id(node)] = _Fields(own, tuple(merged))
        return known


def parse_documents(text: str, source: Source, *, bare_markup: bool = True) -> list[View]:
    """The documents of `text` that are not empty. Raises UnreadableWorkload: broken YAML, or over a bound.

    Without `bare_markup`, `{{ x }}` without quotes is refused too: to YAML it is a mapping of a mapping.
    """
    try:
        _bound(text, source, bare_markup)
        nodes = [node for node in yaml.compose_all(text, Loader=_LOADER) if node.tag != _NULL]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise source.unreadable(mark.line if mark else None, "this is not valid YAML; mend it there or just above.") from None
    except yaml.reader.ReaderError as error:
        at = text.count("\n", 0, int(error.position))
        raise source.unreadable(at, "this holds a character that YAML does not allow; remove it.") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise source.unreadable(None, "this is not valid YAML; mend it.") from None
    fields: dict[int, _Fields] = {}
    return [View(node=node, index=node.start_mark.line, source=source, _fields=fields) for node in nodes]


def _bound(text: str, source: Source, bare_markup: bool) -> None:
    """Raises before anything of the text is kept."""
    depth = aliases = values = 0
    opened = False
    for event in yaml.parse(text, Loader=_LOADER):
        index = event.start_mark.line if event.start_mark else 0
        match event:
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                depth, values = depth + 1, values + 1
                mapping = isinstance(event, yaml.MappingStartEvent) and bool(event.flow_style)
                if opened and mapping and not bare_markup:
                    raise source.unreadable(index, "this holds a template; expand it first and give the result.")
                opened = mapping
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                depth, opened = depth - 1, False
            case yaml.AliasEvent():
                aliases, opened = aliases + 1, False
            case _:
                values, opened = values + 1, False
        if depth > MAX_DEPTH:
            raise source.unreadable(index, f"this goes more than {MAX_DEPTH} levels deep; name the right file.")
        if aliases > MAX_ALIASES:
            raise source.unreadable(index, f"this has more than {MAX_ALIASES} aliases (*name); write the values out.")
        if values > MAX_VALUES:
            raise source.unreadable(index, f"this has more than {MAX_VALUES} values; give fewer documents at a time.")
