"""`validator preflight` as a command: its JSON, its words, its exit codes, whose credentials it takes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.cases.asking import pass_time
from tests.cases.running import Cli, cli
from tests.cases.scripted import BEARER, SECRET, USERNAME, Answers, Say, Scripted, err, image, index, on

__all__ = ["cli"]

DEAD: Answers = {"L+": err("UNAUTHORIZED"), "T+": err("UNAUTHORIZED")}
PUBLIC: Answers = {"H0": image()[0]}


async def keep(cli: Cli, registry: str, *more: str, name: str = "mine", secret: str = SECRET) -> None:
    """Store without asking."""
    payload = ["--payload", f"registry={registry}", f"username={USERNAME}", "auth=-"]
    assert (await cli.run("credential", "set", name, "--no-check", *payload, *more, stdin=secret)).code == 0


INVALID = ["https://reg.test/app", "reg.test/App", "reg.test/app:", "", " reg.test/app", "reg.test/app@sha256:12", "\x1b[31mred"]


async def test_what_is_no_reference_is_not_found_and_nothing_is_asked(cli: Cli) -> None:
    result = await cli.run("preflight", *INVALID, "--format", "json")
    assert (result.code, result.shown["outcome"]) == (1, "blocked")
    assert {(one["outcome"], one["reason"]) for one in result.shown["images"]} == {("not_found", "invalid_reference")}
    assert [one["image"] for one in result.shown["images"]][:4] == INVALID[:4]
    assert "\x1b" not in (await cli.run("preflight", *INVALID)).out


async def test_the_same_image_is_asked_once_and_told_as_often_as_it_was_named(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry:
        cli.registries = registry.settings()
        name = f"{registry.host}/team/app"
        shown = (await cli.run("preflight", name, f"{name}:latest", name, "--format", "json")).shown
        assert list(shown) == ["outcome", "images", "took_ms"]
        assert shown["outcome"] == "ready"
        assert [one["image"] for one in shown["images"]] == [name, f"{name}:latest", name]
        assert registry.count("H0") == 1


CODES: dict[str, tuple[list[Answers], str, int]] = {
    # what the images' registries answer, the outcome of all, the exit code
    "all good": ([PUBLIC, PUBLIC], "ready", 0),
    "one denied": ([PUBLIC, {}], "blocked", 1),
    "one missing": ([PUBLIC, {"H0": [err("UNAUTHORIZED", demand=BEARER), err("MANIFEST_UNKNOWN", 404)]}], "blocked", 1),
    "one unknown": ([PUBLIC, {"P0": Say(503), "H0": Say(503)}], "unknown", 3),
    "unknown and denied": ([{"P0": Say(503), "H0": Say(503)}, {}], "blocked", 1),
}


@pytest.mark.parametrize(("scripts", "outcome", "code"), CODES.values(), ids=CODES.keys())
async def test_the_exit_code_is_that_of_the_worst_image(scripts: list[Answers], outcome: str, code: int, cli: Cli) -> None:
    async with Scripted(dict(scripts[0])) as one, Scripted(dict(scripts[1])) as other:
        cli.registries = one.settings() | other.settings()
        result = await cli.run("preflight", f"{one.host}/team/app", f"{other.host}/team/app", "--format", "json")
        assert (result.shown["outcome"], result.code) == (outcome, code)


async def test_on_unknown_of_the_settings_holds_and_the_option_goes_before_it(cli: Cli) -> None:
    async with Scripted({"P0": Say(503), "H0": Say(503)}) as registry:
        cli.registries = registry.settings()
        cli.more = {"preflight": {"on_unknown": "block"}}
        assert (await cli.run("preflight", f"{registry.host}/team/app")).code == 1
        assert (await cli.run("preflight", f"{registry.host}/team/app", "--on-unknown", "allow")).code == 0


async def test_the_platform_is_judged_only_if_it_is_named(cli: Cli) -> None:
    async with Scripted({"H0": index(on("arm64")), "G0": index(on("arm64"))}) as registry:
        cli.registries = registry.settings()
        name = f"{registry.host}/team/app"
        wrong = await cli.run("preflight", name, "--platform", "linux/amd64", "--format", "json")
        assert (wrong.code, wrong.shown["images"][0]["outcome"], wrong.shown["images"][0]["reason"]) == (1, "wrong_platform", "platform_missing")
        assert (await cli.run("preflight", name, "--platform", "linux/arm64")).code == 0
        assert (await cli.run("preflight", name)).code == 0


async def test_people_are_told_what_to_do(cli: Cli) -> None:
    async with Scripted({**DEAD, **PUBLIC}) as registry:
        cli.registries = registry.settings()
        await keep(cli, registry.host)
        said = (await cli.run("preflight", f"{registry.host}/team/app")).out
        assert said.startswith(f"blocked\n{registry.host}/team/app: denied (credential_refused)\n")
        assert "What to do: " in said
        assert "delete or renew the credential mine; the image itself is public." in said


async def test_an_empty_secret_is_an_anonymous_pull(cli: Cli) -> None:
    """The store refuses an empty secret, but white space, by its own hand or another's, is as good as empty."""
    async with Scripted(dict(PUBLIC)) as registry, Scripted({}) as private:
        cli.registries = registry.settings() | private.settings()
        await keep(cli, registry.host, name="a")
        await keep(cli, private.host, name="b")
        emptied(cli)
        told = (await cli.run("preflight", f"{registry.host}/team/app", f"{private.host}/team/app", "--format", "json")).shown["images"]
        assert [(one["outcome"], one["reason"], one["via"]) for one in told] == [("pullable", "public", None), ("denied", "no_credential", None)]
        assert registry.count("L+", "T+") + private.count("L+", "T+") == 0


