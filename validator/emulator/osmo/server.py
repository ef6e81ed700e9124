"""A Postgres of one's own for a while: the installed one's programs, a child in a temporary folder, on a Unix socket alone.

It keeps nothing safe (fsync off), for nobody needs it, and is gone with the block that started it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

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
class LocalPostgres:
    """A server that runs. `folder` is its data's and its socket's."""

    bin: Path
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def run(self, program: str, *words: str) -> None:
        """One of its programs, which refuse to be root's. Raises CalledProcessError."""
        user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(  # noqa: S603  the installed Postgres' own programs
            [self.bin / program, *words], check=True, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=60, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, **user,  # type: ignore[call-overload]
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"), "-o", f"-k {self.folder} {options}", "start")

    def stop(self, how: str = "immediate") -> None:
        """End it: `fast` cuts every connection, `immediate` is a crash."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", how, "stop")

    def kill(self) -> None:
        """End it at once, whatever it does."""
        with suppress(OSError, ValueError, IndexError):
            os.kill(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)

    def url(self, database: str, user: str = "postgres") -> str:
        """The `store` setting of one database."""
        return f"osmo+postgresql://{user}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres", user: str = "postgres") -> Any:
        """A connection; every statement of it is a transaction."""
        import psycopg

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


@contextmanager
def running(kind: type[LocalPostgres] = LocalPostgres) -> Iterator[Any]:
    """A new server of this class, as long as the block lasts; one must be installed."""
    found = binaries()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path may have 107 bytes
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    one = kind(found, folder)
    try:
        making = ("-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions")
        one.run("initdb", "-D", str(folder / "data"), *making)
        one.start()
        yield one
    finally:
        one.kill()
        shutil.rmtree(folder, ignore_errors=True)
