"""The credential of OSMO's own images, asked about: its death is the operator's alone to hear, and pre-flights answer for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Answers, err, image
from tests.cases.test_osmo_store import night as asking
from tests.emulated.night import HOST, Night, a_night
from tests.lanes.working import sweep_by, work_of
from tests.postgres.server import Postgres
from tests.stores.osmo_house import House
from validator.config import Settings
from validator.credential import BACKEND_IMAGES, OSMOS_OWN
from validator.ledger import open_embedded_on
from validator.ledger.notices import Kind
from validator.notifiers.base import Alert
from validator.stores.osmo import open_osmo

__all__ = ["cli"]

ALIVE, REFUSED = 200, 401
ANN = "ann@example.org"


@pytest.fixture
async def night(postgres: Postgres, osmo_database: str, house: House, tmp_path: Path) -> AsyncIterator[Night]:
    """Nights over OSMO's database, OSMO's own credential in it."""
    server = postgres.server(osmo_database)
    house.backend_images(f"{HOST}/osmo", "osmo-robot", "own-1")
    wide = {HOST: {"pace": {"refused": {60: 1000}}}}
    async with (
        open_osmo(server, Settings(**house.settings()).osmo, {}) as store,
        open_embedded_on(server, house.file.with_name("master.key")) as opened,
        a_night(tmp_path / "home", ledger=opened, registries=wide) as one,
    ):
        one.store = store  # type: ignore[assignment]  # a night's is SQLite's
        store._monotonic = lambda: one.clock.ticks
        one.world.logins["anns"] = [ALIVE]
        house.add(ANN, "c", HOST, auth="anns")
        yield one


async def alerts(night: Night) -> dict[str, str]:
    """What lasts, by what it is about."""
    return {one.subject: str(one.facts["text"]) for one in await night.opened.ledger.alerts.all()}


async def history(night: Night) -> list[tuple[str, str]]:
    """What became of OSMO's own, and who was told."""
    return [(event.transition.value, event.notice or "") for event in await night.opened.ledger.history.of(OSMOS_OWN)]


DIED = (
    "OSMO's own credential was refused, and refused again. The registry refuses this username and secret. OSMO pulls its own images with it in "
    "every pod, so every workflow stops. What to do: set `backend_images.credential` in OSMO's configuration."
)


async def test_its_death_is_told_to_the_operator_once_and_to_no_user(night: Night, house: House) -> None:
    night.world.logins["own-1"] = [ALIVE, REFUSED]
    found = await night.sweep()
    assert {name: row.plan.state for name, row in found.items()} == {"c": "alive", BACKEND_IMAGES: "alive"}
    assert (night.told.alerts, night.told.digests) == ([], [])
    await night.sweep(after_h=24)
    assert (night.told.alerts, night.told.digests, await alerts(night)) == ([Alert.OSMOS_OWN], [], {f"{HOST}/osmo": DIED})
    assert [event for event in await history(night) if event[0] != "none"] == [("died", "")]
    for _ in range(3):
        await night.sweep(after_h=24)
        assert (night.told.alerts, night.told.digests) == ([], []), "it lasts"
    kept = await night.opened.ledger.notices.all(kind=Kind.USER)
    assert (kept, await night.opened.ledger.history.untold()) == ((), 0)

    night.world.logins["own-2"] = [ALIVE, REFUSED]
    house.backend_images(f"{HOST}/osmo", "osmo-robot", "own-2")
    await night.sweep(after_h=24)
    assert (night.told.alerts, await alerts(night)) == ([], {}), "it is over"
    await night.sweep(after_h=24)
    assert night.told.alerts == [Alert.OSMOS_OWN], "another secret, another death"
    [text] = [notice.lines for notice in await night.opened.ledger.notices.all(kind=Kind.OPERATOR)][-1]
    assert not any(word in str(text) for word in ("osmo-robot", "own-2", "own-1"))


async def test_workers_tell_the_operator_as_one_sweep_does(night: Night) -> None:
    night.world.logins["own-1"] = [ALIVE, REFUSED]
    for _ in range(2):
        await sweep_by(work_of(night))
        night.clock.pass_by(24 * 3600)
    assert (night.told.alerts, night.told.digests, list(await alerts(night))) == ([Alert.OSMOS_OWN], [], [f"{HOST}/osmo"])


async def test_a_row_that_cannot_be_read_is_the_operators_and_the_others_are_asked(night: Night, house: House) -> None:
    house.put_backend_images('{"credential": ')
    found = await night.sweep()
    assert {name: row.plan.state for name, row in found.items()} == {"c": "alive", BACKEND_IMAGES: "never_checked"}
    assert (found[BACKEND_IMAGES].reason, night.told.alerts, night.told.digests) == ("unreadable", [Alert.UNREADABLE], [])
    assert list(await alerts(night)) == [f"{OSMOS_OWN} {BACKEND_IMAGES}"]


async def test_its_end_is_told_anew_as_it_comes_nearer(night: Night) -> None:
    night.world.logins["own-1"] = [ALIVE]
    await night.sweep()
    [row] = await night.opened.ledger.statuses.all(OSMOS_OWN)
    ends = night.clock.wall + timedelta(days=10)
    await night.opened.ledger.statuses.put(replace(row, expires_at=ends))
    told = []
    for _ in range(11):
        await night.sweep(after_h=24)
        told.append((len(night.told.alerts), len(night.told.digests)))
    assert [number for number, _ in told] == [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]
    assert {users for _, users in told} == {0}
    [(subject, text)] = (await alerts(night)).items()
    assert (subject, text[:52]) == (f"{HOST}/osmo, 1 day before its end", "OSMO's own credential ends on 3 December 2026. OSMO ")


