"""Who hears of a sweep: users by one digest each, the operator by one of alerts, machines by one of changes.

A sweep writes its events (`ledger.history`) and raises alerts while it goes; at its end it calls `tell` once. What could not be
sent stays queued, and the next call sends it, or a service's `keep_on`. Design section 5; the outbox's law: `ledger.notices`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

import structlog

from validator.config import Settings
from validator.errors import ValidatorError
from validator.ledger import Ledger
from validator.ledger.base.processes import this_process
from validator.ledger.notices import Kind, Notice, NoticeState, Place, Route, digest_id
from validator.ledger.users import User
from validator.notifiers.base import Alert, Handed, Letter
from validator.telling.base import Counts, Preview, Run, is_alive, log_sent, raise_alert, raise_unclear
from validator.telling.changes import queue_changes
from validator.telling.channels import Channels, channels_of
from validator.telling.letters import Letters, program_of
from validator.telling.wishes import UNWANTED, Wishes

__all__ = ["Alert", "Channels", "Counts", "Letters", "Preview", "Teller", "channels_of", "program_of"]

_FIRST_S: Final = 5.0
_TIMES: Final = 4.0
_LONGEST_S: Final = 3600.0
_HANG_S: Final = 3.0
_LISTED: Final = 100
"""So many digests that are due are looked for at once; each is claimed by itself."""
_NAMED: Final = 100
"""So many users without a way are named to the operator by one sweep."""


@dataclass(slots=True)
class Teller:
    """`now` is aware UTC. `stop`: set, it ends sending after the letter that is under way; what is left waits."""

    ledger: Ledger
    settings: Settings
    channels: Channels
    letters: Letters
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    patience_s: float = 0.0
    wishes: Wishes = field(default_factory=Wishes)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    sender: str = field(default_factory=this_process)

    async def tell(self, sweep: str) -> Counts:
        """Make the digests of what waits, and send what is due; call it when a sweep is through, and again for one that goes on.

        A channel that takes nothing is waited for, for `patience_s`. Raises StoreError, StoreLost.
        """
        async with self._turn() as run:
            now = self.now()
            await self.wishes.read()
            await self._find_abandoned(run.counts)
            run.counts.undeliverable = await self.ledger.together(lambda parts: self._compose(parts, sweep, now))
            await self._deliver(run, self.patience_s)
            await self.ledger.together(lambda parts: self._compose_alerts(parts, sweep, self.now()))
            await self._deliver(run, 0)
            return await self._ended(run)

    async def deliver(self) -> Counts:
        """Send what is due, and make no new digest."""
        async with self._turn() as run:
            await self.wishes.read()
            await self._find_abandoned(run.counts)
            await self._deliver(run, self.patience_s)
            return await self._ended(run)

    async def keep_on(self, every_s: float = 60.0) -> None:
        """For a service: `deliver`, every now and then, until `stop`. What the database does not let it do is tried again."""
        while not self.stop.is_set():
            try:
                await self.deliver()
            except ValidatorError as error:
                structlog.get_logger().warning("notice_delayed", why=str(error))
            await self.sleep(every_s)

    async def alert(self, kind: Alert, subject: str, text: str) -> None:
        """Something for the operator about `subject` (a host, a user): told once while it lasts, by the next `tell`.

        Raise it again while it is so. `text` is a sentence of ours, the evidence in it.
        """
        await raise_alert(self.ledger, self.now(), kind, subject, text)

    async def end_alert(self, kind: Alert, subject: str) -> None:
        """It is over: should it come back, it is told again."""
        await self.ledger.alerts.end(kind.value, subject)

    async def preview(self, sweep: str = "") -> list[Preview]:
        """What `tell` would send to users now; writes nothing."""
        now, shown = self.now(), list[Preview]()
        await self.wishes.read()

        async def work(parts: Ledger) -> None:
            shown.clear()
            await self._compose(parts, sweep, now)
            letters = Letters(parts, self.letters.store, self.settings, self.letters.program)
            found: dict[str, list[Notice]] = {}
            for notice in await parts.notices.all(NoticeState.QUEUED, NoticeState.UNDELIVERABLE, kind=Kind.USER, limit=100_000):
                found.setdefault(notice.id, []).append(notice)
            users = {user.user: user for user in await parts.users.all()}
            for rows in found.values():
                first = rows[0]
                letter = await letters.to_user(first, self._address(users.get(first.user) or User(user=first.user)), now)
                shown.append(Preview(first.user, tuple(row.channel for row in rows if row.channel), first.state, letter))
            raise _Undone

        with suppress(_Undone):
            await self.ledger.together(work)
        return shown

    def route(self, user: User) -> Route:
        """Where this user's digests go."""
        if user.mute:
            return Route((), NoticeState.MUTED)
        if not self.wishes.any_of(user.user):
            return Route((), NoticeState.MUTED, UNWANTED)
        named = {
            name: channel for name, channel in self.channels.users.items() if user.channel in (None, name) and self.wishes.wants(user.user, name)
        }
        address = self._address(user)
        faults = {name: channel.unreachable(user.user, address) for name, channel in named.items()}
        reached = tuple(name for name, fault in faults.items() if fault is None)
        if reached:
            return Route(reached)
        why = next((fault for fault in faults.values() if fault), "none of the settings' channels is one that it wants")
        return Route((), NoticeState.UNDELIVERABLE, why)

    def _address(self, user: User) -> str | None:
        return user.address or self.settings.notices.address.replace("{user}", user.user) or None

    async def _compose(self, parts: Ledger, sweep: str, now: datetime) -> int:
        """Digests for users and machines, and an alert for each user who cannot be reached; how many those are."""
        notices = self.settings.notices
        remind = timedelta(days=notices.reminder_days) if notices.reminder_days else None
        routes = await parts.digests.compose(sweep, now, route=self.route, recovered=notices.recovered, remind_after=remind)
        lost = {user: route.detail for user, route in routes.items() if route.state is NoticeState.UNDELIVERABLE}
        for user in [*lost][:_NAMED]:
            await raise_alert(parts, now, Alert.UNDELIVERABLE, user, f"there is something to tell this user, and {lost[user]}.")
        if len(lost) > _NAMED:
            text = f"there is something to tell {len(lost) - _NAMED} more users; `validator notices list` names them."
            await raise_alert(parts, now, Alert.UNDELIVERABLE, f"({sweep})", text)
        unwanted = sum(route.detail == UNWANTED for route in routes.values())
        if unwanted:
            await raise_alert(parts, now, Alert.UNDELIVERABLE, "(not wanted)", f"{unwanted} users with something to know {UNWANTED}.")
        if self.channels.machines:
            await queue_changes(parts, sweep, Route(tuple(self.channels.machines)), now)
        return len(lost)

    async def _compose_alerts(self, parts: Ledger, sweep: str, now: datetime) -> None:
        """One digest of alerts for the operator; what comes after it in this sweep waits for the next."""
        waiting = [alert for alert in await parts.alerts.all() if alert.notice is None]
        lines = [{"kind": alert.kind, "subject": alert.subject, "text": alert.facts.get("text", "")} for alert in waiting]
        if lines and await parts.notices.put(sweep, "", Kind.OPERATOR, lines, Route(tuple(self.channels.operator)), now=now):
            await parts.alerts.tell(digest_id(sweep, "", Kind.OPERATOR))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Run]:
        """The channels are this run's, and are closed when it ends, however it does."""
        async with self.channels.turn:
            try:
                yield Run()
            finally:
                await self.channels.close()

    async def _find_abandoned(self, counts: Counts) -> None:
        """What was cut off by the end of its sender: shown, and told to the operator, in one transaction."""
        now = self.now()

        async def work(parts: Ledger) -> int:
            lost = await parts.notices.abandoned(lambda by, at: is_alive(by, at, now), now=now)
            for notice in lost:
                await raise_unclear(parts, self.now(), notice, "its sender ended while it was handed over")
            return sum(notice.kind is Kind.USER for notice in lost)

        counts.maybe_sent += await self.ledger.together(work)

    async def _deliver(self, run: Run, patience_s: float) -> None:
        """Claim and hand over one at a time, until nothing is due: a kill cuts off one at most."""
        per_hour, until = self.settings.notices.per_hour, self.now() + timedelta(seconds=patience_s)
        while not self.stop.is_set():
            now, taken = self.now(), False
            for one in await self.ledger.notices.due(now, limit=_LISTED, places=self._open(run, now)):
                now = self.now()
                places = self._open(run, now)
                claimed = await self.ledger.notices.claim(self.sender, now, limit=1, per_hour=per_hour, places=places, only=one)
                if not claimed:  # another process has it, or an hour's messages are sent
                    break
                await self._finished(self._hand_over(claimed[0], run))
                taken = True
                if self.stop.is_set():
                    break
            if taken:
                continue
            due = [await self._due(place, run, now) for place in self.channels.places]
            soon = min((at for at in due if at is not None), default=None)
            if soon is None or soon > until:
                break
            await self.sleep(max(0.0, (soon - now).total_seconds()) + 0.001)

    def _open(self, run: Run, now: datetime) -> list[Place]:
        """The channels that may be asked now."""
        return [place for place in self.channels.places if run.closed.get(place, now) <= now]

    async def _due(self, place: Place, run: Run, now: datetime) -> datetime | None:
        """When there is something to send there, and it may be asked."""
        at = await self.ledger.notices.next_due(now, per_hour=self.settings.notices.per_hour, places=[place])
        return None if at is None else max(at, run.closed.get(place, at))

    async def _ended(self, run: Run) -> Counts:
        """What the run came to: what it tried, and what stands behind a channel that takes nothing, is delayed."""
        now = self.now()
        down = {name for (kind, name), at in run.closed.items() if kind is Kind.USER and at > now}
        queued = [(one.id, one.channel) for one in await self.ledger.notices.all(NoticeState.QUEUED, kind=Kind.USER, limit=1_000_000)]
        late = [one for one in queued if one in run.delayed or one[1] in down]
        run.counts.failed += len(late)
        run.counts.waiting = len(queued) - len(late)
        return run.counts

    async def _hand_over(self, notice: Notice, run: Run) -> None:
        """One claimed digest, to its channel and to its end."""
        settle, place, counts = self.ledger.notices.settle, (notice.kind, notice.channel), run.counts
        try:
            user = await self.ledger.users.get(notice.user) or User(user=notice.user)
            if notice.kind is Kind.USER and (user.mute or not self.wishes.wants(notice.user, notice.channel)):
                await settle(notice, NoticeState.MUTED, now=self.now())
                return
            channel, letter = self.channels.at(place), await self._letter(notice, user)
        except BaseException:
            await settle(notice, NoticeState.QUEUED, now=self.now(), next_at=self.now())
            raise
        if channel is None or letter is None:
            await settle(notice, NoticeState.OUTDATED, now=self.now())
            structlog.get_logger().info("notice_outdated", user=notice.user, digest=notice.id)
            return
        outcome, now = await channel.send(letter), self.now()
        to_user = notice.kind is Kind.USER
        match outcome.handed:
            case Handed.TAKEN:
                await settle(notice, NoticeState.SENT, now=now, detail=outcome.detail)
                counts.sent += to_user
                run.delayed.discard((notice.id, notice.channel))
                log_sent(notice)
            case Handed.NOT_TAKEN:
                again = now + timedelta(seconds=min(_LONGEST_S, _FIRST_S * _TIMES ** (notice.attempts - 1)))
                await settle(notice, NoticeState.QUEUED, now=now, detail=outcome.detail, next_at=again)
                run.delayed.add((notice.id, notice.channel))
                if outcome.down:
                    run.closed[place] = again
                structlog.get_logger().warning("notice_delayed", user=notice.user, channel=notice.channel, why=outcome.detail, again_at=str(again))
            case Handed.REFUSED:
                await settle(notice, NoticeState.FAILED, now=now, detail=outcome.detail)
                counts.failed += to_user
                if to_user:
                    await self.alert(Alert.FAILED, notice.user, f"{notice.channel}: {outcome.detail}.")
            case Handed.UNCLEAR:
                await settle(notice, NoticeState.MAYBE_SENT, now=now, detail=outcome.detail)
                counts.maybe_sent += to_user
                await raise_unclear(self.ledger, now, notice, outcome.detail)
            case _:
                assert_never(outcome.handed)

    async def _letter(self, notice: Notice, user: User) -> Letter | None:
        match notice.kind:
            case Kind.USER:
                return await self.letters.to_user(notice, self._address(user), self.now())
            case Kind.OPERATOR:
                return await self.letters.to_operator(notice, self.now())
            case Kind.MACHINE:
                return await self.letters.to_machine(notice, self.now())
            case _:
                assert_never(notice.kind)

    async def _finished(self, work: Coroutine[Any, Any, None]) -> None:
        """Cancelled half-way, what becomes of the letter is still written down; a channel that hangs is let go."""
        task = asyncio.create_task(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=_HANG_S)
            if not task.done():
                await self.channels.close()
            await asyncio.wait({task})
            raise


class _Undone(Exception):
    """Takes back everything that a preview wrote."""
