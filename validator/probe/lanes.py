"""Which lane a request stands in, and how long a lane is left alone after an answer. registries/README.md 8."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from yarl import URL

from validator.credential import Host
from validator.evidence import Asker, Exchange, Step
from validator.ledger import Ledger
from validator.ledger.slots import LONGEST_S, Slots
from validator.probe.manifests import Manifests
from validator.probe.reach import Ways
from validator.providers import Provider
from validator.providers.plan import Ask
from validator.registry.pace import Lane, Paused, lane_of
from validator.registry.slots import Taken, Want, slowed
from validator.verdict import Reason
from validator.verdict.reading import SERVER_ERRORS, Reading


@dataclass(frozen=True, slots=True)
class SharedRow:
    """Implements `LaneRow` over the ledger's."""

    slots: Slots
    place: str

    async def take(self, want: Want) -> Taken:
        """See `LaneRow`."""
        row = await self.slots.take(
            self.place, number=want.number, now=want.now, step_s=want.step_s, early_s=want.early_s, waits=want.waits, hold_s=want.hold_s,
            longest_s=want.longest_s,
        )  # fmt: skip
        farthest = want.now + LONGEST_S
        held_until, paused_until, banned_until = (at if at <= farthest else 0.0 for at in (row.held_until, row.paused_until, row.banned_until))
        until = 0.0 if want.waits else max(held_until, paused_until)
        held = until > want.now
        return Taken(
            number=0 if held else want.number, next_at=row.next_slot_at, until=until if held else 0.0, paused_until=paused_until,
            banned_until=banned_until, factor=row.factor if row.slowed_at <= farthest else 1.0, slowed_at=row.slowed_at,
        )  # fmt: skip

    async def pause(self, until: float, *, banned: bool) -> None:
        """See `LaneRow`."""
        await self.slots.pause(self.place, until, banned=banned)

    async def slow(self, now: float) -> None:
        """See `LaneRow`."""

        def step(factor: float, slowed_at: float) -> tuple[float, float] | None:
            slower = slowed(factor, slowed_at, now)
            return None if slower is None else (slower, now)

        await self.slots.slow(self.place, step)


@dataclass(slots=True)
class Lanes:
    """The lanes of one process; `now` is the wall clock in epoch seconds."""

    ways: Ways
    ledger: Ledger
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    manifests: Manifests = field(default_factory=Manifests)
    _lanes: dict[str, Lane] = field(default_factory=dict)

    def of(self, url: URL, provider: Provider, host: str, ask: Ask) -> Lane:
        """The lane of the host that is dialled: the registry's own, its token server's where it has one, its introspection's."""
        place, pace, about = str(host), provider.pace, provider.introspection
        if ask.step in (Step.OPINION, Step.DETAIL) and about is not None:
            place = f"{url.host}:{url.port} introspection"
            pace = replace(pace, per_second=about.per_second, burst=about.burst, preflight_burst=about.burst, in_flight=1)
        elif provider.token_pace is not None and ask.step in (Step.LOGIN, Step.SCOPED):
            place = f"{host} token"
            if "per_second" not in self.ways.said(Host(host)).pace.model_fields_set:
                pace = replace(pace, per_second=provider.token_pace[0], burst=provider.token_pace[1], in_flight=2)
        elif ask.step is Step.ELSEWHERE:
            place = f"{url.host}:{url.port}"
        lane = self._lanes.get(place)
        if lane is None:
            row = SharedRow(self.ledger.slots, place) if self.ledger.durable else None
            lane = self._lanes[place] = lane_of(pace, self.sleep, self.monotonic, now=self.now, row=row)
        return lane


async def in_turn(
    lane: Lane, asker: Asker, patience_s: float | None, send: Callable[[], Awaitable[Exchange]], paused: Callable[[float], Exchange]
) -> Exchange:  # fmt: skip
    """What `send` gives when the lane lets it leave; `paused` of the seconds that are left, where it is left alone longer than `patience_s`."""
    try:
        async with lane.slot(asker, patience_s):
            return await send()
    except Paused as told:
        return paused(told.left_s)


async def pausing(lane: Lane, exchange: Exchange, provider: Provider, said: Reading) -> Exchange:
    """The exchange; its lane is left alone for as long as the registry asks, or as its provider says after such an answer."""
    reason, closing = said.reason, provider.traits.closed_for_s
    if exchange.status == 200 and reason is None:
        return exchange
    all_wait = exchange.status == 429 and not (reason is Reason.ACCOUNT_LOCKED and reason not in closing)  # a lock is one account's
    told = all_wait or reason is Reason.THROTTLED or exchange.status in SERVER_ERRORS
    told = told or (exchange.status == 403 and exchange.step in (Step.OPINION, Step.DETAIL))
    asked = exchange.retry_after_s if told and exchange.retry_after_s is not None else 0.0
    closed = closing.get(reason, 0.0) if reason is not None else 0.0
    if reason is Reason.ADDRESS_BANNED:
        if exchange.status is not None:
            await lane.ban(closed)
        return exchange
    if exchange.status == 429 and all_wait:
        await lane.slow()
    await lane.pause(max(asked, closed))
    return exchange