async def preflight(here: Cli, name: str, user: str = ANN) -> tuple[str, str | None, list[str], str]:
    ran = await here.run("preflight", name, "--user", user, "--format", "json")
    [one] = ran.shown["images"]
    assert not any(word in ran.out + ran.err for word in (USERNAME, SECRET, BACKEND_IMAGES))
    return f"{one['outcome']} ({one['reason']})", one["via"], one["hints"], one["advice"]


GONE: Answers = {"T+": err("UNAUTHORIZED"), "L+": err("UNAUTHORIZED")}
OTHERS = "Check the image's name, or store a credential of yours for this registry: none but OSMO's own matches"


async def test_an_image_that_only_osmos_key_can_pull_is_not_denied(cli: Cli, house: House) -> None:
    house.backend_images("reg.test", USERNAME, SECRET)
    async with asking(cli, house, "reg.test") as here:
        assert await preflight(cli, "reg.test/team/app") == ("pullable (pull_ok)", OSMOS_OWN, [], "Nothing to do")
        assert "via OSMO's own credential" in (await cli.run("preflight", "reg.test/team/app", "--user", ANN)).out
        assert here.registry.count("T+") > 0


async def test_a_public_image_under_osmos_dead_key_is_not_pullable(cli: Cli, house: House) -> None:
    house.backend_images("reg.test/te", USERNAME, SECRET)  # a kubelet's prefix, though it is no path of OSMO's
    async with asking(cli, house, "reg.test", script={**GONE, "H0": image()[0]}):
        said, via, hints, advice = await preflight(cli, "reg.test/team/app")
        assert (said, via, hints) == ("denied (credential_refused)", None, ["public_image"])
        assert advice.startswith("Tell OSMO's operator that OSMO's own credential is refused, or store one of yours for this registry")
        assert (await preflight(cli, "reg.test/other/app"))[0] == "pullable (public)", "it does not match"


async def test_a_users_own_key_goes_before_osmos_dead_one(cli: Cli, house: House) -> None:
    house.backend_images("reg.test", "osmo-robot", "dead")
    house.add(ANN, "mine", "reg.test", USERNAME, SECRET)
    async with asking(cli, house, "reg.test"):
        assert (await preflight(cli, "reg.test/team/app"))[:3] == ("pullable (pull_ok)", "mine", [])


async def test_a_private_image_that_osmos_key_may_not_read_asks_for_a_key_of_ones_own(cli: Cli, house: House) -> None:
    house.backend_images("reg.test", USERNAME, SECRET)
    async with asking(cli, house, "reg.test", script={"H+": err("DENIED", 403)}):
        said, _, _, advice = await preflight(cli, "reg.test/team/app")
        assert (said.partition(" ")[0], advice) == ("denied", OTHERS)


async def test_status_explain_and_a_sweep_of_it_alone_show_it_to_the_operator(cli: Cli, house: House) -> None:
    house.backend_images("reg.test", USERNAME, SECRET)
    house.add(ANN, "c", "reg.test", "x", "y")
    async with asking(cli, house, "reg.test") as here:
        ran = await cli.run("sweep", "--user", OSMOS_OWN, "--format", "json")
        assert [(row["user"], row["name"], row["verdict"]) for row in ran.shown["credentials"]] == [(OSMOS_OWN, BACKEND_IMAGES, "valid")]
        shown = (await cli.run("status", "--format", "json")).shown["credentials"]
        assert [(row["user"], row["name"], row["state"]) for row in shown] == [(OSMOS_OWN, BACKEND_IMAGES, "alive"), (ANN, "c", "never_checked")]
        told = (await cli.run("explain", BACKEND_IMAGES, "--user", OSMOS_OWN)).out
        assert "OSMO pulls its own images with it in every pod: without it every workflow stops." in told
        assert (USERNAME in told, here.told()) == (False, 0)
        rows = house.connection.execute("SELECT user_name FROM validator.credential_status").fetchall()
        assert rows == [(ANN,)], "the view has the rows of OSMO's table `credential` alone"


async def test_what_impairs_it_is_told_with_what_to_do_and_nobody_is_counted_who_wants_no_notices(cli: Cli, house: House) -> None:
    house.backend_images("nvcr.io/osmo", "osmo-robot", "nvapi-" + "x" * 64)
    async with asking(cli, house, "nvcr.io", provider="ngc") as here:
        cli.more = house.settings(notify="profile")
        assert await here.sweep() == {BACKEND_IMAGES: "misconfigured (wrong_username)"}
        [(kind, subject, text)] = house.connection.execute("SELECT kind, subject, facts ->> 'text' FROM validator.alerts").fetchall()
        assert (kind, subject, here.told()) == ("osmo_credential_failed", "nvcr.io/osmo", 0)
        assert text.startswith("OSMO's own credential cannot be used for pulling as it is stored. ")
        told = (await cli.run("explain", BACKEND_IMAGES, "--user", OSMOS_OWN)).out
        assert all("set `backend_images.credential` in OSMO's configuration" in said for said in (text, told))
        assert not any(word in said for said in (text, told) for word in ("osmo-robot", "nvapi-x"))
