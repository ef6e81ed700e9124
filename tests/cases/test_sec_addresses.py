"""Where the secret may go by address: SEC-08 … SEC-12, SEC-25, SEC-29."""

from __future__ import annotations

from typing import Final

import pytest

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import CONFIG_DIGEST, IMAGE, NEVER_DIALLED, demanding, led, reply
from validator.emulator.hostile import Script

PRIVATE: Final = ("10.0.0.5", "127.0.0.1", "100.100.100.200", "192.168.1.1", "169.254.1.1", "fd00::1", "::1", "fe80::1", "64:ff9b::a00:5", "0.0.0.0")


@pytest.mark.parametrize("address", PRIVATE)
@case("SEC-08")
async def test_an_allowed_realm_at_a_private_address_is_not_dialled(row: Row, address: str, world: World) -> None:
    site = await world.serve()
    world.net.names |= {"reg.test": [["127.0.0.1"]], "auth.reg.test": [[address]]}
    world.net.places["127.0.0.1", 443] = site.port
    world.cli.registries = {"reg.test": {"provider": "generic", "allow_private": True}}
    row.holds(await world.check())
    assert site.steps == ["P"]
    assert world.net.dialled == [("127.0.0.1", 443)]


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_registry_at_a_private_address_is_not_dialled(address: str, world: World) -> None:
    site = await world.serve()
    world.net.names["reg.test"] = [[address]]
    assert (await world.check()).credential == "unknown (unsafe_address)"
    assert site.asked == 0
    assert world.net.dialled == []


@case("SEC-09")
async def test_what_is_dialled_is_what_was_checked(row: Row, world: World) -> None:
    """The ping's look-up is public, the login's is not; each dial has a look-up of its own."""
    closing = Script(demanding("https://reg.test/token").steps)
    site = await world.serve({"P": closing}, realm="https://reg.test/token")
    public = world.net.names["reg.test"][0]
    world.net.names["reg.test"] = [public, ["127.0.0.1"]]
    world.net.places["127.0.0.1", 443] = site.port
    row.holds(await world.check())
    assert ("127.0.0.1", 443) not in world.net.dialled
    assert world.net.asked.count("reg.test") >= len(world.net.dialled)


async def test_a_name_is_looked_up_once_a_dial(world: World) -> None:
    """A second look-up between the check and the dial would be the attacker's."""
    site = await world.serve()
    for name in ("reg.test", "auth.reg.test"):
        world.net.names[name] = [world.net.names[name][0], ["10.0.0.5"]]
    assert (await world.check()).credential == "valid (login_accepted)"
    assert world.net.asked == ["reg.test", "auth.reg.test"]
    assert len(world.net.dialled) == 2
    assert len(site.secrets) == 1