async def test_check_of_an_empty_secret_says_what_anybody_gets(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry, Scripted({}) as private:
        cli.registries = registry.settings() | private.settings()
        for host, image_of_it in ((registry.host, "pullable (public)"), (private.host, "denied (no_credential)")):
            result = await cli.check(host, USERNAME, " \n", "--image", f"{host}/team/app")
            assert (result.credential, result.image) == ("misconfigured (empty_secret)", image_of_it)
        assert registry.count("L+", "T+", "L!", "T!") + private.count("L+", "T+", "L!", "T!") == 0


def emptied(cli: Cli) -> None:
    """Seal an empty secret into every stored row."""
    from pydantic import SecretStr

    from validator.sealing import load_master_keys, seal

    with closing(sqlite3.connect(cli.home / "validator.db")) as database:
        database.execute("UPDATE credentials SET secret = ?", (seal(SecretStr(""), load_master_keys(cli.home / "master.key")),))
        database.commit()


async def test_a_row_that_cannot_be_read_is_unknown_and_hides_no_other(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, f"{registry.host}/team", name="broken")
        with closing(sqlite3.connect(cli.home / "validator.db")) as database:
            database.execute("UPDATE credentials SET secret = 'not a JWE'")
            database.commit()
        name = f"{registry.host}/team/app"
        told = (await cli.run("preflight", name, "--format", "json")).shown["images"][0]
        assert (told["outcome"], told["reason"]) == ("unknown", "unreadable")
        await keep(cli, registry.host, name="good")
        told = (await cli.run("preflight", name, "--format", "json")).shown["images"][0]
        assert (told["outcome"], told["via"]) == ("pullable", "good")


async def test_one_users_credentials_are_not_anothers(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, registry.host, "--user", "ada")
        name = f"{registry.host}/team/app"
        assert (await cli.run("preflight", name, "--user", "ada")).code == 0
        assert (await cli.run("preflight", name, "--user", "bob")).code == 1
        assert (await cli.run("preflight", name, env={"VALIDATOR_USER": "ada"})).code == 0


@pytest.mark.parametrize("own", ["--ephemeral", "CI"])
async def test_a_run_that_keeps_nothing_still_knows_what_is_stored(own: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(cli.home / "data"))
    cli.more = {"store": None, "key_file": None}
    async with Scripted({**DEAD, **PUBLIC}) as registry:
        cli.registries = registry.settings()
        await keep(cli, registry.host)
        before = (cli.home / "data" / "validator" / "validator.db").read_bytes()
        more, env = (["--ephemeral"], {}) if own == "--ephemeral" else ([], {"CI": "true"})
        result = await cli.run("preflight", f"{registry.host}/team/app", "--format", "json", *more, env=env)
        assert result.shown["images"][0]["reason"] == "credential_refused"
        assert (cli.home / "data" / "validator" / "validator.db").read_bytes() == before


async def test_a_late_answer_costs_no_other_image_its_own_and_none_is_waited_for(cli: Cli) -> None:
    slow = Say(200, image()[0].body, image()[0].headers, image()[0].kind, delay_s=30)
    async with Scripted({"H0": slow}) as late, Scripted({"T+": slow}) as locked, Scripted(dict(PUBLIC)) as quick:
        cli.registries = late.settings() | locked.settings() | quick.settings()
        await keep(cli, locked.host)
        names = [f"{host}/team/{part}" for host in (late.host, locked.host, quick.host) for part in ("app", "two")]
        result = await cli.run("preflight", *names, "--deadline", "1.5", "--format", "json")
        assert [one["reason"] for one in result.shown["images"]] == ["deadline"] * 4 + ["public"] * 2
        assert (result.code, result.err) == (3, "")
        assert result.shown["took_ms"] < 14_000, "no registry's time runs out before that"


async def test_a_command_that_ends_between_two_refusals_keeps_the_first(cli: Cli) -> None:
    """Else each run would cost a refused login, and none would ever say that the key is dead."""
    cli.pace = {"repeat_after_s": 3, "refused": {60: 100}}
    async with Scripted(dict(DEAD)) as registry:
        cli.registries = registry.settings()
        await keep(cli, registry.host)
        words = ["preflight", f"{registry.host}/team/app", "--format", "json", "--deadline"]
        first = await cli.run(*words, "2")
        assert (first.code, first.shown["images"][0]["reason"], registry.count("T+")) == (3, "ambiguous_refusal", 1)
        assert first.shown["images"][0]["retry_at"] is not None
        pass_time(cli, 1, "facts")
        second = await cli.run(*words, "20")
        assert (second.code, second.shown["images"][0]["reason"], registry.count("T+")) == (1, "credential_refused", 2)
