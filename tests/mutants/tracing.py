"""Which lines of what decides each pure test runs, measured once: a fault is then shown to those tests alone that come by it.

Lines that run while modules are imported and tests are collected are kept apart: a fault there is in whatever was made of them.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import os
import pickle
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from tests.mutants.running import Watcher, collected, opened

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Test:
    """One pure test; `seconds` of its own."""

    name: str
    seconds: float

    @property
    def file(self) -> str:
        """Its file, from the root."""
        return self.name.partition("::")[0]


@dataclass(frozen=True)
class Traced:
    """The tests in their order; of a line of a file, the tests that run it as bits of a number; the lines that run at import."""

    tests: tuple[Test, ...]
    lines: dict[tuple[str, int], int]
    imported: frozenset[tuple[str, int]]
    modules: tuple[str, ...]
    """Everything that was imported and is not of this project: what a server may have loaded before."""

    def of(self, module: str, lines: tuple[int, int]) -> list[int]:
        """The tests, by number, that run one of these lines, the quickest first."""
        bits = functools.reduce(lambda all_, at: all_ | self.lines.get((module, at), 0), range(lines[0], lines[1] + 1), 0)
        return sorted((at for at in range(len(self.tests)) if bits >> at & 1), key=lambda at: self.tests[at].seconds)

    def at_import(self, module: str, lines: tuple[int, int]) -> bool:
        """True if one of these lines runs before any test does."""
        return any((module, at) in self.imported for at in range(lines[0], lines[1] + 1))


class Tracer:
    """`sys.settrace` for the files in question alone."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.wanted = {str(ROOT / name): name for name in modules}
        self.seen: set[tuple[str, int]] = set()
        self._known: dict[CodeType, Callable[..., Any] | None] = {}

    def __call__(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        """The tracer of a frame; None for those of other files."""
        code = frame.f_code
        if code not in self._known:
            name = self.wanted.get(code.co_filename)
            self._known[code] = self._local(name) if name is not None else None
        found = self._known[code]
        if found is not None:
            found(frame, event, argument)
        return found

    def _local(self, name: str) -> Callable[..., Any]:
        def local(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
            self.seen.add((name, frame.f_lineno))
            return local

        return local

    def taken(self) -> frozenset[tuple[str, int]]:
        """What was seen since the last time."""
        seen, self.seen = frozenset(self.seen), set()
        return seen


def traced(modules: Sequence[str], tests: Sequence[str], unwanted: str) -> Traced:
    """Run the tests under the tracer; kept in the temporary folder for as long as neither program nor tests change."""
    path = Path(tempfile.gettempdir()) / f"validator-mutants-{os.getuid()}-{_stamp([*modules, *tests, unwanted])}.pickle"
    if path.exists():
        found: Traced = pickle.loads(path.read_bytes())
        return found
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.close(reading)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            with os.fdopen(writing, "wb") as out:
                pickle.dump(_trace(modules, tests, unwanted), out)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as back:
        raw = back.read()
    os.waitpid(child, 0)
    made = pickle.loads(raw) if raw else "the tests cannot be run at all"
    if isinstance(made, str):
        raise SystemExit(f"the tests fail without any fault: {made}")
    path.write_bytes(raw)
    measured: Traced = made
    return measured


def _stamp(words: Sequence[str]) -> str:
    digest = hashlib.sha256(repr(words).encode())
    for path in sorted([*(ROOT / "validator").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "tests").rglob("*.json*")]):
        digest.update(f"{path}{path.stat().st_size}".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def _trace(modules: Sequence[str], tests: Sequence[str], unwanted: str) -> Traced | str:
    tracer, watcher = Tracer(modules), Watcher()
    session = opened(watcher)
    sys.settrace(tracer)
    items = collected(session, tests, unwanted)
    imported = tracer.taken()
    lines: dict[tuple[str, int], int] = defaultdict(int)
    found = []
    # what a test finds remembered it would not run: each is to begin with nothing
    remembering = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper) and one.__module__.startswith("validator")]
    for at, item in enumerate(items):
        for one in remembering:
            one.cache_clear()
        began = time.process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=items[at + 1] if at + 1 < len(items) else None)
        found.append(Test(item.nodeid, time.process_time() - began))
        for line in tracer.taken():
            lines[line] |= 1 << at
    sys.settrace(None)
    if watcher.failed:
        return watcher.failed
    third = tuple(name for name in sys.modules if name.partition(".")[0] not in ("validator", "tests", "__main__", "conftest"))
    return Traced(tuple(found), dict(lines), imported, third)
