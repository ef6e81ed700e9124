"""`validator sweep` over a store: one refusal makes suspect, a second one later dead; what is written, counted and told."""

from __future__ import annotations

from typing import Any

from tests.cases.running import Cli, Result, cli
from tests.cases.scripted import SECRET, USERNAME, Say, Scripted, err, tok
from validator.emulator import Ngc

__all__ = ["cli"]

QUICK = {"repeat_after_s": 0.01, "confirm_after_s": 0.2}


async def keep(cli: Cli, user: str, name: str, registry: str, secret: str = SECRET, username: str = USERNAME) -> None:
    """Store without asking."""
    words = ["credential", "set", name, "--no-check", "--user", user, "--payload", f"registry={registry}", f"username={username}", "auth=-"]
    assert (await cli.run(*words, stdin=secret)).code == 0


async def sweep(cli: Cli, *more: str) -> Result:
    """One sweep, as JSON."""
    return await cli.run("sweep", "--format", "json", *more)


def rows(result: Result) -> dict[str, dict[str, Any]]:
    """The credentials of a sweep or a status, by name."""
    return {row["name"]: row for row in result.shown["credentials"]}


async def test_the_object_is_the_contracts(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        result = await sweep(cli)
        assert result.code == 0
        assert list(result.shown) == ["sweep", "started_at", "finished_at", "totals", "registries", "credentials", "left_over", "notices"]
        assert result.shown["totals"] == {"valid": 1}
        assert result.shown["notices"] == {"sent": 0, "maybe_sent": 0, "failed": 0, "undeliverable": 0}
        [lane] = result.shown["registries"]
        assert lane == {
            "registry": registry.host, "credentials": 1, "probes": 1, "requests": len(registry.seen), "refused_logins": 1, "quarantined": False,
        }  # fmt: skip
        [row] = result.shown["credentials"]
        assert list(row) == ["user", "name", "registry", "verdict", "reason", "level", "state", "transition", "checked_at"]
        assert (row["state"], row["transition"]) == ("alive", "none")


async def test_a_death_needs_two_refusals_apart_and_is_told_once(cli: Cli) -> None:
    cli.pace = dict(QUICK)
    async with Ngc() as ngc:
        cli.registries = ngc.settings()
        await keep(cli, "ada", "dead", "nvcr.io", ngc.keys["regenerated"].secret, "$oauthtoken")
        await keep(cli, "bob", "good", "nvcr.io", ngc.keys["good"].secret, "$oauthtoken")
        result = await sweep(cli)
        told = rows(result)
        assert (told["dead"]["verdict"], told["dead"]["state"], told["dead"]["transition"]) == ("invalid", "dead", "never_worked")
        assert (told["good"]["verdict"], told["good"]["state"]) == ("valid", "alive")
        assert result.shown["notices"]["sent"] == 1
        assert "notice to ada" in result.err
        assert "setup/api-keys" in result.err
        assert ngc.keys["regenerated"].secret not in result.err + result.out
        again = await sweep(cli)
        assert again.shown["notices"]["sent"] == 0
        assert rows(again)["dead"]["transition"] == "none"
        assert again.shown["registries"][0]["requests"] == 0, "the good one is fresh, the dead one not due"
        shown = rows(await cli.run("status", "--format", "json"))
        assert (shown["dead"]["state"], shown["dead"]["verdict"]) == ("dead", "invalid")
        assert (await sweep(cli, "--fail")).code == 1


async def test_without_waiting_one_refusal_is_only_a_suspicion(cli: Cli) -> None:
    cli.pace = dict(QUICK)
    async with Scripted({"L+": [tok(), err("UNAUTHORIZED")]}) as registry:
        cli.registries = registry.settings()
        cli.more = {"sweep": {"fresh_s": 0}}
        await keep(cli, "ada", "one", registry.host)
        assert rows(await sweep(cli))["one"]["state"] == "alive"
        result = await sweep(cli, "--no-wait")
        assert (rows(result)["one"]["verdict"], rows(result)["one"]["state"]) == ("invalid", "suspect")
        assert result.shown["notices"]["sent"] == 0
        shown = rows(await cli.run("status", "--format", "json"))["one"]
        assert (shown["verdict"], shown["state"], shown["last_attempt"]["verdict"]) == ("valid", "suspect", "invalid"), (
            "a suspect keeps its former verdict"
        )


async def test_a_blip_is_nobodys_death(cli: Cli) -> None:
    cli.pace = dict(QUICK)
    async with Scripted({"L+": [tok(), err("UNAUTHORIZED"), tok()]}) as registry:
        cli.registries = registry.settings()
        cli.more = {"sweep": {"fresh_s": 0}}
        await keep(cli, "ada", "one", registry.host)
        await sweep(cli)
        result = await sweep(cli)
        assert (rows(result)["one"]["state"], rows(result)["one"]["transition"]) == ("alive", "blipped")
        assert result.shown["notices"]["sent"] == 0


async def test_an_outage_moves_no_state(cli: Cli) -> None:
    async with Scripted({"L+": [tok(), Say(503)]}) as registry:
        cli.registries = registry.settings()
        cli.more = {"sweep": {"fresh_s": 0}}
        await keep(cli, "ada", "one", registry.host)
        await sweep(cli)
        result = await sweep(cli)
        assert (rows(result)["one"]["verdict"], rows(result)["one"]["state"]) == ("unknown", "alive")
        assert rows(await cli.run("status", "--format", "json"))["one"]["verdict"] == "valid"


async def test_a_secret_that_many_share_is_asked_once(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        for user in ("ada", "bob", "eve"):
            await keep(cli, user, f"of-{user}", registry.host)
        await keep(cli, "ada", "team", f"{registry.host}/team")
        result = await sweep(cli)
        assert registry.count("L+") == 1
        assert {row["state"] for row in result.shown["credentials"]} == {"alive"}
        assert len(result.shown["credentials"]) == 4


async def test_the_failure_budget_leaves_the_rest(cli: Cli) -> None:
    cli.pace = {**QUICK, "refused": {60: 4}}
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        for number in range(6):
            await keep(cli, f"user{number}", "dead", registry.host, f"dead {number}", f"u{number}")
        result = await sweep(cli, "--no-wait")
        assert registry.count("L!") <= 4
        assert result.code == 3
        assert {left["reason"] for left in result.shown["left_over"]} == {"budget_spent"}
        assert all(row["state"] in ("suspect", "never_checked") for row in result.shown["credentials"])


async def test_a_dry_run_sends_nothing(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "one", registry.host)
        result = await cli.run("sweep", "--dry-run", "--format", "json")
        [plan] = result.shown["registries"]
        assert list(plan) == ["registry", "credentials", "requests", "seconds"]
        assert (plan["registry"], plan["credentials"]) == (registry.host, 1)
        assert registry.seen == []
        assert rows(await cli.run("status", "--format", "json"))["one"]["state"] == "never_checked"


async def test_many_deaths_at_once_are_the_registrys_illness(cli: Cli) -> None:
    cli.pace = {**QUICK, "per_second": 1000, "refused": {60: 1000}}
    cli.more = {"sweep": {"fresh_s": 0}}
    async with Scripted({"L!": tok()}) as registry:
        # every pair is accepted first, so the control has to be told apart by its name
        cli.registries = registry.settings()
        registry.refuse_unknown = True
        for number in range(6):
            await keep(cli, f"user{number}", "one", registry.host, f"s{number}", f"u{number}")
        assert {row["state"] for row in (await sweep(cli)).shown["credentials"]} == {"alive"}
        registry.script["L!"] = err("UNAUTHORIZED")
        result = await sweep(cli)
        assert result.shown["registries"][0]["quarantined"] is True
        assert {row["reason"] for row in result.shown["credentials"]} == {"registry_ill"}
        assert {row["state"] for row in result.shown["credentials"]} == {"alive"}
        assert result.shown["notices"]["sent"] == 0
        assert "to the operator" in result.err
