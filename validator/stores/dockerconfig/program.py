"""Asks one of docker's credential helpers, a program named `docker-credential-NAME`, for what it keeps of one registry.

It is found on PATH alone, never in the current folder; it is given the registry's name on standard input, no secret, no shell, an
environment of named variables only, and a time; of what it says only the answer is read, and an error of it is never shown.
Its protocol: docker/docker-credential-helpers, `client/command.go`.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from validator.stores.dockerconfig.base.values import Fields, NoConfig, read_json

LIMIT_S: Final = 10.0
"""Cloud helpers fetch a token over the network; a keychain that asks a person for its password would take for ever."""
MOST: Final = 64 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_FOUND: Final = b"credentials not found in native keychain"

PASSED: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_[A-Z]+|TZ|DISPLAY|WAYLAND_DISPLAY|DBUS_SESSION_BUS_ADDRESS|XDG_[A-Z_]+|GNUPGHOME|GPG_TTY"
    r"|PASSWORD_STORE_[A-Z_]+|DOCKER_CONFIG|SSL_CERT_(FILE|DIR)|(https?|no)_proxy|(HTTPS?|NO)_PROXY"
    r"|AWS_[A-Z0-9_]+|GOOGLE_[A-Z_]+|CLOUDSDK_[A-Z0-9_]+|AZURE_[A-Z_]+|ACR_[A-Z_]+"
)
"""Variables that keychains, `pass` and the clouds' own helpers need. Ours (a store's URL, a canary) are not among them."""


class ProgramFault(Exception):
    """A program that gave no answer; the message is a clause that says why, and nothing that the program said."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a program keeps. A username `<token>` says that the secret is an identity token."""

    username: str
    secret: SecretStr


async def ask_program(name: str, server: str, environ: Mapping[str, str], *, limit_s: float = LIMIT_S) -> Kept | None:
    """What `docker-credential-{name}` keeps of `server`; None if that is nothing. Raises ProgramFault."""
    if not _NAME.fullmatch(name):
        raise ProgramFault("its credential helper has a name that no program has")
    called = f"docker-credential-{name}"
    path = found_on_path(called, environ)
    if path is None:
        raise ProgramFault(f"the program {called} is not on PATH")
    passed = {key: value for key, value in environ.items() if PASSED.fullmatch(key)}
    try:
        process = await asyncio.create_subprocess_exec(
            path, "get", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=passed, cwd="/", start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise ProgramFault(f"the program {called} cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(limit_s):
            said = await _talk(process, server)
            code = await process.wait() if said is not None else None
    except TimeoutError:
        raise ProgramFault(f"the program {called} gave no answer in {limit_s:g} s") from None
    finally:
        await _end(process)
    if said is None:
        raise ProgramFault(f"the program {called} said more than is read")
    if code != 0:
        if _NOT_FOUND in said:
            return None
        raise ProgramFault(f"the program {called} failed (exit code {code}); run it by hand to see why")
    return _kept(said, called)


def found_on_path(called: str, environ: Mapping[str, str]) -> str | None:
    """The program by this name in the folders of PATH, but for those that hang on the current one."""
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder) / called
        if Path(folder).is_absolute() and path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return None


async def _talk(process: asyncio.subprocess.Process, server: str) -> bytes | None:
    """All that it says on standard output; None if that is too much."""
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    with suppress(BrokenPipeError, ConnectionResetError):  # it need not read what it is told
        process.stdin.write(server.encode())
        await process.stdin.drain()
    process.stdin.close()
    said = b""
    while piece := await process.stdout.read(MOST):
        said += piece
        if len(said) > MOST:
            return None
    return said


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let nothing of one that gave no answer run on: what it started is of its own session. Its pipe is read to its end, to be closed."""
    if process.returncode is not None:
        return  # what it left running is not ours to end: an agent that keeps a key open
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            while process.stdout is not None and await process.stdout.read(MOST):
                pass
    await process.wait()


def _kept(said: bytes, called: str) -> Kept | None:
    try:
        answer = read_json(said)
    except NoConfig:
        answer = None
    if not isinstance(answer, Fields):
        raise ProgramFault(f"the program {called} gave an answer that is no JSON object")
    username, secret = answer.get("username"), answer.get("secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise ProgramFault(f"the program {called} gave an answer without Username and Secret")
    return Kept(username, SecretStr(secret)) if secret else None
