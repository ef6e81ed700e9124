"""Renders the chart by the few things of Helm's language that its templates use; Helm itself is not there to be asked.

`{{ .Values.a.b }}`, `{{ .Release.Name }}`, `{{ . }}`, `if` (with an `else`), `range` and `define` up to their `end`, `include NAME .` and `toYaml` with `nindent N`;
`{{-` cuts the white space before it. Whatever else stands in a template is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

CHART: Final = Path(__file__).parents[2] / "deploy" / "helm" / "validator"
RELEASE: Final = "trial"
_TAG: Final = re.compile(r"(?P<cut>\s*\{\{-|\{\{)\s*(?P<word>.*?)\s*\}\}", re.DOTALL)


def values() -> dict[str, Any]:
    """The chart's own."""
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def merged(below: Any, above: Any) -> Any:
    """As `--set` and `--values` lay values over others."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}


class Rendering:
    """One rendering of all templates."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.scope = {"Values": given, "Release": {"Name": RELEASE}}
        self.defined: dict[str, str] = {}

    def documents(self) -> list[dict[str, Any]]:
        """Every object."""
        for path in sorted((CHART / "templates").glob("*.tpl")):
            self.text(path.read_text(), None)
        texts = [self.text(path.read_text(), None) for path in sorted((CHART / "templates").glob("*.yaml"))]
        return [one for text in texts for one in yaml.safe_load_all(text) if one is not None]

    def text(self, template: str, dot: Any) -> str:
        """A template rendered."""
        said = ""
        rest = template
        while (tag := _TAG.search(rest)) is not None:
            said += rest[: tag.start()]
            rest = rest[tag.end() :]
            keyword, _, words = tag["word"].partition(" ")
            if keyword in ("if", "range", "define"):
                inner, rest = _block(rest)
                said += "".join(self._of(keyword, words, inner, dot))
            else:
                said += self._shown(tag["word"], dot)
        return said + rest

    def _of(self, keyword: str, words: str, inner: str, dot: Any) -> Iterator[str]:
        if keyword == "define":
            self.defined[words.strip('"')] = inner
        elif keyword == "range":
            yield from (self.text(inner, item) for item in self._value(words, dot))
        else:
            yes, no = _halves(inner)
            yield self.text(yes if self._value(words, dot) else no, dot)

    def _shown(self, word: str, dot: Any) -> str:
        what, _, how = word.partition(" | ")
        keyword, _, rest = what.partition(" ")
        if keyword == "include":
            text = self.text(self.defined[rest.split()[0].strip('"')], None).strip("\n")
        elif keyword == "toYaml":
            text = yaml.safe_dump(self._value(rest, dot), sort_keys=False).rstrip("\n")
        else:
            assert not rest, f"not understood: {word}"
            return str(self._value(what, dot))
        depth = re.fullmatch(r"nindent (\d+)", how)
        assert depth, f"not understood: {word}"
        return "\n" + "\n".join(" " * int(depth[1]) + line if line else line for line in text.splitlines())

    def _value(self, path: str, dot: Any) -> Any:
        assert path.startswith("."), f"not understood: {path}"
        found: Any = dot if path == "." else self.scope
        for part in path.strip(".").split(".") if path != "." else ():
            found = found[part]
        return found


def _block(text: str) -> tuple[str, str]:
    """What stands before the matching `end`, and what comes after it."""
    depth, at = 1, 0
    while depth:
        tag = _TAG.search(text, at)
        assert tag is not None, "a block without an end"
        keyword = tag["word"].split()[0]
        depth += (keyword in ("if", "range", "define")) - (keyword == "end")
        if not depth:
            return text[: tag.start()], text[tag.end() :]
        at = tag.end()
    raise AssertionError


def _halves(inner: str) -> tuple[str, str]:
    """What stands before an `else` of this block, and what comes after it."""
    depth, at = 0, 0
    while (tag := _TAG.search(inner, at)) is not None:
        keyword = tag["word"].split()[0]
        if keyword == "else" and not depth:
            return inner[: tag.start()], inner[tag.end() :]
        depth += (keyword in ("if", "range", "define")) - (keyword == "end")
        at = tag.end()
    return inner, ""


def rendered(**given: Any) -> list[dict[str, Any]]:
    """Every object with these values over the chart's own."""
    return Rendering(merged(values(), given)).documents()
