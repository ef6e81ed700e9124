"""The way through TLS. NET-06 … NET-09, and TLS that breaks at the token endpoint."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import pytest
import trustme

from tests.cases.network import World
from tests.cases.rows import Row, case


def past(world: World, *names: str) -> ssl.SSLContext:
    now = datetime.now(UTC)
    return world.certified(*names, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))


def future(world: World, *names: str) -> ssl.SSLContext:
    now = datetime.now(UTC)
    return world.certified(*names, not_before=now + timedelta(days=1), not_after=now + timedelta(days=9))


def stranger(world: World, *names: str) -> ssl.SSLContext:
    return world.certified(*names, authority=trustme.CA())


def misnamed(world: World, *names: str) -> ssl.SSLContext:
    return world.certified(*(f"other-{name}" for name in names))


@case("NET-06")
async def test_an_unknown_authority_gets_no_request_until_it_is_named(row: Row, world: World) -> None:
    other = trustme.CA()
    named = world.home / "other.pem"
    other.cert_pem.write_to_path(named)
    site = await world.serve(tls=world.certified("reg.test", "auth.reg.test", authority=other))
    row.holds(await world.check(), at=0)
    assert site.asked == 0
    row.holds(await world.check("--ca-file", f"reg.test={named}"), at=0)  # the realm is another host: its TLS is not covered
    assert not site.secrets
    row.holds(await world.check("--ca-file", f"reg.test={named}", "--realm-host", "auth.reg.test"), at=1)


@case("NET-06")
async def test_an_authority_named_for_all_is_enough(row: Row, world: World) -> None:
    other = trustme.CA()
    named = world.home / "other.pem"
    other.cert_pem.write_to_path(named)
    await world.serve(tls=world.certified("reg.test", "auth.reg.test", authority=other), realm="https://reg.test/token")
    row.holds(await world.check("--ca-file", str(named)), at=1)


@pytest.mark.parametrize("dates", [past, future])
@case("NET-07")
async def test_a_certificate_out_of_date_is_not_the_key(row: Row, dates: Callable[..., ssl.SSLContext], world: World) -> None:
    site = await world.serve(tls=dates(world, "reg.test", "auth.reg.test"))
    row.holds(await world.check())
    assert site.asked == 0


@case("NET-08")
async def test_a_certificate_for_another_name_ends_it(row: Row, world: World) -> None:
    site = await world.serve(tls=misnamed(world, "reg.test"))
    row.holds(await world.check())
    assert site.asked == 0


@pytest.mark.parametrize("way", ["answer", "close", "reset"])
@case("NET-09")
async def test_no_tls_is_never_tried_again_in_the_clear(row: Row, way: Literal["answer", "close", "reset"], world: World) -> None:
    site = await world.serve(plain=True)
    site.at_connect = way
    heard = await world.in_the_clear("reg.test") if way == "answer" else []
    row.holds(await world.check())
    assert site.asked == 0
    assert not any(b"HTTP/" in text for text in heard)
    assert {port for _, port in world.net.dialled} == {443}


FAULTS: Final[dict[str, tuple[Callable[..., ssl.SSLContext], str]]] = {
    "an unknown authority": (stranger, "tls_untrusted"),
    "out of date": (past, "tls_expired"),
    "not yet in force": (future, "tls_expired"),
    "another name": (misnamed, "tls_name"),
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_realm_with_bad_tls_never_sees_the_secret(fault: Callable[..., ssl.SSLContext], reason: str, world: World) -> None:
    site = await world.serve({}, "reg.test")
    realm = await world.serve({}, "auth.reg.test", tls=fault(world, "auth.reg.test"))
    assert (await world.check()).credential == f"unknown ({reason})"
    assert site.steps == ["P"]
    assert realm.asked == 0


@pytest.mark.parametrize("way", ["answer", "close", "reset"])
async def test_a_realm_without_tls_never_sees_the_secret(way: Literal["answer", "close", "reset"], world: World) -> None:
    await world.serve({}, "reg.test")
    realm = await world.serve({}, "auth.reg.test", plain=True)
    realm.at_connect = way
    heard = await world.in_the_clear("auth.reg.test") if way == "answer" else []
    assert (await world.check()).credential == "unknown (tls_failed)"
    assert realm.asked == 0
    assert not any(b"HTTP/" in text for text in heard)


async def test_a_handshake_that_never_ends_is_no_connection(world: World) -> None:
    await world.serve({}, "reg.test")
    realm = await world.serve({}, "auth.reg.test", plain=True)
    realm.at_connect = "silence"
    assert (await world.check(connect_s=1, total_s=9)).credential == "unknown (connect_failed)"


async def test_a_bad_certificate_is_said_of_the_image_too(world: World) -> None:
    """The key was accepted before; a registry whose certificate ends in the night kills no image."""
    await world.serve()
    assert (await world.check("--image", "reg.test/team/app:1")).credential == "valid (pull_proven)"
    await world.serve({}, "reg.test", tls=past(world, "reg.test"), fresh=False)
    result = await world.check("--image", "reg.test/team/app:1")
    assert (result.credential, result.image) == ("valid (login_accepted)", "unknown (tls_expired)")
