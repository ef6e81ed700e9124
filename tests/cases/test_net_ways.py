"""Who stands on the way: proxies, portals, redirects, web sites. NET-13, NET-22 … NET-28, NET-33, NET-34, NET-36."""

from __future__ import annotations

from typing import Final

import pytest

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import BEARERS, IMAGE, USERNAME, bare, challenged, demanding, hidden_from, led, manifest, page, reply, shown, token
from validator.emulator.hostile import Mode, Proxy, Script

PENDING: Final = {"NET-33": "a sweep's silence before the confirmation: with the states", "NET-34": "the statuses of a sweep: with the states"}

REFUSING: Final[dict[str, Mode]] = {"407": "407", "CONNECT 403": "connect_403", "CONNECT 502": "connect_502", "a proxy that hangs up": "drops"}


@pytest.mark.parametrize("mode", REFUSING.values(), ids=REFUSING.keys())
@case("NET-13")
async def test_a_proxy_that_refuses_says_nothing_of_the_key(row: Row, mode: Mode, world: World) -> None:
    site = await world.serve()
    async with Proxy(mode=mode) as proxy:
        pair = world.home / "proxy.txt"
        pair.write_text("user:PROXY-CANARY-77\n")
        world.cli.more["network"] |= {"proxy": proxy.url, "proxy_auth_file": str(pair)}
        result = row.holds(await world.check())
        assert [seen.target for seen in proxy.requests] == ["reg.test:443"]
    assert site.asked == 0
    assert world.net.asked == []  # the proxy resolves, not we
    hidden_from(result.out, result.err, secret="PROXY-CANARY-77", username="user")


async def test_a_proxy_that_works_sees_no_secret(world: World) -> None:
    site = await world.serve()
    async with Proxy(routes={f"{name}:443": ("127.0.0.1", site.port) for name in ("reg.test", "auth.reg.test")}) as proxy:
        world.cli.more["network"] |= {"proxy": proxy.url}
        assert (await world.check()).credential == "valid (login_accepted)"
        assert {seen.target for seen in proxy.requests} == {"reg.test:443", "auth.reg.test:443"}
        assert not any(seen.authorization or seen.proxy_username for seen in proxy.requests)
    assert len(site.secrets) == 1


async def test_a_proxy_that_is_not_there_is_the_proxys_fault(world: World) -> None:
    site = await world.serve()
    async with Proxy() as proxy:
        url = proxy.url
    world.cli.more["network"] |= {"proxy": url}
    assert (await world.check()).credential == "unknown (proxy_error)"
    assert site.asked == 0


async def test_a_407_of_the_registry_itself_is_a_proxys(world: World) -> None:
    site = await world.serve({"L+": reply(407, b"", {"Proxy-Authenticate": 'Basic realm="x"'})})
    assert (await world.check()).credential == "unknown (proxy_error)"
    assert len(site.secrets) == 1


@case("NET-22")
async def test_a_portal_is_no_registry(row: Row, world: World) -> None:
    site = await world.serve({"P": reply(511, "<html>log in</html>", {"Content-Type": "text/html"})})
    row.holds(await world.check())
    assert site.steps == ["P"]
    site = await world.serve({"P": page()})
    row.holds(await world.check())
    assert set(site.steps) == {"P"}


async def test_a_portal_for_all_hosts_is_a_portal(world: World) -> None:
    world.cli.registries = {"other.test": {"provider": "generic"}, "reg.test": {"provider": "generic"}}
    site = await world.serve({"P": page()}, "reg.test", "other.test")
    assert (await world.check()).credential == "unknown (captive_portal)"
    assert not site.secrets


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@case("NET-23")
async def test_a_portals_redirect_is_not_followed(row: Row, status: int, world: World) -> None:
    site = await world.serve({"P": led(status, "https://portal.test/")})
    portal = await world.serve({}, "portal.test", fresh=False)
    row.holds(await world.check())
    assert site.steps == ["P"]
    assert portal.asked == 0
    assert "portal.test" not in world.net.asked


@pytest.mark.parametrize("to", ["/v2", "https://reg.test/v2", "//reg.test/elsewhere/v2", "HTTPS://REG.TEST:443/v2?x=1", "./"])
@case("NET-24")
async def test_a_ping_may_be_led_on_the_same_host(row: Row, to: str, world: World) -> None:
    site = await world.serve(
        {"/v2/": [led(301, to), demanding("https://auth.reg.test/token")], "/elsewhere/v2": demanding("https://auth.reg.test/token")}
    )
    site.script("/v2", demanding("https://auth.reg.test/token"))
    row.holds(await world.check())
    assert len(site.secrets) == 1
    assert site.secrets[0].host == "auth.reg.test"


