"""`--store dockerconfig:PATH`: sweep, list and status, what a kubelet makes of the file, and what is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Answers, Say, Scripted, err, image, tok

__all__ = ["cli"]

AUTH = base64.b64encode(f"{USERNAME}:{SECRET}".encode()).decode()
QUICK = {"repeat_after_s": 0.01, "confirm_after_s": 0.05, "per_second": 100, "burst": 100}
PUBLIC: Answers = {"H0": image()[0]}
DEAD: Answers = {"L+": err("UNAUTHORIZED"), "T+": err("UNAUTHORIZED"), "l+": err("UNAUTHORIZED"), "t+": err("UNAUTHORIZED"), "L0": tok()}


@pytest.fixture(autouse=True)
def home(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and a folder on PATH for programs."""
    monkeypatch.setenv("XDG_DATA_HOME", str(cli.home / "data"))
    monkeypatch.setenv("HOME", str(cli.home))
    monkeypatch.setenv("PATH", str(cli.home / "bin"))
    monkeypatch.setenv("VALIDATOR_USER", "ada")
    (cli.home / "bin").mkdir()
    return cli.home


def log_in(cli: Cli, auths: dict[str, Any], **more: Any) -> None:
    """Write a docker config, and make it the store."""
    path = cli.home / "config.json"
    path.write_text(json.dumps({"auths": auths, **more}))
    cli.more = {"store": f"dockerconfig:{path}", "key_file": None}


def program(cli: Cli, name: str, script: str) -> None:
    path = cli.home / "bin" / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


async def told(cli: Cli, *words: str) -> dict[str, str]:
    """`verdict (reason)` by name, after a sweep."""
    shown = (await cli.run("sweep", "--format", "json", *words)).shown
    return {row["name"]: f"{row['verdict']} ({row['reason']})" for row in shown["credentials"]}


async def test_a_sweep_tells_which_logins_are_dead_and_status_keeps_it(cli: Cli) -> None:
    cli.pace = dict(QUICK)
    async with Scripted({}) as good, Scripted(dict(DEAD)) as dead, Scripted({}) as token, Scripted(dict(DEAD)) as gone:
        cli.registries = good.settings() | dead.settings() | token.settings() | gone.settings()
        kept = json.dumps({"Username": USERNAME, "Secret": SECRET})
        program(
            cli,
            "keys",
            f"read -r server; [ \"$server\" = {good.host} ] && echo '{kept}' || {{ echo credentials not found in native keychain; exit 1; }}",
        )
        log_in(
            cli,
            {good.host: {}, dead.host: {"auth": AUTH}, token.host: {"identitytoken": SECRET}, gone.host: {"identitytoken": SECRET}},
            credsStore="keys",
        )
        assert await told(cli) == {
            good.host: "valid (login_accepted)", dead.host: "invalid (refused)",
            token.host: "valid (login_accepted)", gone.host: "invalid (refused)",
        }  # fmt: skip
        for words in (["status"], ["credential", "list"]):
            rows = (await cli.run(*words, "--format", "json")).shown["credentials"]
            assert {row["name"]: row["state"] for row in rows} == {good.host: "alive", dead.host: "dead", token.host: "alive", gone.host: "dead"}
            assert {row["user"] for row in rows} == {"ada"}
        assert token.seen.count("l+") == 1
        assert [step for step in token.seen + gone.seen if step[0] in "LT" and step[1] != "0"] == [], "never as a password"


