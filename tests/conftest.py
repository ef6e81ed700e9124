"""What every test has: the network guard, the canary secret, the profiles of hypothesis, the shim for aioresponses.

Three things are made cheap here, for they were most of what a command costs in a test: the system's list of authorities is a single one
that nobody has, the tree of commands is built once a process, and a new database gets in one go what the revisions made of the first.

The guard is laid over this process's sockets when pytest starts: whatever dials an address that is not loopback
gets an AssertionError, and its test fails even where the program swallowed that error. Names are never looked up
outside: all but `localhost` and address literals are "not found". Child processes are not covered.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import Mock

import aioresponses.core
import hypothesis.configuration
import pytest
import structlog
import trustme
import typer.testing
from aiohttp import ClientResponse
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection

from tests.postgres.fixtures import house, osmo_database, postgres
from validator.ledger import engine
from validator.providers import image_questions, login_questions

__all__ = ["house", "osmo_database", "postgres"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it puts into the background, and all children of that
    signal.signal(signal.SIGINT, signal.default_int_handler)

DIALLED: Final[list[str]] = []
"""Addresses outside this machine that somebody tried since the test began."""

_connect, _connect_ex, _sendto, _getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto, socket.getaddrinfo


def _is_here(host: object) -> bool:
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return str(host) == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _guard(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
        DIALLED.append(f"{address[0]}:{address[1]}")
        raise AssertionError(f"a test dialled {address[0]}:{address[1]}, which is not on this machine")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    _guard(self, address)
    _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    _guard(self, address)
    return _connect_ex(self, address)


def _guarded_sendto(self: socket.socket, data: Any, *rest: Any) -> int:
    _guard(self, rest[-1])
    return _sendto(self, data, *rest)


def _guarded_getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name is None or name == "localhost" or _is_literal(str(name)):
        return _getaddrinfo(host, *rest, **named)
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _is_literal(text: str) -> bool:
    """True also for the odd spellings that the C library reads without asking anybody: `0x7f.0.0.2`, `127.2`, `2130706434`."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        try:
            socket.inet_aton(text)
        except (OSError, UnicodeError):
            return False
    return True


class _Response(ClientResponse):
    """aioresponses 0.7.9 builds a response without the writer that aiohttp >= 3.14.4 asks for."""

    def __init__(self, *args: Any, **named: Any) -> None:
        named.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **named)


def _one_authority(config: pytest.Config) -> None:
    """A list of 150 authorities is read in 25 ms, twice a command; no test knows anybody whom one of them vouches for."""
    folder = Path(tempfile.mkdtemp(prefix="validator-authority-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    trustme.CA().cert_pem.write_to_path(folder / "one.pem")
    os.environ["SSL_CERT_FILE"], os.environ["SSL_CERT_DIR"] = str(folder / "one.pem"), str(folder)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", action="store_true", help="run on Postgres everything that can be, also what takes long")


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _one_authority(config)
    typer.testing._get_command = functools.cache(typer.testing._get_command)  # type: ignore[attr-defined]  # it is imported there
    for name, guarded in (("connect", _guarded_connect), ("connect_ex", _guarded_connect_ex), ("sendto", _guarded_sendto)):
        setattr(socket.socket, name, guarded)
    socket.getaddrinfo = _guarded_getaddrinfo
    aioresponses.core.ClientResponse = _Response  # type: ignore[attr-defined]  # it has no stubs that say so
    hypothesis.configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "validator-hypothesis")
    slow = [HealthCheck.too_slow, HealthCheck.differing_executors]
    settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=100, suppress_health_check=slow)
    settings.register_profile("mutants", derandomize=True, deadline=None, database=None, max_examples=20, suppress_health_check=slow)
    settings.register_profile("fuzz", deadline=None, database=None, max_examples=5000, suppress_health_check=slow)
    if not config.getoption("--hypothesis-profile", default=None):
        settings.load_profile("ci")


@pytest.fixture(autouse=True)
def no_log_of_another() -> Iterator[None]:
    """A command that a test ran in this process logs to the stream of that test, which is closed after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def dialled() -> Iterator[list[str]]:
    """The addresses outside this machine that were tried; a test that leaves one here fails."""
    DIALLED.clear()
    yield DIALLED
    outside = tuple(DIALLED)
    DIALLED.clear()
    assert not outside, f"the test dialled {', '.join(outside)}"


_upgrade, _made_of = engine.upgrade, list[tuple[str, list[str]]]()


def _upgrade_as_before(connection: Connection, revision: str) -> None:
    """What the revisions made of the first empty database of this process, in the next ones by the same statements."""
    empty = connection.dialect.name == "sqlite" and not connection.exec_driver_sql("SELECT 1 FROM sqlite_master").all()
    known = next((made for of, made in _made_of if of == revision), None) if empty else None
    if known is not None:
        for statement in known:
            connection.exec_driver_sql(statement)
        return
    _upgrade(connection, revision)
    if empty:
        schema = [row[0] for row in connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")]
        names = [row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
        filled = {name for name in names if connection.exec_driver_sql(f"SELECT 1 FROM {name} LIMIT 1").all()}
        if filled <= {"alembic_version"}:
            at = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
            _made_of.append((revision, [*schema, f"INSERT INTO alembic_version VALUES ('{at}')"]))


@pytest.fixture(autouse=True)
def made_in_one_go(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The revisions run once a process; the tests that are about them run them each time."""
    if request.path.stem not in ("test_migrations", "test_engine"):
        monkeypatch.setattr(engine, "upgrade", _upgrade_as_before)


WAITS: Final = {
    f"{module.__name__}.{name}": getattr(module, name) for module, name in ((login_questions, "PING_AGAIN_S"), (image_questions, "FRESH_TOKEN_S"))
}
"""The waits of a conversation that no setting shortens, as they are."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that is looked at twice, and a token that is got anew, are two seconds apart; here a moment, for dozens of tests come to it."""
    for name in WAITS:
        monkeypatch.setattr(name, 0.02)


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """`program("skopeo")` is its path; without it the test is skipped, and fails when CI=true: there it must have run."""

    def found(name: str) -> str:
        path = shutil.which(name)
        if path is None and os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed, and CI=true skips nothing; .ci/run installs it")
        if path is None:
            pytest.skip(f"{name} is not installed (Debian: docker-registry, skopeo, nginx-light, apache2-utils for htpasswd)")
        return path

    return found


@pytest.fixture
def at_length(request: pytest.FixtureRequest) -> None:
    """The test takes too long for the suite: `make postgres` runs it."""
    if not request.config.getoption("--postgres"):
        pytest.skip("it takes long; `make postgres` runs it")


@pytest.fixture
def canary() -> str:
    """The planted secret: printable, long, with a character that URLs and JSON quote, of no token's shape."""
    return 'CANARY/9f3c "kestrel" & 17'
