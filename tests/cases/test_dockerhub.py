"""Docker Hub: the rows of dockerhub.md section 10, against the emulated Docker Hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from tests.cases.asking import asked, inquiry, pass_time, probing, said, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import Cli, Result
from validator.emulator import DockerHub
from validator.emulator.dockerhub import Outage, State
from validator.evidence import Asker, Evidence, Exchange, Known, Party, Step, Subject
from validator.protocol.errcode import BodyShape
from validator.providers.dockerhub import DOCKERHUB
from validator.verdict import decide

PENDING: Final = {
    "HUB-04": "its confirmation is queued: with the sweep; its state: test_vendor_lives",
    "HUB-10": "nobody mailed: with the sweep",
    "HUB-11": "no notice: with the sweep",
    "HUB-13": "all copies, dead after confirmation: with the sweep",
    "HUB-12": "no further probe of that name: with the sweep; here its window is held",
}


@pytest.fixture
async def hub(cli: Cli) -> AsyncIterator[DockerHub]:
    async with DockerHub() as emulated:
        cli.registries = emulated.settings()
        yield emulated


def secret_of(hub: DockerHub, name: str) -> tuple[str, str]:
    """Username and secret of a planted token, or of a person's password."""
    if name in hub.tokens:
        return hub.tokens[name].account, hub.tokens[name].secret
    return name, hub.accounts[name].password or ""


async def check(cli: Cli, pair: tuple[str, str], image: str | None = None, *more: str) -> Result:
    return await cli.check("docker.io", *pair, *(("--image", image) if image else ()), *more)


@dataclass(frozen=True)
class Asked:
    """A row as one check of a planted token or account: `username` in place of its own, and the refusals that it costs."""

    name: str = "good"
    image: str | None = None
    username: str | None = None
    quirks: dict[str, Any] = field(default_factory=dict)
    refused: int = 0


ROWS: Final[dict[str, list[Asked]]] = {
    "HUB-01": [Asked()],
    "HUB-02": [Asked(image="acme/app:1.0")],
    "HUB-03": [
        Asked("public_read", "ada/private:1.0", quirks={"narrow_at": "token"}),
        Asked("public_read", "ada/private:1.0", quirks={"narrow_at": "manifest"}),
    ],
    "HUB-04": [Asked("deleted", refused=2)],
    "HUB-05": [Asked("expired", refused=1)],
    "HUB-06": [Asked("oat_expired", refused=1)],
    "HUB-07": [Asked("oat", username="ada", refused=2)],
    "HUB-08": [Asked("grace", refused=2)],
    "HUB-09": [Asked(quirks={"outage": Outage.SSO_WORDS}, refused=1)],
    "HUB-14": [Asked()],
    "HUB-15": [Asked(image="globex/secret:latest"), Asked(image="globex/there-is-none:latest")],
    "HUB-16": [Asked(image="acme/app:gone")],
    "HUB-17": [Asked("acme"), Asked("acme", image="library/alpine")],
    "HUB-18": [Asked("deleted", "library/alpine:3.22", refused=2)],
    "HUB-19": [
        Asked(image="library/alpine", quirks={"pull_limit": 0}),
        Asked(image="library/alpine", quirks={"pull_limit": 0, "head_429": True}),
    ],
    "HUB-22": [Asked(image="acme/barred:latest")],
    "HUB-24": [Asked(quirks={"realm": "foreign"}), Asked(image="acme/app:1.0", quirks={"realm": "foreign"})],
    "HUB-25": [Asked("oat_no_public", "library/alpine:3.22"), Asked("oat_no_public", "ada/public:latest")],
    "HUB-26": [Asked(username="ada@example.org", refused=2)],
}


@case(*ROWS)
async def test_row(row: Row, cli: Cli) -> None:
    for at, told in enumerate(ROWS[row.id]):
        cli.home = cli.home / f"run-{at}"
        cli.home.mkdir()
        async with DockerHub() as hub:
            cli.registries = hub.settings()
            hub.quirk(**told.quirks)
            username, secret = secret_of(hub, told.name)
            result = row.holds(await check(cli, (told.username or username, secret), told.image), at)
            assert hub.logins.by_name[told.username or username] == told.refused
            assert hub.count(listener="foreign") == 0
            assert not [one for one in hub.requests if one.listener == "registry" and one.authorization == "basic"]
            assert not [one for one in hub.requests if one.method not in ("HEAD", "GET") or (one.method == "GET" and "manifests" in one.path)]
            note(row, result, hub, at)


