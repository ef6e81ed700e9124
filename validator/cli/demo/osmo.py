"""What `validator demo --osmo` has beside the registries: a Postgres of OSMO's shape, filled from what they know, and its rows compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from validator.cli.base.running import put
from validator.cli.demo.base import Compared, Kept, statuses_compared
from validator.errors import UsageError

if TYPE_CHECKING:
    from validator.emulator.osmo import Stored
    from validator.emulator.osmo.server import LocalPostgres

USERS: Final = 200
_ROLES: Final = """
CREATE ROLE validator LOGIN NOSUPERUSER;
CREATE SCHEMA validator AUTHORIZATION validator;
GRANT SELECT ON public.credential, public.ueks, public.profile TO validator;
GRANT SELECT (key, value, type) ON public.configs TO validator;
"""
"""What deploy/sql/roles.sql comes to in a database that nobody else is in."""
WORKFLOW: Final = """workflow:
  name: demo
  tasks:
  - {name: train, lead: true, image: 'nvcr.io/acme/research/trainer:latest'}
"""
VIEW: Final = "SELECT state, coalesce(reason, '') FROM validator.credential_status"
_LOST: Final = "lost"
_SHOWN, _WIDE = 12, 160
"""Lines at each end of a long output, and how wide they may be."""


def cut(text: str) -> str:
    """A long output's two ends."""
    lines = [line if len(line) <= _WIDE else f"{line[: _WIDE - 1]}…" for line in text.splitlines()]
    return "\n".join([*lines[:_SHOWN], f"   … ({len(lines) - 2 * _SHOWN} lines left out)", *lines[-_SHOWN:]] if len(lines) > 2 * _SHOWN else lines)


def built(stack: AsyncExitStack, folder: Path, kinds: Sequence[Kept]) -> tuple[LocalPostgres, list[Stored]]:
    """Start it and fill it; what it holds. Raises UsageError where no Postgres is installed."""
    from validator.emulator.osmo import Osmo
    from validator.emulator.osmo.server import binaries, running

    if binaries() is None:
        raise UsageError("no PostgreSQL is installed on this machine (Debian: postgresql); install it, or run `validator demo`.")
    server: LocalPostgres = stack.enter_context(running())
    with server.connect() as connection:
        connection.execute("CREATE DATABASE osmo")
    house = _credentials(kinds)
    with server.connect("osmo") as connection:
        number = Osmo(connection, folder / "mek.yaml").fill(house)
        connection.execute(_ROLES)
    put(f"   {USERS} users, {number} registry credentials, of which OSMO's own reader has damaged {sum(one.layers > 1 for one in house)}.")
    return server, house


def _credentials(kinds: Sequence[Kept]) -> list[Stored]:
    """Two a user, of what the registries know; every fiftieth user left out a username, and OSMO sealed that over."""
    from validator.emulator.osmo import Stored

    found = list[Stored]()
    for number in range(USERS):
        user = f"user-{number:03d}@example.org"
        for one in (kinds[number % len(kinds)], kinds[(number + 3) % len(kinds)]):
            found.append(Stored(user, one.name, one.registry, one.username, one.secret))
        if number % 50 == 49:
            found.append(Stored(user, _LOST, "registry.example.org", "", "a secret that nobody asks about", layers=2))
    return found


def compared_with(house: Sequence[Stored], kinds: Sequence[Kept], rows: Sequence[Mapping[str, Any]]) -> list[Compared]:
    """Each credential's truth beside its row of `status --format json`."""
    by_name = {one.name: one for one in kinds}
    kept = [
        Kept(one.user, one.name, one.profile, one.username, one.secret, kind.repository, kind.truth)
        for one in house if (kind := by_name.get(one.name)) is not None
    ]  # fmt: skip
    lost = [row for row in rows if row["name"] == _LOST]
    wanted = sum(one.name == _LOST for one in house)
    found = sum(row["reason"] == "username_lost" for row in lost)
    return [*statuses_compared(kept, rows), Compared("usernames that OSMO lost", "damaged rows", f"{wanted} seen", f"{found} seen")]


def summed(lines: Sequence[Compared]) -> list[Compared]:
    """One line for all users of one credential."""
    found: dict[Compared, int] = Counter(
        Compared(line.what.partition("'s ")[2] if "'s " in line.what and "@" in line.what else line.what, line.truth, line.expected, line.found)
        for line in lines
    )  # fmt: skip
    return [Compared(f"{line.what} × {number}" if number > 1 else line.what, line.truth, line.expected, line.found) for line, number in found.items()]


def osmos_rows(server: LocalPostgres) -> list[Any]:
    """All that is OSMO's, to see that nobody wrote it."""
    return [asked(server, f"SELECT * FROM public.{name} ORDER BY 1, 2") for name in ("credential", "ueks", "profile", "users")]  # noqa: S608  names of ours


def asked(server: LocalPostgres, query: str) -> list[Any]:
    """The answer's rows."""
    with server.connect("osmo") as connection:
        return list(connection.execute(query).fetchall())
