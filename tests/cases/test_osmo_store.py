"""OSMO's own rows, in a Postgres of its shape, asked by the sweep: osmo.md 9, the rows about its store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.cases.rows import Row, case
from tests.cases.running import Cli
from tests.cases.scripted import SECRET, USERNAME, Answers, Scripted
from tests.stores.osmo_house import House

ANN = "ann@example.org"


@dataclass
class Meddled(Scripted):
    """`on` is called when a login with the stored secret came, before it is answered."""

    on: Callable[[], object] = field(default=lambda: None)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self._step(request) == "L" and self._party(request) == "+":
            self.on()
        return await super()._answer(request)


@dataclass
class Night:
    """The command line over OSMO's database; every registry is `registry`."""

    cli: Cli
    house: House
    registry: Meddled

    async def sweep(self, code: int = 0) -> dict[str, str]:
        """One sweep; what it says of each credential, by name."""
        ran = await self.cli.run("sweep", "--format", "json")
        assert ran.code == code, ran.err
        return {row["name"]: f"{row['verdict']} ({row['reason']})" for row in ran.shown["credentials"]}

    def hints(self, name: str) -> list[str]:
        """What stands beside its status."""
        [[found]] = self.house.connection.execute("SELECT hints FROM validator.statuses WHERE name = %s", (name,)).fetchall()
        return list(found)

    def told(self) -> int:
        """How many digests were made for users."""
        [[found]] = self.house.connection.execute("SELECT count(*) FROM validator.notices WHERE kind = 'user'").fetchall()
        return int(found)


@asynccontextmanager
async def night(cli: Cli, house: House, *hosts: str, script: Answers | None = None, writes: bool = False, **said: Any) -> AsyncIterator[Night]:
    """`hosts` are dialled at one scripted registry, each with `said` of it in the settings; `writes`: the test plays OSMO meanwhile."""
    registry = Meddled(dict(script or {}))
    async with registry:
        at = {
            "endpoint": f"http://{registry.host}", "plain_http": True, "allow_private": True, "realm_hosts": [f"127.0.0.1:{registry.realm_port}"],
            "provider": "generic", **said,
        }  # fmt: skip
        cli.registries, cli.more = dict.fromkeys(hosts, at), {**house.settings(notify="all"), **cli.more}
        before = house.dump()
        one = Night(cli, house, registry)
        yield one
        assert writes or house.dump() == before, "nothing of OSMO's is written"


@case("OSMO-01")
async def test_two_rows_of_one_registry_are_both_judged(row: Row, cli: Cli, house: House) -> None:
    for name, profile in (("old", "docker.io"), ("new", "registry-1.docker.io")):
        house.add(ANN, name, profile, USERNAME, SECRET)
    async with night(cli, house, "docker.io") as here:
        assert await here.sweep() == dict.fromkeys(("new", "old"), "valid (login_accepted)")
        assert (["duplicate_scope"], row.note.endswith("hint `duplicate_scope`")) == (here.hints("old"), True)
        assert "duplicate_scope" in here.hints("new")


@case("OSMO-02")
async def test_the_index_of_old_is_judged_as_docker_hub(row: Row, cli: Cli, house: House) -> None:
    house.add(ANN, "hub", "index.docker.io/v1", USERNAME, SECRET)
    async with night(cli, house, "docker.io") as here:
        row.agrees("credential", (await here.sweep())["hub"])
        assert here.hints("hub") == ["never_matches"]


@case("OSMO-03")
async def test_a_registry_in_capitals_is_judged_where_it_is(row: Row, cli: Cli, house: House) -> None:
    house.add(ANN, "ngc", "NVCR.IO/Org", USERNAME, SECRET)
    async with night(cli, house, "nvcr.io") as here:
        row.agrees("credential", (await here.sweep())["ngc"])
        assert here.hints("ngc") == ["never_matches"]


@case("OSMO-04", "OSMO-05")
async def test_a_username_that_was_left_out_is_no_dead_key(row: Row, cli: Cli, house: House) -> None:
    layers = 1 if row.id == "OSMO-04" else 2
    house.add_as_it_is(ANN, "ngc", "nvcr.io", {"username": house.seal(ANN, "", layers), "auth": house.seal(ANN, "nvapi-" + "x" * 64)})
    async with night(cli, house, "nvcr.io", provider="ngc") as here:
        row.agrees("credential", (await here.sweep())["ngc"])
        assert here.registry.count("L+", "L!", "T+", "T!") == 0, "nothing is sent"
        assert (here.hints("ngc") == ["store_damaged"]) is (layers == 2)
        [[lines]] = house.connection.execute("SELECT lines FROM validator.notices WHERE kind = 'user'").fetchall()
        assert [line["verdict"] for line in lines] == ["misconfigured"]


@case("OSMO-06")
async def test_values_in_clear_are_judged_and_left_as_they_are(row: Row, cli: Cli, house: House) -> None:
    house.add_as_it_is(ANN, "plain", "reg.test", {"username": USERNAME, "auth": SECRET})
    async with night(cli, house, "reg.test") as here:
        row.agrees("credential", (await here.sweep())["plain"])
        assert here.hints("plain") == ["plaintext_in_store"]