async def test_an_identity_token_is_traded_in_by_a_form_and_stands_nowhere_else(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        log_in(cli, {registry.host: {"identitytoken": SECRET}})
        assert await told(cli) == {registry.host: "valid (login_accepted)"}
        own = {"grant_type": "refresh_token", "client_id": "docker", "service": "registry", "refresh_token": SECRET}
        assert own in registry.forms
        made_up = next(form for form in registry.forms if form != own)
        assert {**made_up, "refresh_token": SECRET} == own
        assert len(made_up["refresh_token"]) == 64
        assert all("Authorization" not in headers for headers in registry.headers)
        assert registry.queries == [[], []], "the service stands in the form, the token in no URL"


@pytest.mark.parametrize(
    ("script", "verdict"),
    {
        "refused": ({"l+": err("UNAUTHORIZED"), "L0": tok()}, "invalid (refused)"),
        "invalid_grant": ({"l+": Say(400, {"error": "invalid_grant"}), "l!": Say(400, {"error": "invalid_grant"})}, "unknown (ambiguous_refusal)"),
        "invalid_grant to others alone": ({"l!": Say(400, {"error": "invalid_grant"})}, "valid (login_accepted)"),
        "no OAuth there": ({"l+": Say(404), "l!": Say(404)}, "unknown (protocol)"),
        "anyone's token is taken": ({"l!": tok("access_token")}, "unprovable (accepts_anyone)"),
        "a redirect": ({"l+": Say(307, headers=(("Location", "/token2"),))}, "unknown (unsafe_redirect)"),
        "Basic alone": ({"P0": Say(401, demand='Basic realm="x"')}, "unknown (protocol)"),
        "an open registry": ({"P0": Say(200, {})}, "unprovable (anonymous_registry)"),
    }.values(),
    ids=["refused", "invalid_grant", "invalid_grant to others alone", "no OAuth there", "anyone's token", "a redirect", "Basic alone", "open"],
)
async def test_what_is_said_of_an_identity_token(script: Answers, verdict: str, cli: Cli) -> None:
    cli.pace = dict(QUICK)
    async with Scripted(dict(script)) as registry:
        cli.registries = registry.settings()
        log_in(cli, {registry.host: {"identitytoken": SECRET}})
        assert await told(cli) == {registry.host: verdict}
        assert [step for step in registry.seen if step in ("L+", "T+", "P+", "L!", "T!", "P!")] == []


async def test_a_control_of_passwords_says_nothing_of_tokens_nor_one_of_tokens_of_passwords(cli: Cli) -> None:
    async with Scripted({"l!": tok("access_token")}) as registry:
        cli.registries = registry.settings()
        log_in(cli, {registry.host: {"auth": AUTH}})
        assert await told(cli) == {registry.host: "valid (login_accepted)"}
        log_in(cli, {registry.host: {"identitytoken": SECRET}})
        assert await told(cli) == {registry.host: "unprovable (accepts_anyone)"}
        log_in(cli, {f"{registry.host}/team": {"auth": AUTH}})
        assert await told(cli) == {f"{registry.host}/team": "valid (login_accepted)"}
        assert registry.count("L!", "l!") == 2


async def test_docker_hub_tokens_are_asked_and_never_called_dead(cli: Cli) -> None:
    cli.pace = dict(QUICK)
    async with Scripted({"l+": err("UNAUTHORIZED")}) as registry:
        [said] = registry.settings().values()
        cli.registries = {"docker.io": {**said, "endpoint": f"http://{registry.host}"}}
        log_in(cli, {"https://index.docker.io/v1/": {"identitytoken": SECRET}})
        assert await told(cli, "--no-wait") == {"https://index.docker.io/v1/": "unknown (ambiguous_refusal)"}
        assert registry.seen.count("l+") == 1


async def test_a_registrys_own_token_is_not_sent(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        log_in(cli, {registry.host: {"registrytoken": SECRET}})
        assert await told(cli) == {registry.host: "unprovable (short_lived)"}
        assert registry.seen == []


async def test_a_program_that_fails_is_said_and_the_rest_goes_on(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        program(cli, "bad", "echo the password is hunter2; exit 1")
        log_in(cli, {registry.host: {"auth": AUTH}, "*.test": {"auth": AUTH}}, credHelpers={"bad.test": "bad", "none.test": "none"})
        result = await cli.run("sweep", "--format", "json")
        assert result.code == 3
        assert result.shown["left_over"] == [{"user": "ada", "name": name, "reason": "unreadable"} for name in ("*.test", "bad.test", "none.test")]
        assert [row["verdict"] for row in result.shown["credentials"] if row["name"] == registry.host] == ["valid"]
        assert [line for line in result.err.splitlines() if line.startswith("validator:")] == [
            "validator: the stored credential *.test of ada cannot be read: its key is no one registry's, so that there is nobody to ask.",
            "validator: the stored credential bad.test of ada cannot be read: the program docker-credential-bad failed (exit code 1); "
            "run it by hand to see why.",
            "validator: the stored credential none.test of ada cannot be read: the program docker-credential-none is not on PATH.",
        ]
        assert "hunter2" not in result.out + result.err


async def test_preflight_answers_as_a_kubelet_that_is_given_the_file(cli: Cli) -> None:
    async with Scripted({}) as one, Scripted(dict(PUBLIC)) as two, Scripted({}) as three:
        cli.registries = one.settings() | two.settings() | three.settings()
        program(cli, "x", f"touch {cli.home}/started")
        log_in(
            cli,
            {f"{one.host}/te": {"auth": AUTH}, two.host: {"identitytoken": SECRET}, three.host: {}},
            credsStore="x",
            credHelpers={three.host: "x"},
        )
        images = [f"{host}/team/app" for host in (one.host, two.host, three.host)]
        shown = (await cli.run("preflight", *images, "--format", "json")).shown["images"]
        assert [(one["outcome"], one["reason"], one["via"]) for one in shown] == [
            ("pullable", "pull_ok", f"{one.host}/te"),  # a key's path is compared as text
            ("pullable", "public", None),
            ("denied", "no_credential", None),
        ]
        assert not (cli.home / "started").exists()
        assert two.count("l+", "t+", "L+", "T+") == 0


async def test_preflight_writes_no_other_key_than_the_files(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry:
        [said] = registry.settings().values()
        cli.registries = {"docker.io": {**said, "provider": "dockerhub", "endpoint": f"http://{registry.host}"}}
        told = {}
        for key in ("registry-1.docker.io", "https://index.docker.io/v1/"):
            log_in(cli, {key: {"auth": AUTH}})
            told[key] = (await cli.run("preflight", "acme/app", "--format", "json")).shown["images"][0]
        assert [(one["reason"], one["hints"]) for one in told.values()] == [("public", ["docker_hub_key_unused"]), ("pull_ok", [])]


async def test_one_broken_entry_breaks_every_pull(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry:
        cli.registries = registry.settings()
        log_in(cli, {"other.test": {"auth": "?"}, registry.host: {"auth": AUTH}})
        result = await cli.run("preflight", f"{registry.host}/team/app", "--format", "json")
        [shown] = result.shown["images"]
        assert (result.code, shown["outcome"], shown["reason"]) == (1, "denied", "pull_secret_broken")
        assert "config.json: the entry other.test: its `auth` is not base64" in shown["cause"]
        assert registry.seen == []


async def test_it_is_not_ours_to_write(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        log_in(cli, {registry.host: {"auth": AUTH}})
        before = (cli.home / "config.json").read_bytes()
        sentence = f"validator: the docker config {cli.home / 'config.json'} is only read: use `docker login` and `docker logout`.\n"
        payload = ["--payload", f"registry={registry.host}", f"username={USERNAME}", "auth=-"]
        line = json.dumps({"user": "ada", "name": "n", "registry": registry.host, "username": "u", "auth": "a"})
        for words, stdin in (
            (["credential", "set", "x", *payload], SECRET),
            (["credential", "set", "x", "--no-check", *payload], SECRET),
            (["credential", "delete", registry.host], ""),
            (["credential", "import", "-"], line),
        ):
            result = await cli.run(*words, stdin=stdin)
            assert (result.code, result.out, result.err) == (2, "", sentence)
        assert registry.seen == []
        assert (cli.home / "config.json").read_bytes() == before


@pytest.mark.parametrize("words", [["sweep"], ["status"], ["credential", "list"], ["preflight", "reg.test/app"]], ids=lambda words: words[0])
async def test_a_file_that_cannot_be_read_is_exit_2_and_one_sentence(words: list[str], cli: Cli) -> None:
    for text in (None, "not json"):
        log_in(cli, {})
        (cli.home / "config.json").unlink()
        if text is not None:
            (cli.home / "config.json").write_text(text)
        result = await cli.run(*words)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert result.err.startswith("validator: ")
        assert str(cli.home / "config.json") in result.err


async def test_the_default_file_is_the_homes_and_belongs_to_one_user(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        (cli.home / ".docker").mkdir()
        (cli.home / ".docker" / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": AUTH}}}))
        cli.more = {"store": None, "key_file": None}
        for store in ("dockerconfig:", "dockerconfig:~/.docker/config.json"):
            rows = (await cli.run("credential", "list", "--store", store, "--format", "json")).shown["credentials"]
            assert [(row["user"], row["name"]) for row in rows] == [("ada", registry.host)]
        assert (await cli.run("credential", "list", "--store", "dockerconfig:", "--user", "bob", "--format", "json")).shown == {"credentials": []}
        result = await cli.run("preflight", f"{registry.host}/team/app", "--store", "dockerconfig:", "--user", "bob")
        assert (result.code, result.out) == (2, "")
        assert "holds the credentials of ada and of nobody else" in result.err


async def test_preflight_as_docker_takes_tokens_and_programs_and_looks_up_once(cli: Cli) -> None:
    async with Scripted({}) as token, Scripted({}) as helped, Scripted({}) as path, Scripted(dict(PUBLIC)) as gone, Scripted({}) as broken:
        cli.registries = {host: said for one in (token, helped, path, gone, broken) for host, said in one.settings().items()}
        kept = json.dumps({"Username": USERNAME, "Secret": SECRET})
        program(cli, "own", f"echo '{kept}'")
        program(cli, "bad", "exit 1")
        log_in(
            cli, {token.host: {"identitytoken": SECRET}, f"{path.host}/team/app": {"auth": AUTH}, "*.0.0.1": {"auth": AUTH}},
            credHelpers={helped.host: "own", broken.host: "bad"},
        )  # fmt: skip
        images = [f"{one.host}/team/app" for one in (token, helped, path, gone, broken)]
        shown = (await cli.run("preflight", "--as", "docker", *images, "--format", "json")).shown["images"]
        assert [(one["outcome"], one["reason"], one["via"]) for one in shown] == [
            ("pullable", "pull_ok", token.host),
            ("pullable", "pull_ok", helped.host),
            ("pullable", "pull_ok", f"{path.host}/team/app"),  # docker takes a key for its host
            ("pullable", "public", None),
            ("unknown", "unreadable", None),
        ]
        assert (token.count("t+"), token.count("L+", "T+")) == (1, 0)


async def test_preflight_as_docker_looks_docker_hub_up_by_its_one_key(cli: Cli) -> None:
    async with Scripted({}) as registry:
        [said] = registry.settings().values()
        cli.registries = {"docker.io": {**said, "provider": "dockerhub", "endpoint": f"http://{registry.host}"}}
        told = {}
        for key in ("docker.io", "https://index.docker.io/v1/"):
            log_in(cli, {key: {"auth": AUTH}})
            told[key] = [
                (await cli.run("preflight", "acme/app", "--format", "json", *words)).shown["images"][0]["reason"] for words in ([], ["--as", "docker"])
            ]  # fmt: skip
        assert told == {"docker.io": ["pull_ok", "no_credential"], "https://index.docker.io/v1/": ["pull_ok", "pull_ok"]}


async def test_as_docker_is_about_a_docker_config_alone(cli: Cli) -> None:
    result = await cli.run("preflight", "--as", "docker", "reg.test/app")
    assert (result.code, result.out) == (2, "")
    assert result.err == "validator: --as docker is about a docker config: name one by --store dockerconfig:PATH.\n"
