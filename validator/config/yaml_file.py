"""One settings file: YAML text to plain values, with the line of every key.

The grammar is YAML's safe subset. A key that stands twice is an error here: YAML itself would keep the last silently.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from validator.errors import ConfigError

MAX_BYTES: Final = 1 << 20  # a settings file is some kilobytes; what is larger is another file

Where = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says: its values, and the line (from 1) of each key by its path of keys."""

    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Where, int] = field(default_factory=dict)


def read_document(path: Path) -> Document:
    """The document in `path`; raises ConfigError (file, line, what to do; no value) and FileNotFoundError if it is not there."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise ConfigError(f"The settings file {path} cannot be read ({error.strerror}); check the path and its permissions.") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"The settings file {path} is larger than 1 MiB; name the right file.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"The settings file {path} is not UTF-8 text; save it as UTF-8.") from None
    return parse_document(text, path)


def parse_document(text: str, path: Path) -> Document:
    """The document that `text` is; `path` is for the sentences. Raises ConfigError."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            lines: dict[Where, int] = {}
            if root is not None:
                _walk(root, (), lines, path, frozenset())
            values = loader.construct_document(root) if root is not None else {}
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f", line {mark.line + 1}" if mark is not None else ""
        hint = ' (a key "*" needs its quotes)' if "alias" in f"{error.context} {error.problem}" else ""
        raise ConfigError(f"The settings file {path}{at} is not valid YAML{hint}; mend it there or just above.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise ConfigError(f"The settings file {path}, line {line} holds a character that YAML does not allow; remove it.") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"The settings file {path} is not valid YAML; mend it.") from None
    if values is None:
        return Document()
    if not isinstance(values, dict):
        raise ConfigError(f"The settings file {path} must be a mapping of settings (key: value); compare config/validator.yaml.")
    return Document(values, lines)


def _walk(node: yaml.Node, where: Where, lines: dict[Where, int], path: Path, above: frozenset[int]) -> None:
    """Note the line of every key under `node`; refuses a key twice, a key that is no text, and a loop of aliases."""
    if id(node) in above:
        raise ConfigError(f"The settings file {path}, line {node.start_mark.line + 1} refers to itself; write the value out.")
    above |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag not in _KEYS:
                raise ConfigError(f"The settings file {path}, line {line} has a key that is no text; put quotes around it.")
            if key.value in seen:
                raise ConfigError(f"The settings file {path}, line {line} has the key of line {seen[key.value]} again; keep one.")
            seen[key.value] = lines[(*where, key.value)] = line
            _walk(value, (*where, key.value), lines, path, above)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*where, str(index))] = item.start_mark.line + 1
            _walk(item, (*where, str(index)), lines, path, above)


_KEYS: Final = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:int", "tag:yaml.org,2002:merge"})
