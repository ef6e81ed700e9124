"""What a sweep leaves: what the operator is to know of its lanes and rows, and nothing that is older than it is kept."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timedelta

from validator.credential import BACKEND_IMAGES, OSMOS_OWN
from validator.ledger import Ledger
from validator.ledger.reports import UNREADABLE
from validator.ledger.statuses import StatusRow
from validator.ledger.sweeps import SweepRow
from validator.notifiers.words import day
from validator.status import State
from validator.stores.base import CredentialStore
from validator.sweep.base.book import SHOWN, Book
from validator.sweep.lane import Lane
from validator.telling import Alert, Teller
from validator.verdict import Hint, Reason
from validator.verdict.words import OSMOS_ADVICE, cause_and_advice


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


async def alert_of_osmos(teller: Teller, ledger: Ledger, store: CredentialStore, now: datetime) -> None:
    """What ails the credential that OSMO pulls its own images with: the operator alone hears of it, and what was told of it may be over."""
    place, kept = (OSMOS_OWN, BACKEND_IMAGES), await ledger.statuses.all(OSMOS_OWN)
    held = (await store.standing([place])).get(place) if kept else None
    standing = [row for row in kept if held is not None and (row.key.scope, row.key.row) == (held.scope, held.row)]
    said = {subject: text for subject, text in [await _ails(teller, row, now) for row in standing[-1:]] if text}
    for raised in await ledger.alerts.all():
        if raised.kind == Alert.OSMOS_OWN and raised.subject not in said:
            await teller.end_alert(Alert.OSMOS_OWN, raised.subject)
    for subject, text in said.items():
        await teller.alert(Alert.OSMOS_OWN, subject, text)


async def _ails(teller: Teller, row: StatusRow, now: datetime) -> tuple[str, str]:
    """Of which registry it is and what happened; "" where nothing did. Its end is told anew as it comes nearer."""
    registry, state, ends = str(row.key.scope), State(row.state), row.expires_at
    provider = await teller.letters.provider_at(row.key.scope.host)
    renew = f"; a new one is made at {provider.renew}" if provider.renew is not None else ""
    stops, mend = "OSMO pulls its own images with it in every pod, so every workflow stops", f"What to do: {OSMOS_ADVICE}{renew}."
    if state in (State.DEAD, State.IMPAIRED) and row.reason is not None:
        cause, _ = cause_and_advice(Reason(row.reason), provider.causes, provider.advice)
        what = "was refused, and refused again" if state is State.DEAD else "cannot be used for pulling as it is stored"
        return registry, f"OSMO's own credential {what}. {cause} {stops}. {mend}"
    near = [days for days in teller.settings.notices.expiry_days if ends is not None and ends - now <= timedelta(days=days)]
    if not near or Hint.SHORT_LIVED in row.hints:
        return registry, ""
    subject = f"{registry}, {min(near)} {'days' if min(near) > 1 else 'day'} before its end"
    return subject, f"OSMO's own credential ends on {day(ends)}. {stops} then. {mend}"


async def trim(ledger: Ledger, sweep: SweepRow, now: datetime, keep_days: int) -> None:
    """Forget what is older than it is kept."""
    before = now - timedelta(days=keep_days)
    await ledger.sweeps.trim(before, newest=sweep.id)
    await ledger.history.trim(before)
    await ledger.notices.trim(before)
    await ledger.alerts.trim(before)
