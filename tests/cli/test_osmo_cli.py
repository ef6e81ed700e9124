"""The commands over OSMO's own database: pre-flight of its workflows, status, and no secret anywhere that is not OSMO's."""

from __future__ import annotations

import json

import pytest

from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Scripted, err, image, index, on
from tests.stores.osmo_house import House
from validator.ledger.base.tables import HEAD, METADATA

__all__ = ["cli"]

ANN = "ann@example.org"
WORKFLOW = """
workflow:
  name: train
  resources:
    default: {cpu: 1, gpu: 1}
  groups:
  - name: prepare
    tasks:
    - {name: fetch, lead: true, image: 'nvcr.io/team/app:1'}
  - name: train
    tasks:
    - {name: train, lead: true, image: 'docker.io/ann/private:2'}
    - {name: upload, image: 'other.test/public/tool'}
"""


@pytest.fixture
def osmo(cli: Cli, house: House) -> House:
    """OSMO's database as the command line's store."""
    cli.more = house.settings(notify="all")
    return house


def at(registry: Scripted, **said: object) -> dict[str, object]:
    realm = f"127.0.0.1:{registry.realm_port}"
    return {"endpoint": f"http://{registry.host}", "plain_http": True, "allow_private": True, "realm_hosts": [realm], "provider": "generic", **said}


async def test_a_workflow_of_osmos_is_foretold_with_the_keys_that_osmo_hands_on(cli: Cli, osmo: House) -> None:
    osmo.add(ANN, "ngc", "nvcr.io/team", USERNAME, SECRET)
    osmo.add(ANN, "hub", "registry-1.docker.io", USERNAME, SECRET)
    osmo.add("bob", "other", "other.test", "u", "another's")
    path = cli.home / "workflow.yaml"
    path.write_text(WORKFLOW)
    async with Scripted({"T!": err("UNAUTHORIZED")}) as private, Scripted({"H0": image()[0]}) as public:
        cli.registries = {"nvcr.io": at(private), "docker.io": at(private), "other.test": at(public)}
        ran = await cli.run("preflight", "--workflow", str(path), "--user", ANN, "--format", "json")
    told = {one["image"].partition("/")[0]: (one["outcome"], one["reason"], one["via"], one["hints"]) for one in ran.shown["images"]}
    assert told["nvcr.io"] == ("pullable", "pull_ok", "ngc", [])
    assert told["docker.io"] == ("denied", "no_credential", None, ["docker_hub_key_unused"])
    assert told["other.test"] == ("pullable", "public", None, [])
    assert (ran.code, ran.shown["outcome"]) == (1, "blocked")


POOLS = {
    "amd": ("gpu", {"gpu": {"labels": {"kubernetes.io/arch": "amd64"}}, "same": {"labels": {"kubernetes.io/arch": "amd64"}}, "any": {"labels": {}}}),
    "arm": ("gpu", {"gpu": {"labels": {"kubernetes.io/arch": "arm64"}}, "same": {"labels": {"kubernetes.io/arch": "amd64"}}}),
}


async def test_what_the_nodes_of_osmos_pools_are_is_known_by_their_names(cli: Cli, osmo: House) -> None:
    for name, (default, platforms) in POOLS.items():
        osmo.connection.execute("INSERT INTO pools (name, default_platform, platforms) VALUES (%s, %s, %s)", (name, default, json.dumps(platforms)))
    path = cli.home / "workflow.yaml"
    path.write_text(WORKFLOW.replace("gpu: 1}", "gpu: 1, platform: same}"))
    async with Scripted({"H0": index(on("amd64")), "G0": index(on("amd64"))}) as public:
        cli.registries = {"other.test": at(public), "nvcr.io": at(public), "docker.io": at(public)}
        said = {}
        for platform in ("amd", "arm", "arm/gpu", "amd/gpu", "gpu", "amd/any", "linux/arm64"):
            ran = await cli.run("preflight", "other.test/x", "--user", ANN, "--platform", platform, "--format", "json")
            said[platform] = ran.shown["images"][0]["outcome"] if ran.out else (ran.code, "a name of preflight.platforms" in ran.err)
        by_task = await cli.run("preflight", "--workflow", str(path), "--user", ANN, "--platform", "arm", "--format", "json")
    assert said == {
        "amd": "pullable", "arm": "wrong_platform", "arm/gpu": "wrong_platform", "amd/gpu": "pullable", "gpu": (2, True), "amd/any": (2, True),
        "linux/arm64": "wrong_platform",
    }  # fmt: skip
    assert {one["outcome"] for one in by_task.shown["images"]} == {"pullable"}, "the task's own platform goes before"


