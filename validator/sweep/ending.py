"""What a sweep leaves: what the operator is to know of its lanes and rows, and nothing that is older than it is kept."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timedelta

from validator.ledger import Ledger
from validator.ledger.reports import UNREADABLE
from validator.ledger.sweeps import SweepRow
from validator.stores.base import CredentialStore
from validator.sweep.base.book import SHOWN, Book
from validator.sweep.lane import Lane
from validator.telling import Alert, Teller


async def alert_of(teller: Teller, lane: Lane) -> None:
    """What the operator is to know of a lane, and what is over."""
    alert, host, canary = teller.alert, lane.report.registry, lane.belief.canary
    if canary.died:
        await alert(Alert.CANARY, host, "canary dead: refused twice while others are accepted; it is left out, replace it.")
    elif canary.failed_at is not None:
        await alert(Alert.CANARY, host, "the canary was refused; is the registry well, is the canary's secret right?")
    elif lane.report.quarantined:
        told = f"{lane.belief.why}; their statuses stay, and nobody was told. Look at the registry, then: validator sweep --release {host}"
        await alert(Alert.QUARANTINED, host, told)
    if lane.belief.let_go:
        await teller.end_alert(Alert.QUARANTINED, host)


async def alert_of_book(teller: Teller, book: Book, now: datetime) -> None:
    """What its statuses tell of a registry."""
    for host, (count, names) in book.silent.items():
        text = f"{count} of its credentials could not be judged for seven nights: {', '.join(names)}{' …' if count > len(names) else ''}."
        await teller.alert(Alert.LONG_UNKNOWN, f"{host} {now:%Y-%m-%d}", text)
    for host in book.anyone:
        await teller.alert(Alert.ANYONE, host, "it refused made-up secrets, and accepts them now; nothing can be proven there.")


async def alert_of_rows(teller: Teller, ledger: Ledger, store: CredentialStore, sweep: SweepRow) -> None:
    """Rows of the whole sweep that could not be read."""
    async with aclosing(ledger.reports.rows(sweep.id, UNREADABLE)) as rows:
        unreadable = [f"{row.user} {row.name}" async for row in rows]
    perhaps = "." if store.read_only else "; is this the right master key?"
    for subject in unreadable[:SHOWN]:
        await teller.alert(Alert.UNREADABLE, subject, f"its stored row cannot be read{perhaps}")
    if len(unreadable) > SHOWN:
        await teller.alert(Alert.UNREADABLE, "", f"{len(unreadable)} stored rows cannot be read{perhaps}")


async def trim(ledger: Ledger, sweep: SweepRow, now: datetime, keep_days: int) -> None:
    """Forget what is older than it is kept."""
    before = now - timedelta(days=keep_days)
    await ledger.sweeps.trim(before, newest=sweep.id)
    await ledger.history.trim(before)
    await ledger.notices.trim(before)
    await ledger.alerts.trim(before)
