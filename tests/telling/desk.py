"""A ledger, a store and a teller over channels that do as they are told; things happen to credentials by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from validator.config import Settings
from validator.credential import Credential, parse_scope
from validator.ledger import Embedded, open_embedded
from validator.ledger.history import TOLD, Event
from validator.ledger.notices import Notice, NoticeState
from validator.ledger.statuses import StatusKey, StatusRow
from validator.notifiers.base import Channel, Handed, Letter, Outcome, is_one_address
from validator.status import State, Transition
from validator.stores.sqlite import SqliteStore
from validator.telling import Channels, Letters, Teller, channels_of

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
STATES = {"died": State.DEAD, "never_worked": State.DEAD, "impaired": State.IMPAIRED}


@dataclass
class Said:
    """Implements `Channel`: keeps letters; answers `outcomes` in turn, then takes everything."""

    name: str = "said"
    wants_address: bool = False
    letters: list[Letter] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    closed: int = 0

    def unreachable(self, user: str, address: str | None) -> str | None:
        return None if not self.wants_address or is_one_address(address or "") else "its address is not one mail address"

    async def send(self, letter: Letter) -> Outcome:
        self.letters.append(letter)
        return self.outcomes.pop(0) if self.outcomes else Outcome(Handed.TAKEN)

    async def close(self) -> None:
        self.closed += 1


@dataclass
class Desk:
    """Everything; `wall` is what time it is, and sleeping moves it."""

    opened: Embedded
    store: SqliteStore
    settings: Settings
    users: dict[str, Channel]
    operator: Said
    machines: Said
    wall: datetime = NOW
    slept: list[float] = field(default_factory=list)

    async def keep(self, user: str, name: str = "ngc", registry: str = "reg.test", secret: str = "s1", username: str = "jane") -> Credential:
        """Store one."""
        one = Credential(user=user, name=name, scope=parse_scope(registry), username=username, secret=SecretStr(secret), written=registry)
        return await self.store.put(one)

    async def happens(self, what: str, held: Credential, **more: Any) -> Event:
        """An event of a stored credential, now, with its status."""
        key = StatusKey(held.user, held.scope, self.opened.keys.fingerprinter.of(held.scope.host, held.username, held.secret), held.row)
        transition, state = Transition(what), STATES.get(what, State.ALIVE)
        words = {"verdict": "invalid" if what != "impaired" else "insufficient", "reason": "refused", **more}
        event = Event(
            id=f"{held.user} {held.name} {what} {self.wall}", key=key, name=held.name, sweep=more.pop("sweep", "one"), at=self.wall,
            transition=transition, state_before=State.ALIVE, state_after=state, since=self.wall - timedelta(minutes=10),
            notice=None if transition in TOLD else "", **{name: value for name, value in words.items() if name != "sweep"},
        )  # fmt: skip
        row = StatusRow(key=key, name=held.name, state=state, verdict=words["verdict"], reason=words["reason"], checked_at=self.wall)
        ledger = self.opened.ledger
        await ledger.keep(ledger.statuses.writing(row), ledger.history.writing(event))
        return event

    async def dies(self, user: str, name: str = "ngc", registry: str = "reg.test", **more: Any) -> Event:
        """A new credential that died."""
        return await self.happens("died", await self.keep(user, name, registry), **more)

    def teller(self, patience_s: float = 0, **settings: Any) -> Teller:
        """Another one each time, as each run has; `settings` are those of notices."""
        given = self.settings.model_copy(update={"notices": self.settings.notices.model_copy(update=settings)})
        channels = Channels(self.users, {"operator": self.operator}, {"webhook": self.machines} if given.notices.webhook else {})
        ledger = self.opened.ledger

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.wall += timedelta(seconds=seconds)

        return Teller(ledger, given, channels, Letters(ledger, self.store, given), lambda: self.wall, sleep, patience_s)

    async def outbox(self, *states: NoticeState) -> tuple[Notice, ...]:
        return await self.opened.ledger.notices.all(*states)


@asynccontextmanager
async def a_desk(home: Path, **notices: Any) -> AsyncIterator[Desk]:
    """`notices` are the settings; with `urls` the users' channels are real ones."""
    settings = Settings.model_validate({"notices": notices})
    async with open_embedded(home / "validator.db", home / "master.key") as opened:
        users: dict[str, Channel] = dict((await channels_of(settings.notices)).users) if "urls" in notices else {"said": Said()}
        yield Desk(opened, SqliteStore(opened.database, opened.keys.master), settings, users, Said("operator"), Said("webhook"))
