"""Beyond the rows: what no note describes and an honest server does all the same. Each of these once came out wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from tests.cases.asking import asked, instead, pass_time, said, said_of_image
from tests.cases.network import World
from tests.cases.running import Cli
from tests.cases.scripted import BEARER, REPOSITORY, SECRET, USERNAME, Answers, Say, Scripted, err, tok
from tests.cases.servers import page, reply
from tests.cases.test_net_names import no_name, remember_no_name
from tests.conftest import WAITS
from validator.emulator import Ghcr
from validator.emulator.plain import HARBOR, HTPASSWD, ZOT, Plain
from validator.evidence import Asker
from validator.providers import Pace

OPEN_FOR_BEARER: Final[Answers] = {"P0": Say(body={}), "P+": err("UNAUTHORIZED", demand=BEARER), "P!": err("UNAUTHORIZED", demand=BEARER)}


@pytest.mark.parametrize("challenge", [BEARER, 'Bearer realm="http://elsewhere.test/token", Negotiate', None])
async def test_an_open_registry_that_offers_no_basic_has_not_judged_the_pair(challenge: str | None, cli: Cli) -> None:
    """It says 401 to whoever brings a Basic; that is no word about this one, good or dead."""
    script = {step: Say(answer.status, answer.body, demand=challenge) if answer.status == 401 else answer for step, answer in OPEN_FOR_BEARER.items()}  # type: ignore[union-attr]  # each is one answer
    async with Scripted(dict(script)) as registry:
        cli.registries = registry.settings()
        result = await cli.check(registry.host, USERNAME, SECRET)
        assert result.credential == "unprovable (anonymous_registry)"
        assert registry.count("P+", "L+") == 0
        if challenge != BEARER:
            return
        by_image = await cli.check(registry.host, USERNAME, SECRET, "--image", f"{registry.host}/{REPOSITORY}:1")
        assert by_image.credential == "valid (pull_proven)", "the manifest's challenge leads to the token server"


@pytest.mark.parametrize("challenge", ['Bearer realm="https://reg.test/a",realm="https://evil.test/b"', "Bearer", "Negotiate"])
async def test_a_basic_registry_that_demands_something_else_now_has_not_judged_the_pair(challenge: str, cli: Cli) -> None:
    """A good key at a site that changes over: what it asks for cannot be followed, and says nothing of the key."""
    async with Scripted({"P0": err("UNAUTHORIZED", demand='Basic realm="x"'), "P+": Say(body={}), "P!": err("UNAUTHORIZED")}) as registry:
        cli.registries = registry.settings()
        assert (await cli.check(registry.host, USERNAME, SECRET)).credential == "valid (login_accepted)"
        registry.script["P+"] = err("UNAUTHORIZED", demand=challenge)
        pass_time(cli, 120)
        assert (await cli.check(registry.host, USERNAME, SECRET)).credential == "unknown (ambiguous_refusal)"


async def test_an_open_registry_that_offers_both_looks_at_basic(cli: Cli) -> None:
    async with Scripted({"P0": Say(body={}), "P+": Say(body={}), "P!": err("UNAUTHORIZED")}) as registry:
        registry.script["P!"] = Say(401, headers=(("WWW-Authenticate", f'Bearer realm="{registry.realm}"'), ("WWW-Authenticate", 'Basic realm="x"')))
        cli.registries = registry.settings()
        assert (await cli.check(registry.host, USERNAME, SECRET)).credential == "valid (login_accepted)"


@pytest.mark.parametrize("name", ["dead", "good"])
async def test_an_open_registrys_image_needs_no_key(name: str, cli: Cli) -> None:
    """No node sends a key where nothing asks for one: a dead one blocks nothing there."""
    async with Plain(ZOT) as plain:
        cli.registries = plain.settings()
        cli.pace["refused"] = {60: 100}
        username, secret = plain.login(name)
        result = await cli.check("reg.test", username, secret, "--image", "reg.test/team/public:1")
        assert result.credential == ("invalid (refused)" if name == "dead" else "valid (login_accepted)")
        assert result.image == "pullable (pull_ok)"
        private = await cli.check("reg.test", username, secret, "--image", "reg.test/team/app:1")
        assert private.image == ("pullable (pull_ok)" if name == "good" else "denied (credential_refused)")


async def test_a_guarded_registry_is_asked_with_the_key(cli: Cli) -> None:
    async with Plain(HTPASSWD) as plain:
        cli.registries = plain.settings()
        result = await cli.check("reg.test", *plain.login("dead"), "--image", "reg.test/team/public:1")
        assert (result.credential, result.image) == ("invalid (refused)", "denied (credential_refused)")


async def test_where_a_dead_robot_still_pulls_that_is_said(cli: Cli) -> None:
    async with Plain(HARBOR) as plain:
        cli.registries = plain.settings()
        probed = await asked(cli, "reg.test", *plain.login("dead"), "reg.test/team/public:1", asker=Asker.CHECK)
        assert (said(probed.verdict), said_of_image(probed.verdict)) == ("invalid (refused)", "pullable (pull_ok)")


VENDORS: Final = ("nvcr.io", "docker.io", "ghcr.io", "registry.gitlab.com")
DIALLED: Final = {"docker.io": "registry-1.docker.io"}
SECRETS: Final = {
    "nvcr.io": ("$oauthtoken", "nvapi-" + "a" * 64),
    "docker.io": ("alice", "dckr_pat_" + "a" * 27),
    "ghcr.io": ("alice", "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"),
    "registry.gitlab.com": ("alice", "glpat-" + "a" * 20),
}
NOT_ITSELF: Final[dict[str, tuple[Any, str]]] = {
    "a page": (page(200, "<html><title>This site is blocked</title></html>"), "captive_portal protocol"),
    "404": (reply(404), "registry_ill protocol"),
    "405": (reply(405), "registry_ill protocol"),
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("answer", "reasons"), NOT_ITSELF.values(), ids=NOT_ITSELF)
async def test_a_vendors_own_host_is_never_a_typing_error(answer: Any, reasons: str, vendor: str, world: World) -> None:
    """Somebody stands on the way to nvcr.io while all others are well: nobody has mistyped it."""
    world.cli.registries = {"other.test": {"provider": "generic"}}
    await world.serve({}, "other.test")
    site = await world.serve({"P": answer}, DIALLED.get(vendor, vendor), fresh=False)
    assert (await world.check(registry="other.test")).code in (0, 3)
    username, secret = SECRETS[vendor]
    result = await world.check(registry=vendor, username=username, secret=secret)
    assert result.shown["verdict"] == "unknown"
    assert result.shown["reason"] in reasons.split()
    assert not site.secrets


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_vendors_own_name_that_is_not_found_for_days_is_no_typing_error(vendor: str, world: World) -> None:
    world.cli.registries = {"other.test": {"provider": "generic"}}
    await world.serve({}, "other.test")
    await remember_no_name(world, vendor, timedelta(days=3))
    username, secret = SECRETS[vendor]
    assert (await world.check(registry=vendor, username=username, secret=secret)).credential == "unknown (dns_nxdomain)"


async def test_a_host_that_was_a_registry_is_no_typing_error(world: World) -> None:
    """Its name is gone, and nobody's key was ever good there."""
    world.cli.registries = {"other.test": {"provider": "generic"}, "reg.test": {"provider": "generic"}}
    await world.serve({}, "other.test")
    await world.serve({"L+": reply(503)}, fresh=False)
    assert (await world.check()).credential == "unknown (server_error)"
    world.cli.pace["challenge_fresh_s"] = 0
    world.net.names["reg.test"] = [no_name()]
    await remember_no_name(world, "reg.test", timedelta(days=3))
    assert (await world.check()).credential == "unknown (dns_nxdomain)"


