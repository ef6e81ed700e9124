"""The plan of a sweep: a row for each stored credential that its filters select, written page by page.

A secret whose row was asked about before is known by its status, and is not opened; what it would take is told without a plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from validator.credential import Credential, Host, RegistryScope
from validator.evidence import Step
from validator.ledger.controls import ControlKey
from validator.ledger.plans import Phase, PlanRow, place_of
from validator.ledger.statuses import Brief, StatusKey, StatusRow, standing_of
from validator.ledger.sweeps import Filters
from validator.probe import Probe
from validator.probe.reach import provider_of
from validator.sealing import Fingerprint
from validator.status import Standing, State
from validator.stores.base import CredentialStore, Outline
from validator.sweep.base.queue import FORMER, NEW, given_proofs, image_of, rank_of
from validator.verdict import Outcome, Reason

_PAGE: Final = 1000
_ROW: Final = 4
"""So many texts of a brief name a stored row."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a sweep of one registry would take, by its pace."""

    registry: Host
    credentials: int
    requests: int
    seconds: float


@dataclass(slots=True)
class _Known:
    """The statuses of a page's users: by key, by secret (for one whose row was only written anew), by scope (for one that cannot be read)."""

    by_key: dict[StatusKey, StatusRow] = field(default_factory=dict)
    by_secret: dict[tuple[str, RegistryScope, Fingerprint], StatusRow] = field(default_factory=dict)
    by_scope: dict[tuple[str, RegistryScope], StatusRow] = field(default_factory=dict)


async def planned(probe: Probe, store: CredentialStore, sweep: str, filters: Filters) -> AsyncIterator[list[PlanRow]]:
    """The rows of the plan, in pages by user and name. Raises StoreError."""
    page: list[Outline] = []
    async with aclosing(store.outlines(filters.user)) as stored:  # type: ignore[type-var]  # an async generator behind the Protocol
        async for one in stored:
            if filters.host is None or filters.host in (one.scope.host, _without_port(one.scope.host)):
                page.append(one)
            if len(page) >= _PAGE:
                yield await _rows(probe, store, sweep, filters, page)
                page = []
    if page:
        yield await _rows(probe, store, sweep, filters, page)


async def _rows(probe: Probe, store: CredentialStore, sweep: str, filters: Filters, page: Sequence[Outline]) -> list[PlanRow]:
    statuses, first, last = probe.ledger.statuses, page[0].user, page[-1].user
    by_row: dict[tuple[str, ...], Brief] = {brief[:_ROW]: brief for brief in sorted(await statuses.briefs(first, last), key=_attempted)}
    new = [one for one in page if _row_of(one) not in by_row]
    known = _known(sorted(await statuses.between(first, last), key=_attempted) if new else ())
    opened = {(one.user, one.name): one for one in await store.some([(one.user, one.name) for one in new])}
    rows, carried = list[PlanRow](), list[StatusRow]()
    for one in page:
        held = opened.get((one.user, one.name))
        if (brief := by_row.get(_row_of(one))) is not None:
            rows.append(_row(sweep, one, brief.fingerprint, brief))
        elif isinstance(held, Credential):
            fingerprint = probe.fingerprinter.of(one.scope.host, held.username, held.secret)
            key = StatusKey(one.user, one.scope, fingerprint, held.row)
            status = known.by_key.get(key)
            if status is None and (before := known.by_secret.get((one.user, one.scope, fingerprint))) is not None:
                status = replace(before, key=key, name=one.name)  # the same secret, written anew: what was said of it holds
                carried.append(status)
            rows.append(_row(sweep, replace(one, row=held.row, scope=held.scope), fingerprint, status))
        elif held is not None:
            kept = known.by_scope.get((one.user, one.scope))
            rows.append(_unreadable(sweep, one, kept if kept is not None and kept.name == one.name else None))
    if sweep:
        await probe.ledger.statuses.put(*carried)
    return await _to_be_released(probe, rows) if filters.released else rows


def _row(sweep: str, one: Outline, fingerprint: Fingerprint, status: StatusRow | Brief | None) -> PlanRow:
    rank = rank_of(status.state, status.ever_valid) if status is not None else NEW
    said = {} if status is None else {
        "verdict": status.verdict, "reason": status.reason, "level": status.level, "state": status.state, "checked_at": status.checked_at,
    }  # fmt: skip
    return PlanRow(
        sweep=sweep, user=one.user, name=one.name, host=one.scope.host, path=one.scope.path, row=one.row, fingerprint=fingerprint,
        place=place_of(sweep, fingerprint, rank), image=one.proof, **said,  # type: ignore[arg-type]  # as the status has them
    )  # fmt: skip


def _unreadable(sweep: str, one: Outline, status: StatusRow | None) -> PlanRow:
    """It is left over, and hides nobody."""
    said = {"verdict": Outcome.UNKNOWN.value, "reason": Reason.UNREADABLE.value, "level": None, "left_over": Reason.UNREADABLE.value}
    row = _row(sweep, one, Fingerprint(""), status)
    return row._replace(place=place_of(sweep, one.row, FORMER), phase=Phase.DONE, **said)  # type: ignore[arg-type]  # four texts or None


