"""A ledger on a Postgres: one writer at a time over all processes, snapshots beside him, and a server that restarts is waited for.

What SQLite's one writer is, is here a lock of the transaction that each write takes first: what it reads then cannot change
before what it writes, and no two processes count the same place of a budget. Its holder is let go by the server when its
connection ends or it does nothing for a minute.
"""

from __future__ import annotations

import time
from typing import Any, Final

from sqlalchemy import NullPool, RootTransaction, create_engine
from sqlalchemy.exc import DBAPIError

from validator.ledger.base.threads import OneThread
from validator.postgres import SCHEMA, Server, is_lost

LOCK: Final = 0x76616C6964
"""The number of the writers' lock, ours in whosever database."""
LOCK_S: Final = 30
"""How long a write waits for another's."""
RIDE_OUT_S: Final = 30.0
"""How long a server that went away is waited for before a transaction: a restart takes seconds."""
_SESSION: Final = {
    "search_path": SCHEMA, "TimeZone": "UTC", "lock_timeout": f"{LOCK_S}s", "idle_in_transaction_session_timeout": "60s", "statement_timeout": "300s",
}  # fmt: skip


class ServerThread(OneThread):
    """One connection to a server in a thread of its own; `writes`: under the lock, else on a snapshot that cannot write."""

    def __init__(self, server: Server, *, writes: bool, ride_out_s: float = RIDE_OUT_S) -> None:
        import psycopg

        mode = {} if writes else {"default_transaction_isolation": r"repeatable\ read", "default_transaction_read_only": "on"}
        parameters = server.parameters(**_SESSION, **mode)

        def connect() -> Any:
            return psycopg.connect(**parameters)

        super().__init__(create_engine("postgresql+psycopg://", creator=connect, hide_parameters=True, poolclass=NullPool, use_native_hstore=False))
        self._first = f"SELECT pg_advisory_xact_lock({LOCK})" if writes else "SELECT 1"
        self._ride_out_s = ride_out_s

    def begun(self) -> RootTransaction:
        """A transaction on a connection that lives: its first statement tells, and nothing is lost with it."""
        until, pause_s = time.monotonic() + self._ride_out_s, 0.05
        while True:
            try:
                connection = self.connected()
                transaction = connection.begin()
                try:
                    connection.exec_driver_sql(self._first)
                except BaseException:
                    transaction.close()
                    raise
                return transaction
            except DBAPIError as error:
                if not is_lost(error.orig) or time.monotonic() + pause_s > until:
                    raise
            time.sleep(pause_s)  # this thread's own: the loop goes on
            pause_s = min(1.0, pause_s * 2)

    async def others_version(self) -> object:
        """None: nobody counts the commits of others there."""
        return None

    async def scrub(self) -> None:
        """Nothing: deleted rows are the server's to clear."""
