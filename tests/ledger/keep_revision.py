"""Keeps a database of the newest revision with rows in every table, as SQL text: `python -m tests.ledger.keep_revision`.

Run it once for each new revision, before the release that brings it; a kept file is never written again. All keys in it are
made for this one purpose.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from validator.credential import Credential, parse_scope
from validator.ledger import Embedded, open_embedded
from validator.ledger.base.sweeping import QUEUES
from validator.ledger.base.tables import HEAD
from validator.ledger.budgets import BudgetClass, Reservation
from validator.ledger.controls import AnonymousResult, ControlKey, ControlResult
from validator.ledger.history import Event
from validator.ledger.notices import Route
from validator.ledger.plans import PlanRow
from validator.ledger.statuses import StatusKey, StatusRow
from validator.ledger.sweeps import Filters, LaneRow
from validator.ledger.tokens import Scope
from validator.status import State, Transition
from validator.stores.sqlite import SqliteStore

KEPT = Path(__file__).parent / "kept"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SECRET = SecretStr("nvapi-kept-EXAMPLE")


async def fill(embedded: Embedded) -> None:
    """At least one row in every table."""
    ledger, prints = embedded.ledger, embedded.keys.fingerprinter
    scope = parse_scope("nvcr.io/acme")
    store = SqliteStore(embedded.database, embedded.keys.master)
    credential = Credential(user="ann", name="ngc", scope=scope, username="$oauthtoken", secret=SECRET, written="nvcr.io/acme")
    stored = await store.put(credential, proof="nvcr.io/acme/app:1")
    fingerprint = prints.of("nvcr.io", "$oauthtoken", SECRET)
    key = StatusKey("ann", scope, fingerprint, stored.row)
    row = StatusRow(key=key, name="ngc", state="alive", verdict="valid", reason="login_accepted", level="login", checked_at=NOW)
    await ledger.statuses.put(row)
    await ledger.facts.accepted("nvcr.io", fingerprint, proven=True, now=NOW)
    await ledger.repositories.add(fingerprint, "acme/app", now=NOW)
    await ledger.challenges.put("nvcr.io", scheme="Bearer", realm="https://nvcr.io/proxy_auth", provider="ngc", now=NOW)
    control = ControlKey(host="nvcr.io", realm="https://nvcr.io/proxy_auth", service="", scheme="Bearer", step="login")
    await ledger.controls.put(control, ControlResult.REFUSED, now=NOW)
    await ledger.anonymous_controls.put("nvcr.io", "acme/app", AnonymousResult.REFUSED, status=401, now=NOW)
    await ledger.platforms.put("sha256:aa", "index", [{"os": "linux", "architecture": "amd64"}])
    await ledger.illness.add("nvcr.io", "timeout", now=NOW - timedelta(minutes=5))
    await ledger.slots.pause("nvcr.io", NOW.timestamp() + 60, banned=False)
    place = await ledger.budgets.reserve(
        "nvcr.io",
        name=prints.name("nvcr.io", "$oauthtoken"),
        budget_class=BudgetClass.CONTROL,
        windows={3600: 20},
        username_windows={},
        now=NOW,
        first_ever=False,
    )
    assert isinstance(place, Reservation)
    await ledger.budgets.settle(place, True, now=NOW)
    await ledger.users.change("ann", lambda user: replace(user, address="ann@example.org"))
    await ledger.history.add(Event(
        id="ab" * 16, key=key, name="ngc", sweep="kept", at=NOW, transition=Transition.DIED, state_before=State.ALIVE, state_after=State.DEAD,
        verdict="invalid", reason="refused", since=NOW - timedelta(hours=1),
    ))  # fmt: skip
    await ledger.together(lambda parts: parts.digests.compose("kept", NOW, route=lambda user: Route(("mailto",))))
    await ledger.tokens.create("kept", [Scope.READ], "ann", now=NOW)
    await ledger.alerts.raise_("lane_quarantined", "nvcr.io", {"died": 30}, now=NOW)
    sweep = await ledger.sweeps.begin("kept", Filters(), "nobody", now=NOW)
    await ledger.sweeps.put_lanes(LaneRow(sweep="kept", host="nvcr.io", credentials=1))
    await ledger.sub_lanes.split("kept", "nvcr.io", 2)
    await embedded.database.write_in_one(lambda connection: connection.execute(QUEUES.insert().values(name="kept", version="3.10.0")))
    plan = PlanRow(sweep=sweep.id, user="ann", name="ngc", host="nvcr.io", path="acme", row=stored.row, fingerprint=fingerprint)
    await ledger.plans.add([plan])
    await ledger.lanes.take("nvcr.io", "nobody", now=NOW)
    await ledger.schedules.take("sweep", NOW)


async def main() -> None:
    """Writes `kept/REVISION.sql` and `kept/REVISION.key`; raises FileExistsError if they are there."""
    with tempfile.TemporaryDirectory() as folder:
        path, key = Path(folder) / "validator.db", Path(folder) / "master.key"
        async with open_embedded(path, key) as embedded:
            await fill(embedded)
        with closing(sqlite3.connect(path)) as connection, (KEPT / f"{HEAD}.sql").open("x") as dump:
            dump.write("\n".join(connection.iterdump()) + "\n")
        with (KEPT / f"{HEAD}.key").open("x") as copy:
            copy.write(key.read_text())


if __name__ == "__main__":
    asyncio.run(main())