async def _to_be_released(probe: Probe, rows: Sequence[PlanRow]) -> list[PlanRow]:
    """Those whose secret was refused last: the suspects of a quarantine."""
    by_host: dict[Host, list[Fingerprint]] = defaultdict(list)
    for row in rows:
        by_host[Host(row.host)].append(row.fingerprint)
    refused: set[tuple[str, str]] = set()
    for host, prints in by_host.items():
        for fingerprint, facts in (await probe.ledger.facts.of_many(host, prints)).items():
            refused |= {(host, fingerprint)} if facts.refused_since_accepted() is not None else set()
    return [row for row in rows if (row.host, row.fingerprint) in refused and row.state != State.DEAD]


def _attempted(row: StatusRow | Brief) -> float:
    """Of several rows the latest written counts."""
    return row.last_attempt_at.timestamp() if row.last_attempt_at is not None else 0.0


def _row_of(one: Outline) -> tuple[str, ...]:
    """Which stored row, as a brief begins: texts alone, for a scope is hashed slowly."""
    return one.user, one.scope.host, one.scope.path, one.row


def _known(rows: Sequence[StatusRow]) -> _Known:
    """Of several rows the last."""
    known = _Known()
    for row in rows:
        key = row.key
        known.by_key[key] = row
        known.by_secret[key.user, key.scope, key.fingerprint] = row
        known.by_scope[key.user, key.scope] = row
    return known


def _without_port(host: Host) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


async def expected(probe: Probe, store: CredentialStore, filters: Filters) -> list[Expected]:
    """What it would take, by what is known now; nothing is sent and nothing written."""
    counts: dict[Host, _Count] = defaultdict(_Count)
    now, fresh = probe.now(), timedelta(seconds=probe.settings.sweep.fresh_s)
    async for page in planned(probe, store, "", filters):
        by_host: dict[Host, list[PlanRow]] = defaultdict(list)
        for row in page:
            by_host[Host(row.host)].append(row)
        for host, rows in by_host.items():
            facts = await probe.ledger.facts.of_many(host, [row.fingerprint for row in rows])
            read = await probe.ledger.repositories.many([row.fingerprint for row in rows])
            statuses = {row.key: row for row in await probe.ledger.statuses.by_fingerprint(*{row.fingerprint for row in rows})}
            for row in rows:
                known = facts.get(row.fingerprint)
                proven = known is not None and known.ever_valid and known.refused_since_accepted() is None
                recent = proven and known is not None and known.accepted_at is not None and timedelta(0) <= now - known.accepted_at <= fresh
                standing = standing_of(statuses.get(StatusKey(row.user, RegistryScope(host, row.path), row.fingerprint, row.row))) or Standing()
                counts[host].add(
                    row, standing.is_due(now) and not recent and row.phase is Phase.WAITING, row.fingerprint in read or _proves(probe, row)
                )
    return [await _expected(probe, host, count) for host, count in sorted(counts.items())]


@dataclass(slots=True)
class _Count:
    """One registry's. `asked`: eight bytes of each secret, so that one which many share counts once."""

    credentials: int = 0
    requests: int = 0
    suspects: int = 0
    asked: set[int] = field(default_factory=set)

    def add(self, row: PlanRow, due: bool, proves: bool) -> None:
        self.credentials += 1
        if due and row.place not in self.asked:
            self.asked.add(row.place)
            self.requests += 3 if proves else 1
            self.suspects += row.state == State.SUSPECT


def _proves(probe: Probe, row: PlanRow) -> bool:
    """True if a pull is proven with it, which takes three requests."""
    scope = RegistryScope(Host(row.host), row.path)
    given = given_proofs(scope.host, probe.ways.said(scope.host).proof)
    return image_of(row.image) is not None or any(scope.covers(scope.host, image.repository) for image in given)


async def _expected(probe: Probe, host: Host, count: _Count) -> Expected:
    pace = provider_of(probe.settings, host, None).pace
    requests = count.requests + (await _of_the_host(probe, host, pace.challenge_fresh_s, pace.control_fresh_s) if count.requests else 0)
    seconds = max(0.0, (requests - pace.burst) / pace.per_second) + (pace.confirm_after_s if count.suspects else 0.0)
    return Expected(host, count.credentials, requests, round(seconds, 1))


async def _of_the_host(probe: Probe, host: Host, challenge_fresh_s: float, control_fresh_s: float) -> int:
    """Requests that serve all secrets of a host: the ping and the negative control, where what is kept is too old."""
    kept, now = await probe.ledger.challenges.get(host), probe.now()
    if kept is None:
        return 2
    realm = kept.realm if kept.scheme == "bearer" else ""  # of Basic it is a label, and no part of the control's key
    key = ControlKey(host=host, realm=realm, service=kept.service, scheme=kept.scheme, step=str(Step.LOGIN))
    control = await probe.ledger.controls.get(key)
    return int(now - kept.at > timedelta(seconds=challenge_fresh_s)) + int(
        control is None or now - control.at > timedelta(seconds=control_fresh_s)
    )  # fmt: skip


__all__ = ["Expected", "expected", "planned"]