async def test_github_that_says_denied_to_nobody_is_ill(cli: Cli) -> None:
    """Those are the words to a dead token; said to somebody who brought none they are about nobody's."""
    async with Ghcr() as ghcr:
        cli.registries = {"ghcr.io": {**ghcr.settings()["ghcr.io"], "introspect": False}}
        cli.pace["refused"] = {60: 100}
        ghcr.registry.switch(outage_401=True)
        for name in ("good", "expired"):
            assert (await cli.check("ghcr.io", "octo", ghcr.secret(name))).credential == "unknown (registry_ill)"
        ghcr.registry.calm()
        assert (await cli.check("ghcr.io", "octo", ghcr.secret("expired"))).credential == "invalid (refused)"
        assert (await cli.check("ghcr.io", "octo", ghcr.secret("good"))).credential == "valid (login_accepted)"
        instead(ghcr.registry, lambda call: call.kind == "none" and call.path == "/token", lambda: ghcr._error(401, "UNAUTHORIZED", "no"))
        assert (await cli.check("ghcr.io", "octo", ghcr.secret("revoked"))).credential == "invalid (refused)"


@pytest.mark.parametrize("throttle", [Say(429), err("TOOMANYREQUESTS", 403), err("TOOMANYREQUESTS")])
async def test_a_refusal_soon_after_a_throttle_may_be_one(throttle: Say, cli: Cli) -> None:
    """6.2 e: some servers say 401 while they are being asked too often."""
    cli.pace["refused"] = {60: 100}
    async with Scripted({"L+": [throttle, err("UNAUTHORIZED")]}) as registry:
        cli.registries = registry.settings()
        assert (await cli.check(registry.host, USERNAME, SECRET)).credential == "unknown (throttled)"
        doubted = await cli.check(registry.host, USERNAME, SECRET)
        assert doubted.credential == "unknown (ambiguous_refusal)"
        assert doubted.shown["retry_at"] > doubted.shown["checked_at"]
        assert registry.count("L+") == 2, "it is not pressed"
        pass_time(cli, 2)
        assert (await cli.check(registry.host, USERNAME, SECRET)).credential == "invalid (refused)"
        registry.script["L+"] = [throttle, tok()]
        assert (await cli.check(registry.host, USERNAME, SECRET)).credential == "unknown (throttled)"
        assert (await cli.check(registry.host, USERNAME, SECRET)).credential == "valid (login_accepted)", "a yes is a yes"