@pytest.mark.parametrize("private", ["10.0.0.5", "127.0.0.1", "fd00::1", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", ["reg.test", "auth.reg.test"])
@case("SEC-10")
async def test_one_private_answer_condemns_them_all(row: Row, name: str, first: bool, private: str, world: World) -> None:
    site = await world.serve()
    public = world.net.names[name][0][0]  # type: ignore[index]
    world.net.names[name] = [[private, public] if first else [public, private]]
    row.holds(await world.check())
    assert site.steps == ([] if name == "reg.test" else ["P"])
    assert len(world.net.dialled) == len(site.steps)
    assert not site.secrets


SPELLINGS: Final = (
    "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "0x7f000002", "127.0.0.2.", "[::ffff:10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]",
    "0.0.0.0", "[::]", "[::1]", "[::127.0.0.1]", "[fec0::1]", "255.255.255.255", "224.0.0.1", "168.63.129.16", "192.0.0.192", "2130706433:5000",
)  # fmt: skip


@pytest.mark.parametrize("registry", SPELLINGS)
@case("SEC-11")
async def test_an_address_in_any_spelling_is_an_address(row: Row, registry: str, world: World) -> None:
    result = row.holds(await world.check(registry=registry))
    assert world.net.dialled == []
    assert world.net.asked == []
    assert all(step["status"] is None for step in result.shown["evidence"])


@pytest.mark.parametrize(
    "realm", [f"https://{text}/token" for text in ("2130706433", "0x7f.1", "[::ffff:10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "0.0.0.0", "[::]")]
)
async def test_an_address_in_any_spelling_is_no_realm(realm: str, world: World) -> None:
    site = await world.serve({"P": demanding(realm)})
    assert (await world.check()).credential == "unknown (unsafe_realm)"
    assert site.steps == ["P"]
    assert len(world.net.dialled) == 1


INNER: Final = (
    f"http://{NEVER_DIALLED}/", f"https://{NEVER_DIALLED}/", "http://10.0.0.5/", "https://10.0.0.5/", "https://[::ffff:10.0.0.5]/", "https://0x7f.1/",
    "http://2130706433/", "https://localhost/", "https://auth.reg.test@10.0.0.5/",
)  # fmt: skip


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("to", INNER)
@case("SEC-12")
async def test_a_login_is_led_to_no_inner_address(row: Row, to: str, status: int, world: World) -> None:
    site = await world.serve({"L+": led(status, to)})
    row.holds(await world.check())
    assert [asked.step for asked in site.secrets] == ["L+"]
    assert len(world.net.dialled) == 2
    assert set(world.net.asked) == {"reg.test", "auth.reg.test"}


@case("SEC-25")
async def test_a_blob_is_fetched_from_a_storage_without_the_token(row: Row, world: World) -> None:
    site = await world.serve({"B+": led(307, f"https://storage.test/v2/x/blobs/{CONFIG_DIGEST}?X-Sig=1")})
    storage = await world.serve({"B0": site._scripts["L0"]}, "storage.test", fresh=False)
    storage.script("B0", reply(200, {"os": "linux", "architecture": "amd64"}))
    result = await world.check("--image", IMAGE, "--platform", "linux/amd64")
    row.agrees("credential", result.credential)
    assert (result.credential, result.image) == ("valid (pull_proven)", "pullable (pull_ok)")
    assert result.shown["image"]["platforms"] == ["linux/amd64"]
    assert storage.steps == ["B0"]
    assert storage.asked_of[0].wire.value("authorization") is None
    assert site.at("B+")[0].value("authorization") is not None


@pytest.mark.parametrize("address", ["10.0.0.5", "127.0.0.1", "100.100.100.200"])
@case("SEC-25")
async def test_a_storage_at_a_private_address_is_not_dialled(row: Row, address: str, world: World) -> None:
    await world.serve({"B+": led(307, "https://storage.test/blob")})
    world.net.names["storage.test"] = [[address]]
    result = await world.check("--image", IMAGE, "--platform", "linux/amd64")
    row.agrees("credential", result.credential)
    assert result.credential == "valid (pull_proven)"
    assert address not in [place for place, _ in world.net.dialled]
    assert not result.image.startswith("wrong_platform")


LITERALS: Final = ("10.0.0.5", "192.168.0.1", "127.0.0.2", "100.64.0.1", "[fd00::1]", "[::ffff:127.0.0.2]", "10.0.0.5:5000")


@pytest.mark.parametrize("registry", LITERALS)
@case("SEC-29")
async def test_a_private_literal_that_nobody_listed_is_not_dialled(row: Row, registry: str, world: World) -> None:
    row.holds(await world.check(registry=registry))
    assert world.net.dialled == []


@pytest.mark.parametrize("literal", [*LITERALS, NEVER_DIALLED, "0x7f.2"])
@case("SEC-29")
async def test_a_ping_is_led_to_no_private_literal(row: Row, literal: str, world: World) -> None:
    site = await world.serve({"P": led(307, f"https://{literal}/v2/")})
    row.holds(await world.check())
    assert site.steps == ["P"]
    assert len(world.net.dialled) == 1


@pytest.mark.parametrize("literal", [*LITERALS, NEVER_DIALLED, "0x7f.2"])
async def test_a_manifest_is_led_to_no_private_literal(literal: str, world: World) -> None:
    site = await world.serve({"H+": led(307, f"https://{literal}/blob")})
    result = await world.check("--image", IMAGE)
    assert (result.credential, result.image) == ("valid (login_accepted)", "unknown (unsafe_address)")
    assert {place for place, _ in world.net.dialled} == {world.net.names[name][0][0] for name in ("reg.test", "auth.reg.test")}  # type: ignore[index]
    assert len(site.at("H+")) == 1


async def test_a_listed_private_literal_is_dialled(world: World) -> None:
    """The control: what the rows above forbid is possible once the operator says so."""
    site = await world.serve(realm="https://10.0.0.5/token", tls=world.certified("10.0.0.5"))
    world.net.places["10.0.0.5", 443] = site.port
    assert (await world.check("--allow-private", "10.0.0.5", registry="10.0.0.5")).credential == "valid (login_accepted)"
