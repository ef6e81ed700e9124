"""The far side of the fence: expands one Jinja template, as a program of its own that imports nothing of ours.

Started by `fence.py` as `python -I render.py`, with no environment. It binds itself before it reads a byte of the request: memory,
CPU time, wall clock, no new file, socket or process, no core file. Standard input: `{"template", "defaults" (YAML), "given",
"kept"}`. Standard output: an empty line once bound, then one JSON object: `{"text", "unset"}`, or `{"fault", "line"}`.

In "text" every line that the template's own text ends carries `NUL line NUL`, and a variable without a value is a mark.
"""

from __future__ import annotations

import contextlib
import html
import json
import pprint
import resource
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import jinja2
import jinja2.constants
import jinja2.debug
import yaml
from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

MEMORY: Final = 100 << 20
"""Bytes beyond what the program has when it starts its work, as in OSMO."""

CPU_S: Final = 1
WALL_S: Final = 2
"""OSMO's own fence is 0.5 s; a busy machine's minute is not the template's fault."""

MAX_REQUEST: Final = 8 << 20
MAX_TEXT: Final = 2 << 20
"""Characters of the expansion."""

_LATE: Final = (html, jinja2.constants, jinja2.debug, pprint, textwrap)
"""Imported late by Jinja's filters and by what they call: by then no file can be opened any more."""

_CAPTURED: Final = (nodes.AssignBlock, nodes.FilterBlock, nodes.CallBlock, nodes.Macro)
"""Text that the template itself may look at: it stays as it is, without marks."""


def bind() -> None:
    """Take from this process what a template does not need. What a system does not know is left out."""
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    held = _virtual_bytes()
    bounds = [
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, 3, 3),
        (resource.RLIMIT_NPROC, 0, 0),
        (resource.RLIMIT_DATA, held + MEMORY, held + MEMORY),
        (resource.RLIMIT_AS, held + MEMORY, held + MEMORY),
        (resource.RLIMIT_CPU, CPU_S, CPU_S + 1),
    ]
    for name, soft, hard in bounds:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(name, (soft, hard))
    signal.setitimer(signal.ITIMER_REAL, WALL_S)


def _virtual_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 256 << 20


def environment(met: list[str], unset: list[str]) -> SandboxedEnvironment:
    """OSMO's environment, but for one thing: a variable without a value, where it is only written, is noted in `unset` and marked.

    `met` gets every such variable that the template came upon, also where it has a default or breaks a call.
    """

    class Marked(jinja2.StrictUndefined):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            met.append(str(self._undefined_name))

        def __str__(self) -> str:  # type: ignore[override]  # the strict one never returns
            name = self._undefined_name
            if self._undefined_obj is not jinja2.utils.missing or not isinstance(name, str) or self._undefined_exception is not jinja2.UndefinedError:
                self._fail_with_undefined_error()
            if name not in unset:
                unset.append(name)
            return f"\ue000{unset.index(name)}\ue001"

    return SandboxedEnvironment(undefined=Marked, keep_trailing_newline=True)  # YAML, not HTML: nothing to escape


def mark_lines(node: nodes.Node) -> None:
    """Before each line feed of the template's own text, its line."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.TemplateData):
            first, *rest = child.data.split("\n")
            child.data = first + "".join(f"\0{child.lineno + at}\0\n{line}" for at, line in enumerate(rest))
        elif not isinstance(child, _CAPTURED):
            mark_lines(child)


def expand(request: dict[str, Any], met: list[str]) -> dict[str, Any]:
    """The answer to one request. Raises what Jinja, YAML and the fence raise."""
    defaults = yaml.safe_load(request["defaults"]) if request["defaults"] else {}
    values = {**(defaults.get("default-values") or {}), **request["given"], **request["kept"]}
    unset: list[str] = []
    rules = environment(met, unset)
    tree = rules.parse(request["template"])
    mark_lines(tree)
    size, pieces = 0, []
    for piece in rules.from_string(tree).generate(values):
        size += len(piece)
        if size > MAX_TEXT:
            return {"fault": "large"}
        pieces.append(piece)
    return {"text": "".join(pieces), "unset": unset}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """As `expand`; a fault by its kind and line, never by its words: those may hold a value."""
    met: list[str] = []
    try:
        return expand(request, met)
    except jinja2.TemplateSyntaxError as error:
        return {"fault": "syntax", "line": error.lineno}
    except jinja2.exceptions.SecurityError as error:
        return {"fault": "forbidden", "line": template_line(error)}
    except jinja2.UndefinedError as error:
        return {"fault": "unset", "line": template_line(error)}
    except MemoryError:
        return {"fault": "memory"}
    except Exception as error:  # whatever a template's own calls raise: the parent only learns that it failed, and where
        return {"fault": "unset" if met else "failed", "line": template_line(error)}


def template_line(error: BaseException) -> int | None:
    """The template's line that raised; Jinja puts it into the traceback."""
    found, line = error.__traceback__, None
    while found is not None:
        if found.tb_frame.f_code.co_filename == "<template>":
            line = found.tb_lineno
        found = found.tb_next
    return line


def main() -> None:
    SandboxedEnvironment().from_string(r"{{ ['\n'] | tojson }}").render()  # loads the codecs of Jinja's literals
    bind()
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    try:
        text = json.dumps(answer(json.loads(sys.stdin.buffer.read(MAX_REQUEST))))
    except MemoryError:
        text = '{"fault": "memory"}'
    sys.stdout.buffer.write(text.encode())


if __name__ == "__main__":
    main()