@case("OSMO-07")
async def test_keys_of_many_kinds_and_a_file_that_is_swapped_while_it_is_read(row: Row, cli: Cli, house: House) -> None:
    house.add(ANN, "plus", "reg.test", USERNAME, SECRET)
    house.add_mek("key2")
    house.add("bob@example.org", "later", "reg.test/b", USERNAME, SECRET)
    house.write_file("key2")
    house.current = "key1"
    house.write_file("key2")
    async with night(cli, house, "reg.test", script={}) as here:
        found = await here.sweep(code=3)
        row.agrees("credential", found["plus"], 0)
        row.agrees("credential", found["later"], 1)
        [[subject]] = house.connection.execute("SELECT subject FROM validator.alerts WHERE kind = 'row_unreadable'").fetchall()
        assert (subject, here.told()) == ("bob@example.org later", 0), "the operator is told, not the user"
        house.write_file()
        row.agrees("credential", (await here.sweep())["later"], 2)


@case("OSMO-10")
async def test_who_has_no_address_is_counted_for_the_operator(row: Row, cli: Cli, house: House) -> None:
    house.user("no-address", mail=True)
    house.user("no-row@example.org", profile=False)
    for user in ("no-address", "no-row@example.org", "wants-none@example.org"):
        house.add_as_it_is(user, "c", "nvcr.io", {"username": house.seal(user, ""), "auth": house.seal(user, "nvapi-" + "x" * 64)})
    urls = {"urls": ["mailto://127.0.0.1:9?from=v@example.org&to={address}"]}
    cli.more = {**house.settings(), "notices": urls}
    async with night(cli, house, "nvcr.io", provider="ngc") as here:
        assert await here.sweep() == {"c": "misconfigured (wrong_username)"}
        states = house.connection.execute("SELECT \"user\", state FROM validator.notices WHERE kind = 'user' ORDER BY 1").fetchall()
        assert states == [("no-address", "undeliverable"), ("no-row@example.org", "muted"), ("wants-none@example.org", "muted")]
        alerts = house.connection.execute("SELECT subject, facts ->> 'text' FROM validator.alerts ORDER BY 1").fetchall()
        assert [subject for subject, _ in alerts] == ["(not wanted)", "no-address"]
        assert (alerts[0][1].startswith("2 users with something to know have asked"), row.note) == (True, "no mail; counted for the operator")


@case("OSMO-11")
async def test_what_the_operator_wants_unchecked_is_not_asked(row: Row, cli: Cli, house: House) -> None:
    house.add(ANN, "c", "reg.test/team", USERNAME, SECRET)
    house.disable("reg.test/team")
    async with night(cli, house, "reg.test") as here:
        row.agrees("credential", (await here.sweep())["c"])
        assert here.registry.seen == []


@case("OSMO-14", "OSMO-16")
async def test_a_row_that_changes_while_it_is_asked_about_is_asked_anew(row: Row, cli: Cli, house: House) -> None:
    house.add(ANN, "c", "reg.test", USERNAME, SECRET)
    view = "SELECT state, verdict FROM validator.credential_status"

    async def again_and_again() -> None:
        while True:
            house.set(ANN, "c", auth=SECRET)
            await asyncio.sleep(0.005)

    async with night(cli, house, "reg.test", writes=True) as here:
        setting = asyncio.create_task(again_and_again())
        found = await here.sweep(code=3)
        setting.cancel()
        row.agrees("credential", found["c"])
        assert house.connection.execute(view).fetchall() == [("never_checked", None)], "what was heard of another row is not said of this one"
        if row.id == "OSMO-16":
            row.agrees("credential", (await here.sweep())["c"], 1)
            assert house.connection.execute(view).fetchall() == [("alive", "valid")]
        assert here.told() == 0


@case("OSMO-16")
async def test_what_was_said_of_a_secret_holds_where_the_same_is_set_anew(row: Row, cli: Cli, house: House) -> None:
    house.add(ANN, "c", "reg.test", USERNAME, SECRET)
    async with night(cli, house, "reg.test", writes=True) as here:
        assert (await here.sweep())["c"] == "valid (login_accepted)"
        house.set(ANN, "c", auth=SECRET)
        asked = here.registry.count("L+")
        row.agrees("credential", (await here.sweep())["c"], 1)
        view = house.connection.execute("SELECT state, verdict FROM validator.credential_status").fetchall()
        assert (view, here.registry.count("L+")) == ([("alive", "valid")], asked), "it is fresh, and known by its fingerprint"


@case("OSMO-14")
async def test_of_a_row_that_is_deleted_meanwhile_nothing_is_said(row: Row, cli: Cli, house: House) -> None:
    house.add(ANN, "c", "reg.test", USERNAME, SECRET)
    async with night(cli, house, "reg.test", writes=True) as here:

        def delete() -> None:
            house.connection.execute("DELETE FROM credential")

        here.registry.on = delete
        assert await here.sweep() == {}
        assert (house.connection.execute("SELECT count(*) FROM validator.statuses").fetchall(), row.id) == ([(0,)], "OSMO-14")


@case("OSMO-17")
async def test_osmos_credentials_are_set_by_osmo(row: Row, cli: Cli, house: House) -> None:
    house.add(ANN, "c", "reg.test")
    async with night(cli, house, "reg.test") as here:
        words = ["--user", ANN, "--payload", "registry=reg.test", "username=u", "auth=-"]
        for ran in (await cli.run("credential", "set", "c", *words, stdin="s"), await cli.run("credential", "delete", "c", "--user", ANN)):
            assert (ran.code, "use `osmo credential set`" in ran.err, row.note.startswith("exit 2")) == (2, True, True)
        assert here.registry.seen == []
