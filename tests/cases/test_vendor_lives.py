"""What becomes of a stored key of NGC or Docker Hub from sweep to sweep: the rows' "then", each verdict from the wire.

Time is virtual: it passes over the ledger and over the state machine alike. Who is told of it is the sweep's to show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tests.cases.asking import asked, pass_time, said
from tests.cases.rows import Row, case
from tests.cases.running import Cli
from validator.credential import Host
from validator.emulator import DockerHub, Ngc
from validator.emulator.dockerhub import State as Token
from validator.emulator.ngc import USERNAME
from validator.emulator.ngc import State as Key
from validator.providers import provider_for
from validator.status import Standing, State, Transition, advance
from validator.verdict import Outcome


@dataclass
class Stored:
    """One stored key; `swept` asks about it and tells its state."""

    cli: Cli
    host: str
    username: str
    secret: str
    now: datetime = datetime(2026, 11, 23, 2, tzinfo=UTC)
    standing: Standing | None = None
    transitions: list[Transition] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    async def swept(self, *, healthy: bool = True) -> State:
        probed = await asked(self.cli, self.host, self.username, self.secret)
        wait_s = provider_for(Host(self.host)).pace.confirm_after_s
        step = advance(self.standing, probed.verdict, at=self.now, confirm_after_s=wait_s, healthy=healthy, sent=bool(probed.evidence.exchanges))
        self.standing = step.standing
        self.words.append(said(probed.verdict))
        if step.transition is not Transition.NONE:
            self.transitions.append(step.transition)
        return self.standing.state

    def after(self, minutes: int) -> Stored:
        """The same, so much later."""
        self.now += timedelta(minutes=minutes)
        pass_time(self.cli, minutes)
        return self


@pytest.fixture
async def ngc(cli: Cli) -> AsyncIterator[Ngc]:
    async with Ngc() as emulated:
        cli.registries = emulated.settings()
        yield emulated


@pytest.fixture
async def hub(cli: Cli) -> AsyncIterator[DockerHub]:
    async with DockerHub() as emulated:
        cli.registries = emulated.settings()
        yield emulated


@case("NGC-03", "NGC-04", "NGC-33", "NGC-38")
async def test_a_dead_ngc_key_is_dead_at_the_second_refusal(row: Row, cli: Cli, ngc: Ngc) -> None:
    name = "good_legacy" if row.id == "NGC-03" else "good"
    key = Stored(cli, "nvcr.io", USERNAME, ngc.keys[name].secret)
    assert await key.swept() is State.ALIVE
    ngc.change(name, state=Key.OWNER_DISABLED if row.id == "NGC-33" else Key.REGENERATED)
    if row.id == "NGC-38":
        ngc.api.switch(outage="503")
    first = await key.after(24 * 60).swept()
    assert first is (State.ALIVE if row.id == "NGC-38" else State.SUSPECT), "what could not be told moves nothing"
    row.agrees("credential", key.words[-1], 0)
    assert await key.after(5).swept() is State.SUSPECT, "sooner than NGC's caches forget, it is nobody's death"
    assert await key.after(15).swept(healthy=False) is State.SUSPECT, "nor while the registry was not seen well"
    assert await key.after(15).swept() is State.DEAD
    row.agrees("credential", key.words[-1], 1)
    assert key.transitions == [Transition.DIED]


@case("HUB-04", "HUB-23")
async def test_a_dead_token_is_dead_at_the_second_refusal_and_may_come_back(row: Row, cli: Cli, hub: DockerHub) -> None:
    token = Stored(cli, "docker.io", "ada", hub.tokens["good"].secret)
    assert await token.swept() is State.ALIVE
    hub.change("good", state=Token.DELETED if row.id == "HUB-04" else Token.DEACTIVATED)
    assert await token.after(24 * 60).swept() is State.SUSPECT
    row.agrees("credential", token.words[-1], 0)
    assert await token.after(10).swept() is State.SUSPECT, "within the lock's own minutes"
    assert await token.after(31).swept() is State.DEAD
    assert hub.logins.by_name["ada"] == 3
    hub.change("good", state=Token.ACTIVE)
    assert await token.after(24 * 60).swept() is State.ALIVE
    if row.id == "HUB-23":
        row.agrees("credential", token.words[-1], 1)
    assert token.transitions == [Transition.DIED, Transition.RECOVERED]


@case("NGC-20")
async def test_three_days_of_bad_gateways_move_nothing(row: Row, cli: Cli, ngc: Ngc) -> None:
    alive, dead = (Stored(cli, "nvcr.io", USERNAME, ngc.keys[name].secret) for name in ("good", "deleted"))
    assert (await alive.swept(), await dead.swept()) == (State.ALIVE, State.SUSPECT)
    ngc.registry.switch(outage="502")
    for _ in range(3):
        assert await alive.after(24 * 60).swept() is State.ALIVE
        row.agrees("credential", alive.words[-1])
        assert await dead.swept() is State.SUSPECT
    assert alive.standing is not None
    assert alive.standing.outcome is Outcome.VALID
    assert alive.transitions == dead.transitions == []


@case("NGC-22", "HUB-11")
async def test_a_spurious_401_tells_nobody(row: Row, cli: Cli) -> None:
    async with Ngc() as ngc, DockerHub() as hub:
        cli.registries = {**ngc.settings(), **hub.settings()}
        at_ngc = row.id == "NGC-22"
        token = hub.tokens["good"]
        stored = Stored(cli, "nvcr.io", USERNAME, ngc.keys["good"].secret) if at_ngc else Stored(cli, "docker.io", "ada", token.secret)
        assert await stored.swept() is State.ALIVE
        (ngc.registry if at_ngc else hub.auth).switch(spurious_401_once=True)
        # NGC's introspection knows the key: a contradiction moves nothing
        assert await stored.after(24 * 60).swept() is (State.ALIVE if at_ngc else State.SUSPECT)
        row.agrees("credential", stored.words[-1], 0)
        assert await stored.after(20).swept() is State.ALIVE
        row.agrees("credential", stored.words[-1], 1)
        assert stored.transitions == ([] if at_ngc else [Transition.BLIPPED])


@case("NGC-31")
async def test_a_key_of_another_service_is_impaired_not_dead(row: Row, cli: Cli, ngc: Ngc) -> None:
    """A sweep says so only when the login was refused twice; the verdict itself is confirmed like a death."""
    key = Stored(cli, "nvcr.io", USERNAME, ngc.keys["functions_only"].secret)
    assert await key.swept() is State.NEVER_CHECKED
    assert key.words == ["unknown (contradiction)"]
    assert await key.after(15).swept() is State.SUSPECT
    row.agrees("credential", key.words[-1])
    assert await key.after(15).swept() is State.IMPAIRED
    assert key.transitions == [Transition.IMPAIRED]


@case("NGC-37")
async def test_a_key_that_lags_dies_once(row: Row, cli: Cli, ngc: Ngc) -> None:
    key = Stored(cli, "nvcr.io", USERNAME, ngc.keys["good"].secret)
    ngc.quirk(lag_s=600)
    ngc.regenerate("good")
    assert await key.swept() is State.ALIVE
    row.agrees("credential", key.words[-1], 0)
    ngc.quirk(lag_s=0)
    assert [await key.after(20).swept() for _ in range(3)] == [State.SUSPECT, State.DEAD, State.DEAD]
    row.agrees("credential", key.words[-1], 1)
    assert key.transitions == [Transition.DIED]


@case("HUB-12")
async def test_a_locked_name_moves_nothing(row: Row, cli: Cli, hub: DockerHub) -> None:
    token = Stored(cli, "docker.io", "lena", hub.tokens["locked"].secret)
    for _ in range(3):
        assert await token.swept() is State.NEVER_CHECKED
        row.agrees("credential", token.words[-1])
        token.after(24 * 60)
