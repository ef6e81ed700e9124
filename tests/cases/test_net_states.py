"""What the way there does to a credential's state, and to somebody's deadline: NET-31, and the sweep's part of NET-33 and NET-34."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from tests.cases.asking import inquiry, probing
from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import BEARERS, IMAGE, SECRET, USERNAME, page, refused, reply, token
from validator.emulator.hostile import Script, scripts
from validator.status import Standing, State, Step, Transition, advance
from validator.verdict import Verdict

PENDING: Final = {"NET-31": "that the probe goes on for the cache after the deadline: with the service's flights"}
NIGHT: Final = datetime(2026, 11, 23, 2, tzinfo=UTC)
WAIT_S: Final = 600


async def at_once(seconds: float) -> None:
    """Spends no time."""


async def swept(world: World) -> tuple[str, Verdict, bool]:
    """What a sweep hears of the credential: in words, as a verdict, and whether anything was sent."""
    async with probing(world.cli, at_once) as probe:
        probed = await probe.ask(inquiry("reg.test", USERNAME, SECRET))
    return f"{probed.verdict.outcome} ({probed.verdict.reason})", probed.verdict, bool(probed.evidence.exchanges)


def heard(before: Standing | None, verdict: Verdict, minutes: int, *, sent: bool = True) -> Step:
    return advance(before, verdict, at=NIGHT + timedelta(minutes=minutes), confirm_after_s=WAIT_S, healthy=True, sent=sent)


@case("NET-31")
async def test_a_late_answer_is_unknown_by_the_deadline(row: Row, world: World) -> None:
    site = await world.serve({"T+": scripts.late(10, token(BEARERS["+"]))})
    payload = ["registry=reg.test", f"username={USERNAME}", "auth=-"]
    stored = ["credential", "set", "it", "--type", "REGISTRY", "--payload", *payload, "--no-check"]
    assert (await world.cli.run(*stored, stdin=SECRET)).code == 0
    result = await world.cli.run("preflight", IMAGE, "--deadline", "0.5", "--format", "json")
    [image] = result.shown["images"]
    row.agrees("image", f"{image['outcome']} ({image['reason']})")
    assert (result.code, result.shown["outcome"]) == (3, "unknown")
    assert result.shown["took_ms"] < 9000
    assert [asked.step for asked in site.secrets] == ["T+"]


@case("NET-33")
async def test_a_sweep_tells_nobody_before_the_confirmation(row: Row, world: World) -> None:
    await world.serve({"P": reply(404)})
    said, verdict, sent = await swept(world)
    row.agrees("credential", said)
    alive = replace(Standing(), state=State.ALIVE)
    first = heard(alive, verdict, 0, sent=sent)
    assert (first.standing.state, first.transition) == (State.SUSPECT, Transition.NONE)
    early = heard(first.standing, verdict, 9, sent=sent)
    assert (early.standing.state, early.transition) == (State.SUSPECT, Transition.NONE)
    late = heard(early.standing, verdict, 11, sent=sent)
    assert (late.standing.state, late.transition) == (State.IMPAIRED, Transition.IMPAIRED)


@case("NET-34")
async def test_a_registry_gone_tonight_moves_no_state(row: Row, world: World) -> None:
    site = await world.serve()
    assert (await world.check()).code == 0
    site.script("P", reply(404))
    world.cli.pace["challenge_fresh_s"] = 0
    said, verdict, sent = await swept(world)
    row.agrees("credential", said)
    for state in State:
        before = replace(Standing(), state=state)
        after = heard(before, verdict, 0, sent=sent)
        assert (after.standing.state, after.transition) == (state, Transition.NONE)


ON_THE_WAY: Final[dict[str, dict[str, Script]]] = {
    "throttled": {"L+": refused(401, "TOOMANYREQUESTS")},
    "ill": {"L+": reply(503)},
    "a wall": {"L+": page(401)},
    "a portal": {"P": page()},
    "cut": {"L+": scripts.cut_body(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}')},
    "broken": {"L+": scripts.reset()},
    "too large": {"L+": scripts.endless_body(status=401)},
}


@pytest.mark.parametrize("script", ON_THE_WAY.values(), ids=ON_THE_WAY.keys())
async def test_nothing_on_the_way_moves_a_state_however_often(script: dict[str, Script], world: World) -> None:
    """Night after night the same: an outage never becomes a death."""
    await world.serve(script)
    said, verdict, sent = await swept(world)
    assert said.startswith("unknown")
    standing: Standing | None = replace(Standing(), state=State.ALIVE)
    for night in range(5):
        step = heard(standing, verdict, night * 24 * 60, sent=sent)
        assert (step.standing.state, step.transition) == (State.ALIVE, Transition.NONE)
        standing = step.standing


SLOW_STEPS: Final = {"P": "unknown (timeout)", "L+": "unknown (timeout)", "L!": "unprovable (control_missing)"}


@pytest.mark.parametrize("step", SLOW_STEPS)
async def test_a_drip_ends_at_every_step_of_the_key(step: str, world: World) -> None:
    site = await world.serve({step: scripts.drip(b'{"token":"x"}' * 50, every_s=0.05)})
    result = await world.check(total_s=1)
    assert result.credential == SLOW_STEPS[step]
    assert all(exchange["ms"] < 2000 for exchange in result.shown["evidence"])
    assert len(site.secrets) == (0 if step == "P" else 1)


@pytest.mark.parametrize("step", ["T+", "H+"])
async def test_a_drip_ends_at_every_step_of_the_image(step: str, world: World) -> None:
    site = await world.serve({step: scripts.slow_headers(every_s=0.05)})
    result = await world.check("--image", IMAGE, total_s=1)
    assert (result.credential, result.image) == ("valid (login_accepted)", "unknown (timeout)")
    assert len(site.at(step)) == 1
