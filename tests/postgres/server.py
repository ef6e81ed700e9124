"""A Postgres of the tests' own: Debian's, started as a child in a folder of its own, on a Unix socket alone, gone with the session.

It keeps nothing safe (fsync off), for nobody needs it. Each database of a test is a copy of one that the revisions made once.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from pydantic import SecretStr

from validator.postgres import Server, server_of

SETTINGS: Final = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB", "max_connections": "200",
    "listen_addresses": "''", "autovacuum": "off", "max_wal_size": "256MB", "lc_messages": "C",
}  # fmt: skip


def binaries() -> Path | None:
    """The folder of the newest Postgres that is installed; None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program is not None else None


@dataclass(slots=True)
class Postgres:
    """A server that runs. `folder` is its data's and its socket's."""

    bin: Path
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def _run(self, program: str, *words: str) -> None:
        user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(
            [self.bin / program, *words], check=True, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=60, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, **user,  # type: ignore[call-overload]
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"), "-o", f"-k {self.folder} {options}", "start")

    def stop(self, how: str = "immediate") -> None:
        """End it: `fast` cuts every connection, `immediate` is a crash."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", how, "stop")

    def kill(self) -> None:
        """End it at once, whatever it does."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            os.kill(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)

    def url(self, database: str, user: str = "postgres") -> str:
        """The `store` setting of one database."""
        return f"osmo+postgresql://{user}@/{database}?host={self.folder}"

    def server(self, database: str, user: str = "postgres") -> Server:
        """The same as the program has it."""
        return server_of(SecretStr(self.url(database, user)), {})

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection of the test's own; every statement of it is a transaction."""
        return psycopg.connect(host=str(self.folder), user=user, dbname=database, autocommit=True)

    def database(self, template: str = "template0") -> str:
        """The name of a new database, a copy of `template`."""
        name = f"t{next(self.numbers)}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, database: str) -> None:
        """Remove it, whoever is connected."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """A new server, as long as the block lasts."""
    found = binaries()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    one = Postgres(found, folder)
    try:
        one._run(
            "initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"
        )
        one.start()
        yield one
    finally:
        one.kill()
        shutil.rmtree(folder, ignore_errors=True)
