"""The way to the registry's address: names, dials, silence. NET-01 … NET-05, NET-35."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import USERNAME
from validator.app import open_store
from validator.config import Settings, load_settings
from validator.emulator.hostile import full_backlog


def no_name() -> OSError:
    return socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def never() -> list[str]:
    await asyncio.Event().wait()
    return []


def closed_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@case("NET-01")
async def test_a_name_that_does_not_exist_is_no_word_about_the_key(row: Row, world: World) -> None:
    site = await world.serve()
    world.net.names["reg.test"] = [no_name()]
    row.holds(await world.check())
    assert site.asked == 0
    assert world.net.asked == ["reg.test"]  # a name that is surely not there is not asked for again


NAME_SERVERS: Final = {
    "servfail": (lambda: socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), 2),
    "failed for good": (lambda: socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution"), 2),
    "no answer": (lambda: TimeoutError("no answer"), 2),
    "never": (lambda: never, 1),
}


@pytest.mark.parametrize(("answer", "lookups"), NAME_SERVERS.values(), ids=NAME_SERVERS.keys())
@case("NET-02")
async def test_name_servers_that_fail_are_asked_once_more(row: Row, answer: Callable[[], object], lookups: int, world: World) -> None:
    site = await world.serve()
    world.net.names["reg.test"] = [answer()]  # type: ignore[list-item]  # an error, or a look-up that never ends
    row.holds(await world.check(connect_s=1, total_s=5))
    assert site.asked == 0
    assert world.net.asked == ["reg.test"] * lookups


async def test_the_second_lookup_counts(world: World) -> None:
    await world.serve()
    address = world.net.names["reg.test"][0]
    world.net.names["reg.test"] = [socket.gaierror(socket.EAI_AGAIN, "try again"), address]
    assert (await world.check()).credential == "valid (login_accepted)"


@pytest.mark.parametrize("way", ["port closed", "no route", "IPv6 only"])
@case("NET-03")
async def test_no_connection_says_nothing_of_the_key(row: Row, way: str, world: World) -> None:
    site = await world.serve()
    unreachable = OSError(errno.ENETUNREACH, "Network is unreachable")
    place: int | OSError = closed_port() if way == "port closed" else unreachable
    world.net.lead("reg.test", place, address=world.net.public(v6=way == "IPv6 only"))
    row.holds(await world.check())
    assert site.asked == 0
    assert world.net.dialled, "it was dialled"


@case("NET-04")
async def test_a_swallowed_dial_ends_in_time(row: Row, world: World) -> None:
    await world.serve()
    async with full_backlog() as port:
        world.net.lead("reg.test", port)
        shown = row.holds(await world.check(connect_s=1, total_s=9)).shown
    assert 900 <= shown["evidence"][0]["ms"] < 3000
    assert Settings().timeouts.connect_s == 5


@pytest.mark.parametrize("dead", ["unreachable", "swallowed"])
@case("NET-05")
async def test_a_dead_ipv6_address_costs_no_second(row: Row, dead: str, world: World) -> None:
    site = await world.serve()
    async with full_backlog() as port:
        v4, v6 = world.net.public(), world.net.public(v6=True)
        world.net.places |= {(v4, 443): site.port, (v6, 443): port if dead == "swallowed" else OSError(errno.ENETUNREACH, "unreachable")}
        world.net.names["reg.test"] = [[v6, v4]]
        shown = row.holds(await world.check()).shown
    assert shown["evidence"][0]["ms"] < 1000
    assert [place for place, _ in world.net.dialled][:2] == [v6, v4]


async def remember_no_name(world: World, host: str, ago: timedelta) -> None:
    """Write into the ledger that `host` was not found so long ago."""
    settings = load_settings(world.cli.configured(), {}, user_dir=world.home, system_file=world.home / "none").settings
    async with open_store(settings, environ=os.environ) as opened:
        await opened.ledger.illness.add(host, "dns_nxdomain", now=datetime.now(UTC) - ago)


@case("NET-35")
async def test_a_name_that_is_missing_for_days_is_a_typing_error(row: Row, world: World) -> None:
    world.cli.registries = {"other.test": {"provider": "generic"}, "reg.test": {"provider": "generic"}}
    await world.serve({}, "other.test")
    await remember_no_name(world, "reg.test", timedelta(days=1))
    row.holds(await world.check())


SAME_NIGHT: Final = timedelta(hours=1)


@pytest.mark.parametrize("lacking", ["only tonight", "others do not resolve", "nothing to compare with", "formerly valid"])
async def test_a_missing_name_alone_is_never_the_users_fault(lacking: str, world: World) -> None:
    world.cli.registries = {"other.test": {"provider": "generic"}, "reg.test": {"provider": "generic"}}
    if lacking == "nothing to compare with":
        world.cli.registries = {"reg.test": {"provider": "generic"}}
    await world.serve({}, "other.test")
    if lacking == "formerly valid":
        await world.serve(fresh=False)
        assert (await world.check()).code == 0
        world.cli.pace["challenge_fresh_s"] = 0
    world.net.names["reg.test"] = [no_name()]
    if lacking == "others do not resolve":
        world.net.names["other.test"] = [no_name()]
    await remember_no_name(world, "reg.test", SAME_NIGHT if lacking == "only tonight" else timedelta(days=2))
    assert (await world.check()).credential == "unknown (dns_nxdomain)"


async def test_the_realms_name_may_be_what_is_missing(world: World) -> None:
    site = await world.serve()
    for error, said in ((no_name(), "dns_nxdomain"), (socket.gaierror(socket.EAI_AGAIN, "again"), "dns_failure")):
        world.forget()
        world.net.names["auth.reg.test"] = [error]
        assert (await world.check()).credential == f"unknown ({said})"
        assert not site.secrets
    assert USERNAME not in repr([asked.wire for asked in site.asked_of])