def note(row: Row, result: Result, hub: DockerHub, at: int) -> None:
    """The free text of these rows."""
    shown = result.shown
    image = shown.get("image", {})
    match row.id:
        case "HUB-03":
            assert shown["verdict"] != "invalid"
        case "HUB-05" | "HUB-06":
            assert "https://app.docker.com/" in shown["advice"]
        case "HUB-07":
            assert "username_form" in shown["hints"]
            assert "organization" in shown["advice"]
        case "HUB-09":
            assert hub.count(status=401, listener="auth") == 2, "the stored secret, and a made-up one in the same words"
        case "HUB-14":
            assert [one.query for one in hub.requests if one.listener == "auth"] == [{"service": ("registry.docker.io",)}] * 2
        case "HUB-15":
            assert "read access" in image["advice"]
            assert "spelling" in image["advice"]
        case "HUB-16":
            assert shown["level"] == "login"
        case "HUB-17" | "HUB-24":
            sent = {one.authorization for one in hub.requests}
            assert sent <= {"none", "bearer"}
            assert hub.requests == [] or row.id == "HUB-24" or at == 1
        case "HUB-18":
            assert image["hints"] == ["public_image"]
        case "HUB-19":
            assert at == 1 or image["hints"] == ["pull_limit_near"]
        case "HUB-26":
            assert "username_form" in shown["hints"]
            assert "no e-mail address" in shown["advice"]
        case _:
            pass


def auth(status: int, text: str, party: Party = Party.SUBJECT) -> Exchange:
    """A login at auth.docker.io and its answer in words."""
    return Exchange(
        step=Step.LOGIN, party=party, method="GET", url="https://auth.docker.io/token", status=status, authorized=True,
        shape=BodyShape.OAUTH, text=text,
    )  # fmt: skip


@case("HUB-09", "HUB-10")
def test_a_canary_that_is_refused_in_the_same_words_speaks_of_the_registry(row: Row) -> None:
    words = {"HUB-09": "please use personal access token to login when SSO is enforced", "HUB-10": "incorrect username or password"}[row.id]
    subject = Subject(host="docker.io", username="ada", asker=Asker.SWEEP)
    evidence = Evidence(subject, Known(ever_valid=True), (auth(401, words), auth(401, words, Party.CANARY)))
    row.agrees("credential", said(decide(evidence, DOCKERHUB.traits, DOCKERHUB.table)))


@case("HUB-10")
async def test_an_outage_that_takes_anonymous_clients_too_is_seen_without_a_canary(row: Row, cli: Cli, hub: DockerHub) -> None:
    hub.quirk(outage=Outage.ALL_401)
    row.holds(await check(cli, secret_of(hub, "good")))
    assert hub.logins.by_name["ada"] == 1, "no repeat at a registry that is ill"


@case("HUB-11")
async def test_one_spurious_401(row: Row, cli: Cli, hub: DockerHub) -> None:
    pair = secret_of(hub, "good")
    hub.auth.switch(spurious_401_once=True)
    row.agrees("credential", said((await asked(cli, "docker.io", *pair)).verdict), 0)
    row.agrees("credential", said((await asked(cli, "docker.io", *pair)).verdict), 1)


@case("HUB-11")
async def test_who_waits_hears_nothing_of_a_spurious_401(row: Row, cli: Cli, hub: DockerHub) -> None:
    hub.auth.switch(spurious_401_once=True)
    row.holds(await check(cli, secret_of(hub, "good")), 1)


@case("HUB-12")
async def test_a_locked_name_is_no_dead_key(row: Row, cli: Cli, hub: DockerHub) -> None:
    for pair in (secret_of(hub, "locked"), ("lena", "another secret")):
        shown = row.holds(await check(cli, pair)).shown
        assert datetime.fromisoformat(shown["retry_at"]) - datetime.fromisoformat(shown["checked_at"]) == timedelta(minutes=15)
    assert (await check(cli, secret_of(hub, "locked"))).credential == "unknown (budget_spent)"
    assert hub.count(listener="auth", username="lena") == 2, "one each; no repeat, and the name's window is spent"


