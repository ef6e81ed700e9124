"""Runs a command: settings to result, every error one sentence with its exit code, and no traceback ever."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar

import typer
from typer.core import TyperCommand

from validator.cli.base.options import GLOBALS, LogLevel
from validator.errors import Exit, StoreLost, UsageError, ValidatorError

Made = TypeVar("Made")


class Command(TyperCommand):
    """A command that repeats no word too many: it may be a secret, typed where none is read."""

    allow_extra_args = True

    def invoke(self, ctx: Any) -> Any:  # the supertype's Context has no public name
        """Run it; raises typer.Exit with 2 for a word too many."""
        if ctx.args:
            fail(UsageError("there is a word too many on the command line; a secret is read from standard input or a file, never as an argument."))
        return super().invoke(ctx)


def leave(code: Exit | int) -> NoReturn:
    """End the command with `code`."""
    raise typer.Exit(int(code))


def say(text: str) -> None:
    """Words for people: to stderr, whatever its encoding can hold. Where nobody can read them, they are lost, and nothing else is."""
    with suppress(OSError):
        _write(sys.stderr, text + "\n")


def put(text: str) -> None:
    """A result: to stdout. One that nobody reads is no fault, and changes no exit code. Raises StoreLost for a full disk."""
    pour((text + "\n",))


def pour(chunks: Iterable[str]) -> None:
    """A result in pieces: as `put`."""
    try:
        for chunk in chunks:
            _write(sys.stdout, chunk)
    except BrokenPipeError:
        return
    except OSError as error:
        raise StoreLost(f"the result could not be written to standard output: {error.strerror}; what was done stays done.") from None


def _write(stream: Any, text: str) -> None:
    if stream is None:  # it was closed before we began
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def let_go() -> None:
    """At the end of the program: what still cannot be written is dropped, for the interpreter would end with a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def read_input(most: int = -1) -> bytes:
    """Standard input, at most `most` bytes of it. Raises UsageError where it gives nothing."""
    if sys.stdin is None:
        raise UsageError("standard input is closed; hand the text over by it, or name a file.")
    try:
        with _ended_by_ctrl_c():
            return sys.stdin.buffer.read(most)
    except OSError as error:
        raise UsageError(f"standard input cannot be read: {error.strerror}; hand the text over by it, or name a file.") from None


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """A loop's handler of SIGINT asks its task to end, which a read that waits never hears of."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):  # not ours to set; or it is ignored
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def fail(error: BaseException) -> NoReturn:
    """One sentence on stderr and the error's exit code; what is not ours is a bug: its type and place, never its text."""
    if isinstance(error, ValidatorError):
        from validator.protocol.base import clean_text

        say(f"validator: {clean_text(str(error))}")  # it may name a file or a user, and those may be called anything
        leave(error.exit_code)
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" in {frame.tb_frame.f_code.co_name}, line {frame.tb_lineno}" if frame is not None else ""
    say(f"validator: a fault of our own ({type(error).__name__}{place}); please report it. Nothing was said of any credential.")
    leave(Exit.OURS)


def run(main: Callable[[], Coroutine[Any, Any, Made]], *, level: LogLevel | None = None, json_lines: bool = False) -> Made:
    """Run `main` on a loop; errors end the command as `fail` says, Ctrl-C with 130. `level`: in place of `--log-level`."""
    from validator.logs import configure_logging

    configure_logging((level or GLOBALS.log_level).value, json=json_lines)
    try:
        return asyncio.run(main())
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        leave(130)
    except BaseExceptionGroup as group:
        found: BaseException = group
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        fail(found)
    except Exception as error:
        fail(error)


def long_run() -> None:
    """For commands that ask very many: what an exchange makes ends by itself, and looking for cycles every 700 objects is a tenth of the CPU."""
    gc.set_threshold(20_000, 20, 20)


def guarded(work: Callable[[], Made]) -> Made:
    """Run `work` (no loop) with the same ends as `run`."""
    try:
        return work()
    except ValidatorError as error:
        fail(error)