async def test_a_key_in_capitals_is_none_and_what_the_operator_wants_unchecked_is_not_asked_by_anybody(cli: Cli, osmo: House) -> None:
    osmo.add(ANN, "ngc", "NVCR.IO/team", USERNAME, SECRET)
    osmo.disable("other.test")
    async with Scripted({}) as private, Scripted({}) as unasked:
        cli.registries = {"nvcr.io": at(private), "other.test": at(unasked)}
        ran = await cli.run("preflight", "nvcr.io/team/app", "other.test/x", "--user", ANN, "--format", "json")
    told = [(one["outcome"], one["reason"], one["hints"]) for one in ran.shown["images"]]
    assert told == [("denied", "no_credential", ["never_matches"]), ("unknown", "disabled_by_operator", [])]
    assert (unasked.seen, private.count("T+", "L+")) == ([], 0)


async def test_status_has_a_row_for_every_registry_credential_of_osmos(cli: Cli, osmo: House) -> None:
    osmo.add(ANN, "good", "reg.test", USERNAME, SECRET)
    osmo.add_as_it_is(ANN, "cut", "other.test", {"username": "u", "auth": osmo.seal(ANN, "s")[:40]})
    osmo.add_as_it_is("bob", "data", "s3://x", {"access_key": "k"}, kind="DATA")
    async with Scripted({}) as registry:
        cli.registries = {"reg.test": at(registry)}
        assert (await cli.run("sweep")).code == 3, "what cannot be read is left over"
    rows = (await cli.run("status", "--format", "json")).shown["credentials"]
    assert [(row["name"], row["state"], row["verdict"]) for row in rows] == [("cut", "never_checked", None), ("good", "alive", "valid")]
    explained = await cli.run("explain", "good", "--user", ANN)
    assert ("login_accepted" in explained.out or "accepted" in explained.out, explained.code) == (True, 0)
    made = await cli.run("migrate", "--format", "json")
    assert made.shown == {"database": None, "from": None, "to": HEAD, "copy": None}


async def test_no_secret_stands_in_what_is_ours_or_is_said(cli: Cli, osmo: House, canary: str) -> None:
    osmo.add(ANN, "good", "reg.test", USERNAME, SECRET)
    osmo.add(ANN, "dead", "reg.test/dead", "u", canary)
    osmo.add_as_it_is("bob", "plain", "reg.test/plain", {"username": "u", "auth": f"plain {canary}"})
    osmo.add_as_it_is("bob", "over", "reg.test/over", {"username": "u", "auth": osmo.seal("bob", canary, 3)})
    cli.pace |= {"confirm_after_s": 0.05}
    said = ""
    async with Scripted({"L!": err("UNAUTHORIZED", message=f"no {canary}")}) as registry:
        cli.registries = {"reg.test": at(registry)}
        for words in (
            ["sweep", "--no-wait"],
            ["sweep", "--no-wait", "--format", "json"],
            ["status", "--format", "json"],
            ["explain", "dead", "--user", ANN],
        ):
            ran = await cli.run("--log-level", "debug", *words)
            said += ran.out + ran.err
        said += (await cli.run("preflight", "reg.test/dead/x", "--user", ANN, "--format", "json")).out
    tables = [osmo.connection.execute(f'SELECT to_jsonb(t)::text FROM validator."{name}" t').fetchall() for name in METADATA.tables]
    kept = json.dumps(tables)
    keys = [key.export(as_dict=True)["k"] for key in (*osmo.meks.values(), *osmo.keys.values())]
    hidden = [canary, canary.replace('"', '\\"'), SECRET, "not-for-us", *keys]
    assert [(one, where) for one in hidden for where, text in (("said", said), ("kept", kept)) if one in text] == []
    assert ("reg.test" in kept, "dead" in said) == (True, True)