@case("HUB-13")
async def test_six_copies_of_a_dead_password_cost_two_refusals(row: Row, cli: Cli, hub: DockerHub) -> None:
    pair = ("ada", "an old password")
    row.holds(await check(cli, pair))
    for _ in range(5):
        again = await check(cli, pair, "acme/app:1.0")
        assert (again.credential, again.image) == ("unknown (budget_spent)", "unknown (budget_spent)")
        wait = datetime.fromisoformat(again.shown["retry_at"]) - datetime.fromisoformat(again.shown["checked_at"])
        assert 1700 < wait.total_seconds() <= 1801
    assert hub.logins.by_name["ada"] == 2
    assert hub.truth(*secret_of(hub, "good")).accepted, "the name's other tokens work on"


@case("HUB-20")
async def test_an_address_that_is_not_served(row: Row, cli: Cli, hub: DockerHub) -> None:
    hub.quirk(embargo=True)
    for pair in (secret_of(hub, "good"), secret_of(hub, "deleted"), ("nobody", "x")):
        row.holds(await check(cli, pair), 0)
    hub.quirk(embargo=False)
    hub.registry.switch(waf_403=True)
    for pair in (secret_of(hub, "good"), secret_of(hub, "deleted")):
        row.holds(await check(cli, pair), 1)
    assert {request.authorization for request in hub.requests} == {"none"}


ALIASES: Final = {
    "docker.io": False,
    "index.docker.io": False,
    "https://index.docker.io/v1/": False,
    "https://index.docker.io/v1": True,
    "registry-1.docker.io": True,
    "https://registry-1.docker.io/v2/": True,
    "registry.hub.docker.com": True,
    "": False,
}
"""What people write for Docker Hub, and whether a kubelet that finds this key would never use it (README 3.3; "" is no key)."""


@case("HUB-21")
async def test_every_name_of_docker_hub_is_one_registry(row: Row, cli: Cli, hub: DockerHub) -> None:
    """The row claims no verdict; its note does: one registry, and a warning where no image matches the key."""
    username, secret = secret_of(hub, "good")
    for written, unused in ALIASES.items():
        result = await cli.check(written, username, secret, "--image", "docker.io/acme/app:1.0")
        assert (result.shown["registry"], result.credential) == ("docker.io", "valid (pull_proven)"), written
        assert ("never_matches" in result.shown["hints"]) == unused, written
    assert hub.count(username="ada", status=200) == len(ALIASES)
    assert "never_matches" in row.note


@case("HUB-23")
async def test_a_token_that_is_activated_again(row: Row, cli: Cli, hub: DockerHub) -> None:
    pair = secret_of(hub, "deactivated")
    result = row.holds(await check(cli, pair), 0)
    assert "deactivated" in result.shown["advice"]
    hub.change("deactivated", state=State.ACTIVE)
    pass_time(cli, 31)
    row.holds(await check(cli, pair), 1)


@case("HUB-27")
async def test_a_renewed_token_does_not_pay_for_the_dead_one(row: Row, cli: Cli, hub: DockerHub) -> None:
    dead, renewed = secret_of(hub, "deleted"), secret_of(hub, "good")
    async with probing(cli) as probe:
        await probe.ask(inquiry("docker.io", *dead, "docker.io/acme/app:1.0", asker=Asker.PREFLIGHT))
    assert hub.logins.by_name["ada"] == 2
    row.holds(await check(cli, renewed, "acme/app:1.0"), 0)
    pass_time(cli, 12)
    seen = len(hub.requests)
    probed = await asked(cli, "docker.io", *dead, "docker.io/acme/app:1.0", asker=Asker.PREFLIGHT)
    row.agrees("credential", said(probed.verdict), 1)
    row.agrees("image", said_of_image(probed.verdict), 1)
    assert not [one for one in hub.requests[seen:] if one.authorization == "basic"]


@case("HUB-28")
async def test_platforms_cost_no_pull_that_is_not_needed(row: Row, cli: Cli, hub: DockerHub) -> None:
    pair, wanted = secret_of(hub, "good"), ("--platform", "linux/amd64")
    single = await check(cli, pair, "library/single:latest", *wanted)
    row.agrees("image", single.image)
    assert single.shown["image"]["platforms"] is None
    assert hub.pulls.pulls.get(hub.accounts["ada"].id) == []
    for _ in range(2):
        index = await check(cli, pair, "library/alpine:3.22", *wanted)
        row.agrees("image", index.image)
        assert "linux/arm/v6" in index.shown["image"]["platforms"]
        assert len(hub.pulls.pulls[hub.accounts["ada"].id]) == 1
    assert not [one for one in hub.requests if "/blobs/" in one.path]
