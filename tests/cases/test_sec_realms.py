"""Where the secret may go by name: SEC-01 … SEC-07, SEC-13, and realms that are written oddly."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import IMAGE, NEVER_DIALLED, REALM, demanding, led

PLACES: Final = ("reg.test", "auth.reg.test", "evil.test", "reg.test.evil.test", "evilreg.test", "a.azurecr.io", "b.azurecr.io", "auth", "registry")


async def nothing_left(world: World, row: Row | None, realm: str, *, registry: str = "reg.test", at: int = 0, **settings: Any) -> str:
    """One check of a registry that names `realm`: its ping was seen, and nothing else was asked or dialled. Says what was said."""
    site = await world.serve({"P": demanding(realm)}, registry)
    others = await world.serve({}, *(name for name in PLACES if name != registry), fresh=False)
    world.cli.registries = {registry: {"provider": "generic", **settings}}
    result = await world.check(registry=registry)
    if row is not None:
        row.holds(result, at)
    assert site.steps == ["P"]
    assert others.asked == 0
    assert len(world.net.dialled) == 1, f"more than the ping was dialled: {world.net.dialled}"
    assert world.net.asked in ([registry], [])
    return result.credential


METADATA: Final = {
    "http": f"http://{NEVER_DIALLED}/latest/meta-data/", "https": f"https://{NEVER_DIALLED}/latest/", "a number": "http://2852039166/latest/",
    "hex": "https://0xa9.0xfe.0xa9.0xfe/", "short": "https://169.254.43518/", "octal": "https://0251.0376.0251.0376/",
    "mapped": f"https://[::ffff:{NEVER_DIALLED}]/latest/", "NAT64": "https://[64:ff9b::a9fe:a9fe]/", "with its port": f"http://{NEVER_DIALLED}:80/",
    "full-width": "https://１６９．２５４．１６９．２５４/", "a last dot": f"https://{NEVER_DIALLED}./",
}  # fmt: skip


@pytest.mark.parametrize("realm", METADATA.values(), ids=METADATA.keys())
@case("SEC-01")
async def test_a_clouds_metadata_is_no_realm(row: Row, realm: str, world: World) -> None:
    await nothing_left(world, row, realm)


@pytest.mark.parametrize("realm", ["https://evil.test/token", "https://reg.test.evil.test/token", "https://evilreg.test/token", "//evil.test/token"])
@case("SEC-02")
async def test_a_strangers_realm_gets_nothing(row: Row, realm: str, world: World) -> None:
    await nothing_left(world, row, realm)


DISGUISED: Final = {
    "our name as user": "https://reg.test@evil.test/", "our name and a port as user": "https://reg.test:443@evil.test/token",
    "a backslash": r"https://evil.test\@reg.test/", "a backslash at home": r"https://reg.test\.evil.test/", "//": "//evil.test/",
    "an empty user": "https://@reg.test/token", "a user at home": "https://user:pass@reg.test/token", "a quoted @": "https://reg.test%40evil.test/token",
    "a tab": "https://evil.test\t.reg.test/token", "a tab in the scheme": "ht\ttps://reg.test/token", "a tab at the end": "https://reg.test/token\t",
    "a blank": "https://reg.test /token", "a blank before": " https://evil.test/token", "no slashes": "https:reg.test/token",
    "three slashes": "https:///evil.test/token", "a fragment": "https://reg.test/token#@evil.test/", "another scheme": "ftp://reg.test/token",
    "a file": "file:///etc/passwd", "a script": "javascript:alert(1)", "data": "data:application/json,{}", "no host": "https://",
    "an ideographic stop": "https://evil.test。reg.test@x/", "a soft hyphen": "https://evil\u00ad.test/token", "a zone": "https://[fe80::1%25eth0]/token",
    "too long": "https://reg.test/" + "a" * 2048, "port 0": "https://reg.test:0/token", "a port too large": "https://reg.test:65536/token",
    "a port of words": "https://reg.test:https/token", "another port of ours": "https://reg.test:8443/token", "our realm's other port": "https://auth.reg.test:8443/t",
}  # fmt: skip


@pytest.mark.parametrize("realm", DISGUISED.values(), ids=DISGUISED.keys())
@case("SEC-03")
async def test_a_disguised_realm_gets_nothing(row: Row, realm: str, world: World) -> None:
    await nothing_left(world, row, realm)


FOLDED: Final = {
    "case, dot and port": "https://AUTH.Reg.Test.:443/token", "case": "HTTPS://AUTH.REG.TEST/token", "the port": "https://auth.reg.test:443/token",
    "full-width letters": "https://ａｕｔｈ.reg.test/token", "the registry itself": "https://reg.test/token", "relative": "/token",
    "a query": f"{REALM}?k=1&service=x",
}  # fmt: skip


@pytest.mark.parametrize("realm", FOLDED.values(), ids=FOLDED.keys())
@case("SEC-04")
async def test_one_host_in_another_spelling_is_one_host(row: Row, realm: str, world: World) -> None:
    site = await world.serve({"P": demanding(realm)})
    row.holds(await world.check())
    assert len(site.secrets) == 1
    assert site.secrets[0].host.rstrip(".").removesuffix(":443").lower() in ("auth.reg.test", "reg.test")


async def test_a_name_of_other_letters_is_one_name_in_punycode(world: World) -> None:
    """`bücher.test` is `xn--bcher-kva.test`, in the setting, the challenge and on the wire."""
    site = await world.serve({"P": demanding("https://auth.BÜCHER.test/token")}, "xn--bcher-kva.test", "auth.xn--bcher-kva.test")
    world.cli.registries = {"xn--bcher-kva.test": {"provider": "generic"}}
    assert (await world.check(registry="xn--bcher-kva.test")).credential == "valid (login_accepted)"
    assert [asked.host for asked in site.secrets] == ["auth.xn--bcher-kva.test"]


async def test_a_name_that_only_looks_alike_is_another(world: World) -> None:
    assert await nothing_left(world, None, "https://аuth.reg.tеst/token") == "unknown (unsafe_realm)"  # two letters are Cyrillic


TENANTS: Final = {
    "azurecr.io": ("a.azurecr.io", "https://b.azurecr.io/oauth2/token"), "jfrog.io": ("one.jfrog.io", "https://two.jfrog.io/token"),
    "amazonaws.com": ("1.dkr.ecr.eu-west-1.amazonaws.com", "https://evil.s3.amazonaws.com/"), "github.io": ("a.github.io", "https://b.github.io/token"),
    "a suffix itself": ("a.azurecr.io", "https://azurecr.io/token"), "co.uk": ("reg.co.uk", "https://evil.co.uk/token"),
    "a private suffix": ("a.blogspot.com", "https://b.blogspot.com/token"),
}  # fmt: skip


@pytest.mark.parametrize(("registry", "realm"), TENANTS.values(), ids=TENANTS.keys())
@case("SEC-05")
async def test_a_neighbour_under_a_shared_suffix_is_a_stranger(row: Row, registry: str, realm: str, world: World) -> None:
    await nothing_left(world, row, realm, registry=registry)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [("registry", "https://auth/token"), ("registry.localhost", "https://auth.localhost/token"), ("registry", "https://registry:5000/token")],
)
@case("SEC-06")
async def test_single_labels_are_not_related(row: Row, registry: str, realm: str, world: World) -> None:
    await nothing_left(world, row, realm, registry=registry)


@pytest.mark.parametrize("realm", ["https://93.184.216.34/token", "https://93.184.216.33:444/token", "https://[2606:2800:220:1::1]/token"])
@case("SEC-06")
async def test_addresses_are_not_related(row: Row, realm: str, world: World) -> None:
    site = await world.serve({"P": demanding(realm)}, "93.184.216.33")
    world.net.places["93.184.216.33", 443] = site.port
    world.cli.registries = {"93.184.216.33": {"provider": "generic"}}
    row.holds(await world.check(registry="93.184.216.33"))
    assert world.net.dialled == [("93.184.216.33", 443)]
    assert site.steps == ["P"]


@pytest.mark.parametrize("way", ["same host and port", "listed", "listed with its port"])
async def test_a_single_label_at_home_or_listed_is_fine(way: str, world: World) -> None:
    realm = "https://registry/token" if way == "same host and port" else "https://auth/token"
    site = await world.serve({"P": demanding(realm)}, "registry", "auth")
    hosts = {"same host and port": [], "listed": ["auth"], "listed with its port": ["auth:443"]}[way]
    world.cli.registries = {"registry": {"provider": "generic", "realm_hosts": hosts}}
    assert (await world.check(registry="registry")).credential == "valid (login_accepted)"
    assert [asked.host for asked in site.secrets] == [realm.split("/")[2]]


@pytest.mark.parametrize("realm", ["http://reg.test/token", "http://reg.test:443/token", "HTTP://REG.TEST/token", "http://auth.reg.test/token"])
@case("SEC-07")
async def test_plain_http_gets_nothing_from_an_https_registry(row: Row, realm: str, world: World) -> None:
    await nothing_left(world, row, realm)


async def test_a_registry_in_the_clear_may_name_itself_alone(world: World) -> None:
    site = await world.serve(plain=True, realm="http://reg.test/token")
    world.net.places[world.net.names["reg.test"][0][0], 80] = site.port  # type: ignore[index]
    world.cli.registries = {"reg.test": {"provider": "generic", "plain_http": True}}
    assert (await world.check()).credential == "valid (login_accepted)"
    site.script("P", demanding("http://auth.reg.test/token"))
    world.forget()
    assert (await world.check()).credential in ("unknown (unsafe_realm)", "unknown (insecure_scheme)")
    assert {asked.host for asked in site.secrets} == {"reg.test"}


@case("SEC-13")
async def test_leave_for_a_private_host_is_leave_for_no_other(row: Row, world: World) -> None:
    inside = "10.0.0.7"
    for at, realm in enumerate(("https://auth.other.test/token", REALM)):
        site = await world.serve({"P": demanding(realm)})
        world.net.places[inside, 443] = site.port
        for name in ("reg.test", "auth.reg.test", "auth.other.test"):
            world.net.names[name] = [[inside]]
        world.cli.registries = {"reg.test": {"provider": "generic", "allow_private": True}}
        row.holds(await world.check(), at)
        assert site.steps == ["P"]
        assert world.net.dialled == [(inside, 443)]


async def test_leave_for_a_private_host_covers_the_realm_hosts_that_are_listed_with_it(world: World) -> None:
    inside = "10.0.0.7"
    site = await world.serve()
    world.net.places[inside, 443] = site.port
    world.net.names |= {"reg.test": [[inside]], "auth.reg.test": [[inside]]}
    world.cli.registries = {"reg.test": {"provider": "generic", "allow_private": True, "realm_hosts": ["auth.reg.test"]}}
    assert (await world.check()).credential == "valid (login_accepted)"
    assert len(site.secrets) == 1


async def test_a_challenge_that_moves_to_a_stranger_after_a_good_day_gets_nothing(world: World) -> None:
    """The kept challenge is judged anew each time, and so is what a cold ping says."""
    site = await world.serve()
    evil = await world.serve({}, "evil.test", fresh=False)
    assert (await world.check()).code == 0
    site.script("P", demanding("https://evil.test/token"))
    world.cli.pace["challenge_fresh_s"] = 0
    assert (await world.check()).credential == "unknown (unsafe_realm)"
    assert evil.asked == 0
    assert len(site.secrets) == 1


async def test_a_realm_that_is_no_longer_listed_gets_nothing_of_the_kept_challenge(world: World) -> None:
    site = await world.serve({"P": demanding("https://login.other.test/token")}, "reg.test", "login.other.test")
    world.cli.registries = {"reg.test": {"provider": "generic", "realm_hosts": ["login.other.test"]}}
    assert (await world.check()).credential == "valid (login_accepted)"
    world.cli.registries = {"reg.test": {"provider": "generic"}}
    assert (await world.check()).credential == "unknown (unsafe_realm)"
    assert len(site.secrets) == 1
    site.script("P", demanding("https://reg.test/token"))  # and a good one that it names now is found
    assert (await world.check()).credential == "valid (login_accepted)"
    assert [asked.host for asked in site.secrets] == ["login.other.test", "reg.test"]


@pytest.mark.parametrize("host", ["xn--a", "xn--a.reg.test", "xn--", "\u00e4.test"])
async def test_a_name_that_is_none_is_dialled_for_nobody(host: str, world: World) -> None:
    """In a realm, in a redirect, and as a registry: reading it must not end the program."""
    site = await world.serve({"P": demanding(f"https://{host}/token")})
    assert (await world.check()).credential == "unknown (unsafe_realm)"
    assert not site.secrets
    site = await world.serve({"H+": led(307, f"https://{host}/v2/x")})
    result = await world.check("--image", IMAGE)
    assert (result.credential, result.image) == ("valid (login_accepted)", "unknown (unsafe_redirect)")
    checked = await world.check(registry=f"{host}.test")
    assert checked.credential == "misconfigured (bad_registry_name)"
    preflight = await world.cli.run("preflight", f"{host}.test/app:1", "--format", "json")
    assert [one["reason"] for one in preflight.shown["images"]] == ["invalid_reference"]