ASTRAY: Final = {
    "another host": "https://evil.test/token", "http": "http://auth.reg.test/token", "another port": "https://auth.reg.test:8443/token",
    "the registry": "https://reg.test/token", "another host, by //": "//evil.test/token", "userinfo": "https://auth.reg.test@evil.test/token",
    "our userinfo": "https://u:p@auth.reg.test/token", "a backslash": "https://evil.test\\@auth.reg.test/token", "a tab": "https://evil.test\t/x",
    "no scheme of ours": "ftp://auth.reg.test/token", "a script": "javascript:alert(1)", "empty": "", "a port beyond": "https://auth.reg.test:99999/t",
    "a name like it": "https://auth.reg.test.evil.test/token",
}  # fmt: skip


@pytest.mark.parametrize("to", ASTRAY.values(), ids=ASTRAY.keys())
@case("NET-25")
async def test_a_login_that_is_led_astray_ends_there(row: Row, to: str, world: World) -> None:
    site = await world.serve({"L+": led(307, to)})
    evil = await world.serve({}, "evil.test", fresh=False)
    row.holds(await world.check())
    assert [(asked.step, asked.host) for asked in site.secrets] == [("L+", "auth.reg.test")]
    assert evil.asked == 0
    assert set(world.net.asked) == {"reg.test", "auth.reg.test"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_scoped_login_that_is_led_astray_leaves_the_image_unknown(status: int, world: World) -> None:
    site = await world.serve({"T+": led(status, "https://evil.test/token")})
    evil = await world.serve({}, "evil.test", fresh=False)
    result = await world.check("--image", IMAGE)
    assert (result.credential, result.image) == ("valid (login_accepted)", "unknown (unsafe_redirect)")
    assert {asked.host for asked in site.secrets} == {"auth.reg.test"}
    assert evil.asked == 0


async def test_two_places_to_go_are_none(world: World) -> None:
    twice = reply(307, b"", (("Location", "/token2"), ("Location", "https://evil.test/")))
    site = await world.serve({"L+": twice})
    assert (await world.check()).credential == "unknown (unsafe_redirect)"
    assert len(site.secrets) == 1
    site = await world.serve({"L+": reply(307)})
    assert (await world.check()).credential == "unknown (unsafe_redirect)"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["/new/place?k=1", "https://auth.reg.test/new/place", "https://AUTH.reg.test:443/new/place#frag"])
@case("NET-26")
async def test_a_login_may_move_within_its_origin(row: Row, status: int, to: str, world: World) -> None:
    site = await world.serve({"L+": led(status, to), "/new/place": token(BEARERS["+"])})
    row.holds(await world.check())
    assert [(asked.host, asked.wire.path) for asked in site.secrets] == [("auth.reg.test", "/token"), ("auth.reg.test", "/new/place")]


async def test_a_login_moves_once(world: World) -> None:
    site = await world.serve({"L+": led(308, "/a"), "/a": led(308, "/b"), "/b": token(BEARERS["+"])})
    assert (await world.check()).credential == "unknown (unsafe_redirect)"
    assert [asked.wire.path for asked in site.secrets] == ["/token", "/a"]


@case("NET-27")
async def test_a_content_network_gets_no_authorization(row: Row, world: World) -> None:
    site = await world.serve({"H+": led(307, "https://cdn.test/blob?sig=1")})
    cdn = await world.serve({"/blob": shown(manifest(), head=True)}, "cdn.test", fresh=False)
    result = await world.check("--image", IMAGE)
    row.agrees("image", result.image)
    assert result.credential == "valid (pull_proven)"
    assert cdn.asked == 1
    assert cdn.asked_of[0].wire.value("authorization") is None
    assert site.at("H+")[0].value("authorization") is not None


FAR: Final[dict[str, tuple[str, str, bool]]] = {
    "in the clear": ("http://cdn.test/blob", "unsafe_redirect", False),
    "with userinfo": ("https://u:p@cdn.test/blob", "unsafe_redirect", False),
    "a private name": ("https://inside.test/blob", "unsafe_address", False),
    "nowhere": ("https://nowhere.test/blob", "dns_nxdomain", False),
    "a challenge there": ("https://cdn.test/private", "", True),
    "back home": ("https://cdn.test/back", "", True),
    "round and round": ("https://cdn.test/loop", "unsafe_redirect", True),
}


