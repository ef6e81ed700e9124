"""`validator credential`: what is stored, what is refused, what is shown."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest

from tests.cases.running import Cli, Result, cli
from tests.cases.scripted import SECRET, USERNAME, Say, Scripted, err, tok
from validator.emulator import Ngc

__all__ = ["cli"]

ROW = ["user", "name", "registry", "verdict", "reason", "level", "state", "transition", "checked_at", "last_attempt", "expires_at"]


async def put(cli: Cli, name: str, registry: str, *more: str, username: str = USERNAME, secret: str = SECRET) -> Result:
    """`credential set`, the secret on standard input."""
    payload = ["--payload", f"registry={registry}", f"username={username}", "auth=-"]
    return await cli.run("credential", "set", name, "--type", "REGISTRY", *payload, *more, stdin=secret)


async def rows(cli: Cli, *more: str) -> list[dict[str, Any]]:
    """What `credential list` tells."""
    found: list[dict[str, Any]] = (await cli.run("credential", "list", "--format", "json", *more)).shown["credentials"]
    return found


async def test_a_good_one_is_stored_with_its_status(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        result = await put(cli, "mine", f"{registry.host}/team", "--format", "json")
        assert (result.code, result.shown["stored"], result.shown["verdict"]) == (0, True, "valid")
        [row] = await rows(cli)
        assert list(row) == ROW
        assert (row["name"], row["registry"], row["state"], row["verdict"]) == ("mine", registry.host, "alive", "valid")
        assert row["last_attempt"]["verdict"] == "valid"


@pytest.mark.parametrize(
    ("answer", "code", "stored"),
    [
        (err("UNAUTHORIZED"), 1, False),
        (Say(503), 0, True),
        (tok(), 0, True),
    ],
    ids=["refused", "ill", "accepted"],
)
async def test_what_the_registry_says_decides(answer: Say, code: int, stored: bool, cli: Cli) -> None:
    async with Scripted({"L+": answer}) as registry:
        cli.registries = registry.settings()
        assert (await put(cli, "mine", registry.host)).code == code
        assert bool(await rows(cli)) is stored


async def test_force_stores_what_was_refused_and_its_status_says_so(cli: Cli) -> None:
    async with Scripted({"L+": err("UNAUTHORIZED")}) as registry:
        cli.registries = registry.settings()
        assert (await put(cli, "mine", registry.host, "--force")).code == 0
        [row] = await rows(cli)
        assert row["state"] != "alive"
        assert row["last_attempt"]["verdict"] == "invalid"


async def test_unchecked_means_nothing_is_asked(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        result = await put(cli, "mine", registry.host, "--no-check", "--format", "json")
        assert (result.code, result.shown["stored"], result.shown["verdict"], result.shown["evidence"]) == (0, True, None, [])
        assert registry.seen == []
        checked = await put(cli, "mine", registry.host, "--format", "json")
        assert list(result.shown.keys() ^ checked.shown.keys()) == [], "absent is null, never left out"
        await put(cli, "mine", registry.host, "--no-check")
        assert [row["state"] for row in await rows(cli)] == ["never_checked"]


async def test_ngc_wants_its_own_username(cli: Cli) -> None:
    async with Ngc() as ngc:
        cli.registries = ngc.settings()
        result = await put(cli, "ngc", "nvcr.io", username="me@example.org", secret=ngc.keys["good"].secret)
        assert result.code == 1
        assert "'$oauthtoken'" in result.out
        assert ngc.requests == []
        assert await rows(cli) == []


async def test_one_credential_a_scope_and_another_name_renames_it(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await put(cli, "first", registry.host, "--no-check")
        await put(cli, "second", registry.host, "--no-check")
        assert [row["name"] for row in await rows(cli)] == ["second"]
        assert (await put(cli, "second", f"{registry.host}/team", "--no-check")).code == 2


async def test_every_name_of_docker_hub_is_one_scope(cli: Cli) -> None:
    for name in ("docker.io", "https://index.docker.io/v1/", "https://index.docker.io/v1", "registry-1.docker.io", "INDEX.docker.io"):
        assert (await put(cli, "hub", name, "--no-check")).code == 0
    assert [row["registry"] for row in await rows(cli)] == ["docker.io"]


async def test_users_see_their_own(cli: Cli) -> None:
    await put(cli, "a", "reg.test", "--no-check", "--user", "ada")
    await put(cli, "b", "reg.test", "--no-check", "--user", "bob")
    assert [row["name"] for row in await rows(cli, "--user", "ada")] == ["a"]
    assert (await cli.run("credential", "delete", "a", "--user", "bob")).code == 2
    deleted = await cli.run("credential", "delete", "a", "--user", "ada", "--format", "json")
    assert (deleted.code, deleted.shown) == (0, {"user": "ada", "name": "a", "deleted": True})
    assert await rows(cli, "--user", "ada") == []
    result = await cli.run("credential", "list", "--format", "json", env={"VALIDATOR_USER": "bob"})
    assert [row["name"] for row in result.shown["credentials"]] == ["b"]


async def test_one_final_line_end_is_cut_and_no_more(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        assert (await put(cli, "mine", registry.host, secret=f"{SECRET}\r\n")).code == 0
        assert (await put(cli, "mine", registry.host, secret=f"{SECRET}\n\n")).code == 2


async def test_a_secret_that_was_typed_is_stored_with_a_warning(cli: Cli) -> None:
    words = [
        "credential",
        "set",
        "typed",
        "--type",
        "REGISTRY",
        "--payload",
        "registry=reg.test",
        "--payload",
        "username=u",
        "auth=xyz",
        "--no-check",
    ]
    result = await cli.run(*words)
    assert (result.code, "auth=-" in result.err, "xyz" in result.out + result.err) == (0, True, False)
    assert "auth=-" not in (await put(cli, "piped", "other.test", "--no-check")).err


async def test_a_secret_is_read_from_a_file(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        (cli.home / "secret").write_text(f"{SECRET}\n")
        payload = [f"registry={registry.host}", f"username={USERNAME}", f"auth=@{cli.home}/secret"]
        result = await cli.run("credential", "set", "mine", "--payload", *payload, "--format", "json")
        assert (result.code, result.shown["verdict"], result.err) == (0, "valid", "")


async def test_a_proof_image_is_pulled_and_kept(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        result = await put(cli, "mine", f"{registry.host}/team", "--proof", f"{registry.host}/team/app:1", "--format", "json")
        assert (result.code, result.shown["reason"], result.shown["level"]) == (0, "pull_proven", "pull")
        assert result.shown["image"]["outcome"] == "pullable"


async def test_one_is_shown_without_its_secret(cli: Cli) -> None:
    await put(cli, "mine", "reg.test", "--no-check")
    result = await cli.run("credential", "show", "mine", "--format", "json")
    assert list(result.shown) == ROW
    text = await cli.run("credential", "show", "mine")
    assert "state: never_checked" in text.out
    assert SECRET not in text.out + result.out
    assert "None" not in text.out


async def test_import_is_all_or_nothing(cli: Cli) -> None:
    async with Scripted({"L!": err("UNAUTHORIZED")}) as registry:
        cli.registries = registry.settings()
        good = {"user": "ada", "name": "a", "registry": registry.host, "username": USERNAME, "auth": SECRET}
        bad = {**good, "user": "bob", "name": "b", "auth": "refused there"}
        lines = "\n".join(map(json.dumps, (good, bad)))
        result = await cli.run("credential", "import", "-", "--format", "json", stdin=lines)
        assert (result.code, result.shown["stored"], [one["line"] for one in result.shown["refused"]]) == (1, 0, [2])
        assert await rows(cli, "--user", "ada") == []
        assert (await cli.run("credential", "import", "-", stdin=json.dumps(good))).code == 0
        assert (await cli.run("credential", "import", "-", "--no-check", stdin=lines)).code == 0
        assert len(await rows(cli, "--user", "bob")) == 1


async def test_what_an_import_asked_is_each_ones_first_status(cli: Cli) -> None:
    async with Scripted({"L!": err("UNAUTHORIZED")}) as registry:
        cli.registries = registry.settings()
        one = {"user": "ada", "name": "a", "registry": registry.host, "username": USERNAME, "auth": SECRET}
        lines = "\n".join(json.dumps({**one, "user": user}) for user in ("ada", "bob"))
        assert (await cli.run("credential", "import", "-", stdin=lines)).code == 0
        for user in ("ada", "bob"):
            [row] = await rows(cli, "--user", user)
            assert (row["state"], row["verdict"], row["reason"]) == ("alive", "valid", "login_accepted")
        assert (await cli.run("credential", "import", "-", "--no-check", stdin=json.dumps({**one, "user": "eve"}))).code == 0
        assert [row["state"] for row in await rows(cli, "--user", "eve")] == ["never_checked"]


@pytest.mark.parametrize("lines", ["{", '{"user": "u"}', "[]", '{"user":"","name":"n","registry":"r.test","username":"u","auth":"x"}'])
async def test_a_bad_line_is_named_by_its_number(lines: str, cli: Cli) -> None:
    result = await cli.run("credential", "import", "-", stdin=f"\n{lines}\n")
    assert result.code == 2
    assert "line 2" in result.err


async def test_the_key_is_made_for_its_owner_alone_and_its_loss_is_told(cli: Cli) -> None:
    await put(cli, "a", "reg.test", "--no-check")
    key = cli.home / "master.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((cli.home / "validator.db").stat().st_mode) == 0o600
    key.rename(cli.home / "elsewhere.key")
    result = await cli.run("credential", "list")
    assert result.code == 2
    assert "master key" in result.err
    assert not key.exists(), "no new one is made while sealed rows exist"
