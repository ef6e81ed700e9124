"""Harbor: rows of others.md section 24, against the emulated one, known by its challenge."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cases.asking import asked, said, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import QUICK, Cli, Result
from tests.cases.servers import SECRET, challenged
from validator.emulator.plain import HARBOR, Account, Plain
from validator.evidence import Asker

HOST = "harbor.test"
ROBOT, DEAD = "robot$team+ci", "x" * 32
LOGIN = "/service/token"


class Clock:
    now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def harbor(cli: Cli, clock: Clock) -> AsyncIterator[Plain]:
    async with Plain(HARBOR, host=HOST, clock=clock) as emulated:
        emulated.provider = ""
        emulated.add(Account(name="robot", username=ROBOT, secret="r" * 32))
        cli.registries = emulated.settings()
        cli.pace = {**QUICK, "refused": {60: 100}}
        yield emulated


async def check(cli: Cli, username: str, secret: str, image: str | None = None) -> Result:
    return await cli.check(HOST, username, secret, *(("--image", f"{HOST}/{image}") if image else ()))


@case("OTHER-01")
async def test_a_dead_robot_that_still_pulls_what_is_public(row: Row, cli: Cli, harbor: Plain) -> None:
    result = row.holds(await check(cli, ROBOT, DEAD, "team/public:1"))
    assert "public_image" in result.shown["image"]["hints"]
    assert "Robot Accounts" in result.shown["advice"]
    probed = await asked(cli, HOST, ROBOT, DEAD, f"{HOST}/team/public:1", asker=Asker.PREFLIGHT)
    row.agrees("image", said_of_image(probed.verdict))
    assert probed.verdict.outcome != "valid"


@case("OTHER-02")
async def test_a_scoped_token_alone_says_nothing_of_the_pair(row: Row, cli: Cli, harbor: Plain) -> None:
    """The scoped control is known to be accepted, and a pre-flight asks with the scope alone, as a kubelet does."""
    await check(cli, ROBOT, DEAD, "other/private:1")
    harbor.requests.clear()
    probed = await asked(cli, HOST, "robot$team+new", DEAD, f"{HOST}/other/private:1", asker=Asker.PREFLIGHT)
    row.agrees("credential", said(probed.verdict))
    row.agrees("image", said_of_image(probed.verdict))
    assert harbor.refused_logins == ()
    assert harbor.count(path=LOGIN, authorization="basic", status=200) == 1


@case("OTHER-03")
async def test_a_name_that_another_client_locked(row: Row, cli: Cli, harbor: Plain, clock: Clock) -> None:
    username, secret = harbor.login("good")
    await check(cli, username, "another client's mistake")
    row.holds(await check(cli, username, secret), 0)
    assert len(harbor.refused_logins) == 2  # of each one: a directory may stand behind, so there is no repeat
    clock.now += 3
    row.holds(await check(cli, username, secret), 1)


@case("OTHER-04")
async def test_a_robot_whose_name_a_shell_cut(row: Row, cli: Cli, harbor: Plain) -> None:
    result = row.holds(await check(cli, "robot", "r" * 32))
    assert "username_form" in result.shown["hints"]
    assert "$" in result.shown["advice"]


@case("OTHER-05")
async def test_a_policy_forbids_the_image_and_not_the_pair(row: Row, cli: Cli, harbor: Plain) -> None:
    harbor.switch(policy_412=True)
    username, secret = harbor.login("good")
    row.holds(await check(cli, username, secret, "team/app:1"))


@case("OTHER-06")
async def test_a_realm_in_the_clear(row: Row, world) -> None:
    realm = 'Bearer realm="http://harbor.test/service/token",service="harbor-registry"'
    site = await world.serve({"P": challenged(realm)}, HOST)
    world.cli.registries = {}
    row.holds(await world.check(registry=HOST, secret=SECRET))
    assert site.steps == ["P"]
    assert site.secrets == []


async def test_a_good_robot_and_a_good_person(cli: Cli, harbor: Plain) -> None:
    for username, secret in ((ROBOT, "r" * 32), harbor.login("good")):
        assert (await check(cli, username, secret)).credential == "valid (login_accepted)"
    assert (await check(cli, *harbor.login("good"), "team/app:1")).credential == "valid (pull_proven)"


async def test_a_dead_pair_is_never_valid_by_a_public_image(cli: Cli, harbor: Plain) -> None:
    """A first contact by a pre-flight, with nothing known: the scoped login is all that was made, and its token names nobody."""
    probed = await asked(cli, HOST, ROBOT, DEAD, f"{HOST}/team/public:1", asker=Asker.PREFLIGHT)
    assert said(probed.verdict).startswith(("unprovable", "invalid"))
    assert said_of_image(probed.verdict) == "pullable (pull_ok)"