@pytest.mark.parametrize(("to", "reason", "asked"), FAR.values(), ids=FAR.keys())
async def test_a_manifest_that_is_led_away_takes_no_token_along(to: str, reason: str, asked: bool, world: World) -> None:
    site = await world.serve({"H+": led(307, to)})
    cdn = await world.serve(
        {
            "/private": bare(challenged('Bearer realm="https://evil.test/token"', 'Basic realm="x"')),
            "/back": led(307, f"https://reg.test/v2/{IMAGE.partition('/')[2].replace(':', '/manifests/')}"),
            "/loop": led(307, "/loop"),
        },
        "cdn.test",
        fresh=False,
    )
    world.net.names["inside.test"] = [["10.0.0.5"]]
    result = await world.check("--image", IMAGE)
    assert result.credential == "valid (login_accepted)" or result.credential.startswith("insufficient")
    if reason:
        assert result.image == f"unknown ({reason})"
    assert bool(cdn.asked) is asked
    assert not any(one.wire.value("authorization") for one in cdn.asked_of)
    assert len(site.at("H+")) == 1  # what comes back home comes without a token
    assert ("10.0.0.5", 443) not in world.net.dialled
    assert "evil.test" not in world.net.asked


@case("NET-28")
async def test_a_loop_ends_after_three_hops(row: Row, world: World) -> None:
    site = await world.serve({"P": led(302, "/v2/")})
    row.holds(await world.check())
    assert site.steps == ["P"] * 4


async def test_three_hops_are_enough_for_a_ping(world: World) -> None:
    good = demanding("https://auth.reg.test/token")
    site = await world.serve({"P": [led(302, "/v2/"), led(302, "/v2"), led(302, "/v2/"), good]})
    assert (await world.check()).credential == "valid (login_accepted)"
    assert site.steps[:4] == ["P"] * 4


@pytest.mark.parametrize("to", ["https://reg.test:8443/v2/", "http://reg.test/v2/", "https://www.reg.test/v2/", "https://auth.reg.test/v2/"])
async def test_a_ping_stays_on_the_registrys_hosts(to: str, world: World) -> None:
    site = await world.serve({"P": led(301, to)})
    assert (await world.check()).credential == "unknown (unsafe_redirect)"
    assert site.steps == ["P"]


NOT_THERE: Final[dict[str, Script]] = {"404": reply(404), "405 page": page(405)}


@case("NET-33")
async def test_what_is_never_a_registry_is_the_users_typing(row: Row, world: World) -> None:
    site = await world.serve({"P": NOT_THERE["404"]})
    shown_json = row.holds(await world.check()).shown
    assert site.steps == ["P", "P"]
    assert [step["status"] for step in shown_json["evidence"]] == [404, 404]


async def test_a_404_that_passes_is_no_fault(world: World) -> None:
    site = await world.serve({"P": [NOT_THERE["405 page"], demanding("https://auth.reg.test/token")]})
    assert (await world.check()).credential == "valid (login_accepted)"
    assert site.steps == ["P", "P", "L+", "L!"]


@case("NET-34")
async def test_a_registry_that_is_gone_tonight_is_ill(row: Row, world: World) -> None:
    site = await world.serve()
    assert (await world.check()).code == 0
    world.cli.pace["challenge_fresh_s"] = 0
    site.script("P", reply(404))
    row.holds(await world.check())
    assert len(site.secrets) == 1  # none of tonight


@case("NET-36")
async def test_a_web_site_is_a_typing_error_where_others_are_well(row: Row, world: World) -> None:
    world.cli.registries = {"other.test": {"provider": "generic"}, "docker.test": {"provider": "generic"}}
    other = await world.serve({}, "other.test")
    site = await world.serve({"P": page(200, "<!doctype html><title>Docker</title>")}, "docker.test", fresh=False)
    row.holds(await world.check(registry="docker.test"))
    assert site.steps == ["P", "P"]
    assert not site.secrets
    assert other.steps == ["P"]
    assert USERNAME not in repr([asked.wire for asked in (*site.asked_of, *other.asked_of)])