async def test_what_each_look_costs(cli: Cli) -> None:
    """Counted by the server (registries/README.md 6.3); where scopes may be judged apart, a pull proof has the login before it."""
    async with Scripted({}) as registry:
        cli.registries = registry.settings()

        async def cost(*arguments: str) -> tuple[str, list[str]]:
            registry.seen.clear()
            return (await cli.check(registry.host, USERNAME, SECRET, *arguments)).credential, list(registry.seen)

        one, two = (("--image", f"{registry.host}/team/{name}:1") for name in ("app", "two"))
        assert await cost() == ("valid (login_accepted)", ["P0", "L+", "L!"])
        assert await cost() == ("valid (login_accepted)", ["L+"])
        assert await cost(*one) == ("valid (pull_proven)", ["L+", "T+", "H+", "T0", "H0"])
        assert await cost(*one) == ("valid (pull_proven)", ["L+", "T+", "H+"])
        assert await cost(*two) == ("valid (pull_proven)", ["L+", "T+", "H+", "T0", "H0"]), "the anonymous control is a repository's"
        assert registry.count("L!", "T!") == 0


async def test_where_a_scoped_control_was_refused_the_scoped_login_is_the_login(cli: Cli) -> None:
    """Made where anyone gets a token without scope (6.2): from then on a pull proof costs two."""
    async with Scripted({"L!": tok()}) as registry:
        cli.registries = registry.settings()
        image = ("--image", f"{registry.host}/{REPOSITORY}:1")
        for wanted in (["P0", "L+", "T+", "H+", "T0", "H0", "L!", "T!"], ["T+", "H+"]):
            registry.seen.clear()
            assert (await cli.check(registry.host, USERNAME, SECRET, *image)).credential == "valid (pull_proven)"
            assert registry.seen == wanted


async def test_a_basic_registry_costs_one_for_either(cli: Cli) -> None:
    async with Plain(HTPASSWD) as plain:
        cli.registries = plain.settings()
        for image, wanted in ((None, 3), (None, 1), ("team/app:1", 3), ("team/app:1", 2)):
            before = len(plain.requests)
            arguments = ("--image", f"reg.test/{image}") if image else ()
            result = await cli.check("reg.test", *plain.login("good"), *arguments)
            assert result.credential == ("valid (pull_proven)" if image else "valid (login_accepted)")
            assert len(plain.requests) - before == wanted


@pytest.mark.parametrize(("asker", "most"), [(Asker.SWEEP, 1), (Asker.CHECK, 2), (Asker.PREFLIGHT, 2)])
async def test_a_dead_pair_is_refused_once_or_twice(asker: Asker, most: int, cli: Cli) -> None:
    for image in (None, "team/app:1", "team/public:1"):
        async with Plain() as plain:
            cli.home = cli.home / "next"
            cli.home.mkdir()
            cli.registries = plain.settings()
            probed = await asked(cli, "reg.test", *plain.login("dead"), f"reg.test/{image}" if image else None, asker=asker)
            assert said(probed.verdict) == "invalid (refused)"
            assert len(plain.refused_logins) == most


async def test_a_403_of_before_an_acceptance_is_forgotten(cli: Cli) -> None:
    """Denied once, let in, denied once more: that is once, not twice apart."""
    denied = err("DENIED", 403)
    async with Scripted({"L+": [tok(), denied, tok(), denied, denied]}) as registry:
        cli.registries = registry.settings()
        looks = (
            "valid (login_accepted)",
            "unknown (ambiguous_refusal)",
            "valid (login_accepted)",
            "unknown (ambiguous_refusal)",
            "insufficient (login_denied)",
        )
        for wanted in looks:
            assert (await cli.check(registry.host, USERNAME, SECRET)).credential == wanted
            pass_time(cli, 30)


async def test_a_403_of_long_ago_is_forgotten(cli: Cli) -> None:
    async with Scripted({"L+": [tok(), err("DENIED", 403)]}) as registry:
        cli.registries = registry.settings()
        for days, wanted in ((0, "valid (login_accepted)"), (1, "unknown (ambiguous_refusal)"), (9, "unknown (ambiguous_refusal)")):
            pass_time(cli, days * 24 * 60) if days else None
            assert (await cli.check(registry.host, USERNAME, SECRET)).credential == wanted


def test_the_waits_that_tests_shorten_are_two_seconds() -> None:
    """The notes' "404 twice, 2 s apart" and "again after 2 s"."""
    assert set(WAITS.values()) == {2.0}
    assert Pace().repeat_after_s == 3.0
