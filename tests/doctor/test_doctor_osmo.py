"""The doctor and the master key beside OSMO's store on a Postgres."""

from __future__ import annotations

import json

from tests.cases.network import World
from tests.cases.servers import USERNAME
from tests.doctor.provoked import SECRET, closed_port, dated
from tests.stores.osmo_house import House


async def test_osmos_store_and_our_own_tables_are_looked_at(house: House, world: World) -> None:
    site = await world.serve({"P": dated()})
    house.add("ada", "key", "reg.test", USERNAME, SECRET)
    world.cli.more |= house.settings()
    before = house.dump()
    assert (await world.cli.run("migrate")).code == 0
    result = await world.cli.run("doctor", "--format", "json")
    said = {one["code"]: one for one in result.shown["findings"]}
    assert {"store_opens", "schema_newest", "key_opens", "registry_answers", "sweep_never"} <= set(said), result.shown
    assert said["store_opens"]["said"].endswith("credentials in it: 1")
    assert (site.secrets, SECRET in result.out + result.err, house.dump()) == ([], False, before)
    rotated = await world.cli.run("key", "rotate", "--format", "json")
    assert (rotated.code, rotated.shown["made"], rotated.shown["rows"], house.dump()) == (0, True, 1, before)
    assert len(json.loads(house.file.with_name("master.key").read_text())["keys"]) == 2
    house.file.unlink()
    lost = await world.cli.run("doctor", "--format", "json")
    assert "store_fails" in {one["code"] for one in lost.shown["findings"]}


async def test_a_server_that_is_down_is_a_finding_and_the_registries_are_asked(world: World) -> None:
    await world.serve({"P": dated()})
    mek = world.cli.home / "mek.yaml"
    mek.write_text("currentMek: a\nmeks: {}\n")
    world.cli.more |= {"store": f"osmo+postgresql://u:CANARY@127.0.0.1:{closed_port()}/osmo?connect_timeout=1", "osmo": {"mek_file": str(mek)}}
    result = await world.cli.run("doctor", "--format", "json")
    codes = {one["code"] for one in result.shown["findings"]}
    assert ({"store_fails", "registry_answers"} <= codes, result.code) == (True, 1), result.shown
    assert "CANARY" not in result.out + result.err
