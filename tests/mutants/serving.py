"""Processes that stand ready, and are forked once for each fault: what costs time (imports, collecting) is done before, once.

A *warm* server has imported the program and collected the tests. A fault in a function's body is put there by giving the function, which
everybody holds, another code. A *cold* one has everything but the program and its tests: a fault in what a module's level makes is in
whatever is made of it, so there all is imported anew, the faulty module by `loading.py`.
"""

from __future__ import annotations

import functools
import gc
import importlib
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import CodeType, FunctionType
from typing import Final

import pytest

from tests.mutants.loading import install
from tests.mutants.mutate import Mutant, mutated
from tests.mutants.running import Watcher, collected, first_failure, opened

ROOT: Final = Path(__file__).parents[2]
COLD: Final = "cold"
"""A warm server's answer where the fault cannot be put into a living function."""
MEMORY: Final = 4 << 30
"""Bytes that a child may take: a fault may fill a list for ever."""
Task = tuple[Mutant | None, list[tuple[str, float]], float]
"""The fault; the tests by name, each with the CPU seconds that it may take; the seconds after which nobody waits any more."""


class Server:
    """One such process; it does one task at a time."""

    def __init__(self, serve: Callable[[Connection], None]) -> None:
        ours, theirs = Pipe()
        if (pid := os.fork()) == 0:
            try:
                ours.close()
                nowhere = os.open(os.devnull, os.O_RDWR)
                for at in (0, 1):
                    os.dup2(nowhere, at)
                serve(theirs)
            finally:
                os._exit(0)
        theirs.close()
        self.pid, self._pipe = pid, ours

    def ask(self, task: Task) -> str:
        """The first test that fails, or what else ended the child; "" where all pass."""
        self._pipe.send(task)
        told: str = self._pipe.recv()
        return told

    def close(self) -> None:
        """End it."""
        self._pipe.send(None)
        self._pipe.close()
        os.waitpid(self.pid, 0)


def warm(files: Sequence[str], unwanted: str) -> Callable[[Connection], None]:
    """A server for faults in functions, with these tests."""

    def serve(pipe: Connection) -> None:
        watcher = Watcher()
        items = {item.nodeid: item for item in collected(opened(watcher), files, unwanted)}
        living = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
        remembering = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper)]
        gc.freeze()

        def child(mutant: Mutant | None, tests: list[tuple[str, float]]) -> str:
            if mutant is not None and not _put(mutant, living):
                return COLD
            for one in remembering:
                one.cache_clear()
            return first_failure([items[name] for name, _ in tests], watcher, [limit for _, limit in tests])

        _serve(pipe, child)

    return serve


def cold(modules: Sequence[str], unwanted: str) -> Callable[[Connection], None]:
    """A server for faults in what is made at a module's level; `modules` are what else is imported."""

    def serve(pipe: Connection) -> None:
        watcher = Watcher()
        session = opened(watcher)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in modules:
                with suppress(Exception):
                    importlib.import_module(name)
        assert not any(name.partition(".")[0] == "validator" for name in sys.modules)
        gc.freeze()

        def child(mutant: Mutant | None, tests: list[tuple[str, float]]) -> str:
            if mutant is not None:
                install(mutant)
            limits = dict(tests)
            for file in dict.fromkeys(name.partition("::")[0] for name, _ in tests):
                signal.setitimer(signal.ITIMER_VIRTUAL, 60)
                found = {item.nodeid: item for item in collected(session, [file], unwanted)}
                if watcher.failed:
                    return watcher.failed
                wanted = [name for name, _ in tests if name.partition("::")[0] == file]
                if missing := [name for name in wanted if name not in found]:
                    return f"{missing[0]} is not there"
                if failed := first_failure([found[name] for name in wanted], watcher, [limits[name] for name in wanted]):
                    return failed
            return ""

        _serve(pipe, child)

    return serve


def _serve(pipe: Connection, run: Callable[[Mutant | None, list[tuple[str, float]]], str]) -> None:
    while (task := pipe.recv()) is not None:
        mutant, tests, patience_s = task
        reading, writing = os.pipe()
        if (pid := os.fork()) == 0:
            told = "it ends the process"
            try:
                gc.disable()  # it would touch, and so copy, all that the server has
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                told = run(mutant, tests)
            except pytest.Session.Failed as error:
                told = str(error)
            except BaseException as error:  # whatever a fault does, it was noticed
                told = f"{type(error).__name__}"
            finally:
                os.write(writing, f"={told}"[:2000].encode())
                os._exit(0)
        os.close(writing)
        pipe.send(_told(reading, pid, patience_s))


def _told(reading: int, pid: int, patience_s: float) -> str:
    until, text = time.monotonic() + patience_s, b""
    try:
        while True:
            ready, _, _ = select.select([reading], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                os.kill(pid, signal.SIGKILL)
                break
            if not (part := os.read(reading, 4096)):
                break
            text += part
    finally:
        os.close(reading)
        os.waitpid(pid, 0)
    return text[1:].decode() if text else "too late"


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _put(mutant: Mutant, living: Sequence[FunctionType]) -> bool:
    """Give the functions of the fault's module their faulty code; False where one cannot take it, or none is there."""
    path = str(ROOT / mutant.module)
    source = Path(path).read_text(encoding="utf-8")
    before = {(code.co_qualname, code.co_firstlineno): code for code in _codes(compile(source, path, "exec", dont_inherit=True))}
    after = compile(mutated(source, mutant.number), path, "exec", dont_inherit=True)
    changed = {key: code for code in _codes(after) if (key := (code.co_qualname, code.co_firstlineno)) in before and before[key] != code}
    done = 0
    for function in living:
        code = function.__code__
        new = changed.get((code.co_qualname, code.co_firstlineno)) if code.co_filename == path else None
        if new is not None and new.co_freevars != code.co_freevars:
            return False
        if new is not None:
            function.__code__ = new
            done += 1
    return done > 0
