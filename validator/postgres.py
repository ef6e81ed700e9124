"""A database on a Postgres: how a store's URL names it, what sentences call it, and what its errors mean. Opens nothing.

Names of variables and defaults are OSMO's (osmo.md section 8), so that an operator needs no second set of secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import SecretStr

from validator.errors import ConfigError, StoreError, StoreLost

SCHEMA: Final = "validator"
"""Where our tables are, in whosever database."""
SCHEME: Final = "osmo+postgresql"
_FROM_OSMO: Final = {
    "host": "OSMO_POSTGRES_HOST", "port": "OSMO_POSTGRES_PORT", "user": "OSMO_POSTGRES_USER", "password": "OSMO_POSTGRES_PASSWORD",
    "dbname": "OSMO_POSTGRES_DATABASE_NAME",
}  # fmt: skip
_DEFAULTS: Final[Mapping[str, str]] = {
    "dbname": "osmo", "connect_timeout": "5", "application_name": "validator",
    # A peer that is gone without a word is noticed within half a minute: its lock would hold up everybody.
    "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000",
}  # fmt: skip
_BY_STATE: Final[Mapping[str, tuple[type[StoreError] | type[StoreLost], str]]] = {
    "28P01": (StoreError, "the database {} refuses this user's password; correct `store`"),
    "28000": (StoreError, "the database {} does not let this user in; correct `store`, or its pg_hba.conf"),
    "3D000": (StoreError, "there is no database {}; correct `store`"),
    "42501": (StoreError, "the database {} does not allow what is needed to this user; give it the rights of deploy/sql/roles.sql"),
    "25006": (StoreError, "the database {} is read-only; name its primary server by `store`"),
    "42P01": (StoreError, "the database {} lacks a table that is read; is it the right database, and of a version that is known?"),
    "42703": (StoreError, "the database {} lacks a column that is read; is it of a version that is known?"),
    "42883": (StoreError, "the database {} lacks a function that is used; is it the right database, with hstore in its schema public?"),
    "55P03": (StoreError, "the database {} is locked by another process; try again when that one is done"),
    "57014": (StoreError, "the database {} took too long to answer; try again"),
    "40P01": (StoreError, "the database {} is locked by another process; try again when that one is done"),
    "53300": (StoreError, "the database {} has no connection left; try again, or raise its max_connections"),
    "53100": (StoreLost, "the disk of the database {} is full; make room and start again"),
    "22021": (StoreError, "a text to be stored holds a NUL character, which the database {} cannot keep"),
    "22P05": (StoreError, "a text to be stored holds a NUL character, which the database {} cannot keep"),
}
_CONNECTING: Final = (("password", "28P01"), ("pg_hba", "28000"), ("role ", "28000"), ("database ", "3D000"))
"""Words of what libpq says when it does not get in; it gives no code then."""


@dataclass(frozen=True, slots=True)
class Server:
    """How a database is reached: `conninfo` is libpq's, a password in it; `name` is what sentences call it."""

    conninfo: SecretStr = field(repr=False)
    name: str

    def parameters(self, **options: str) -> dict[str, Any]:
        """For `psycopg.connect`; each of `options` is a setting of the session. It holds the password."""
        parsed = _parsed(self.conninfo.get_secret_value())
        settings = " ".join(f"-c {name}={value}" for name, value in options.items())
        return {**parsed, "options": " ".join(filter(None, (str(parsed.get("options") or ""), settings)))}


def is_postgres(url: SecretStr | None) -> bool:
    """True if a `store` setting names one."""
    return url is not None and url.get_secret_value().partition(":")[0] == SCHEME


def server_of(url: SecretStr, environ: Mapping[str, str]) -> Server:
    """What `osmo+postgresql://…` names; what it leaves out is taken from OSMO's own variables. Raises ConfigError."""
    given = _parsed(url.get_secret_value().removeprefix("osmo+"))
    found = {name: environ[variable] for name, variable in _FROM_OSMO.items() if environ.get(variable)}
    whole = {**_DEFAULTS, **found, **given}
    host = whole.get("host") or "localhost"
    port = "" if "," in host or host.startswith("/") else f":{whole.get('port') or 5432}"
    from psycopg.conninfo import make_conninfo

    return Server(SecretStr(make_conninfo(**whole)), f"{whole['dbname']} at {host}{port}")


def _parsed(text: str) -> dict[str, Any]:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise ConfigError("a store in Postgres needs the program's extra `postgres`: install validator[postgres]") from None
    try:
        return {name: value for name, value in conninfo_to_dict(text).items() if value is not None}
    except ProgrammingError:  # its words quote the text, a password in it
        raise ConfigError(f"the store is no Postgres URL; write {SCHEME}://USER@HOST:5432/DATABASE") from None


def fault_of(error: BaseException, name: str) -> StoreError | StoreLost | None:
    """The sentence for an error of psycopg; None for anything else. Its own words may quote a row, and are not repeated."""
    import psycopg

    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate
    if state is None and isinstance(error, psycopg.OperationalError):
        said = str(error)
        state = next((code for word, code in _CONNECTING if word in said and "FATAL" in said), None)
    if state is None and isinstance(error, psycopg.DataError):
        state = "22021"  # psycopg itself refuses a NUL
    if is_lost(error) and state not in _BY_STATE:
        return StoreLost(f"the database {name} cannot be reached, or went away; see to it and start again")
    kind, sentence = _BY_STATE.get(state or "", (StoreLost, f"the database {{}} failed while in use (SQLSTATE {state}); start again"))
    return kind(sentence.format(name))


def is_lost(error: BaseException | None) -> bool:
    """True if the connection is gone, or could not be made: what it was asked may be asked of another one."""
    import psycopg

    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = error.sqlstate
    return state is None or state[:2] == "08" or state in ("57P01", "57P02", "57P03", "25P03")


__all__ = ["SCHEMA", "SCHEME", "Server", "fault_of", "is_lost", "is_postgres", "server_of"]
