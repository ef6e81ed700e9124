"""`validator doctor`: each finding is provoked, says what to do, and no secret goes anywhere for it."""

from __future__ import annotations

import pytest

from tests.cases.network import World
from tests.doctor.provoked import SCENARIOS, SECRET, At, served
from validator.doctor import TABLE, Check, State


@pytest.mark.parametrize("name", SCENARIOS)
async def test_each_finding_comes_about_and_says_what_to_do(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, codes = SCENARIOS[name]
    at = At(world, monkeypatch)
    await scenario(at)
    found = {one["code"]: one for one in at.found}
    assert codes <= set(found), (codes - set(found), at.found)
    for one in found.values():
        assert one["advice"] or one["state"] == "good"
        assert one["said"]
    assert SECRET not in at.shown


def test_every_finding_there_is_has_a_scenario() -> None:
    assert {code for _, codes in SCENARIOS.values() for code in codes} == set(TABLE)


def test_a_word_that_is_not_good_says_what_to_do() -> None:
    assert [code for code, word in TABLE.items() if (word.state is State.GOOD) == bool(word.advice)] == []
    assert {word.check for word in TABLE.values()} == set(Check)


async def test_text_has_a_line_for_each_and_what_to_do_below(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at = At(world, monkeypatch)
    await served(at)
    result = await at.cli.run("doctor")
    lines = result.out.splitlines()
    assert lines[0] == f"good    settings     the settings are those of {at.cli.home}/validator.yaml"
    assert any(line.strip().startswith("What to do: ") for line in lines)
    assert (result.code, result.err) == (0, "")


async def test_settings_that_cannot_be_read_are_two_and_nothing_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at = At(world, monkeypatch)
    site = await served(at)
    at.cli.more["nonsense"] = 1
    result = await at.cli.run("doctor")
    assert (result.code, result.out, result.err.count("\n"), site.asked) == (2, "", 1, 0)


async def test_a_docker_config_is_looked_at_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at = At(world, monkeypatch)
    site = await served(at)
    config = at.cli.home / "config.json"
    config.write_text('{"auths": {"reg.test": {"auth": "YWxpY2U6Q0FOQVJZ"}}}')
    monkeypatch.setenv("XDG_DATA_HOME", str(at.cli.home / "data"))
    at.cli.registries, at.cli.more = {}, {**at.cli.more, "store": f"dockerconfig:{config}"}
    await at.ask()
    assert {("store_opens", str(config)), ("registry_answers", "reg.test")} <= {(one["code"], one["subject"]) for one in at.found}, at.found
    assert (site.secrets, site.asked > 0) == ([], True)
    config.write_text("{")
    await at.ask()
    assert ("store_fails", str(config)) in {(one["code"], one["subject"]) for one in at.found}
