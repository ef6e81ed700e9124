"""`validator preflight` against registries that answer: one user's stored credentials, the kubelet's truth."""

from __future__ import annotations

import pytest

from tests.cases.running import Cli, cli
from tests.cases.scripted import BEARER, SECRET, USERNAME, Say, Scripted, err, image
from validator.emulator import Ngc

__all__ = ["cli"]

KEYS = ["image", "outcome", "via", "reason", "hints", "cause", "advice", "digest", "cached", "checked_at", "retry_at", "file", "line", "task"]
PUBLIC = {"H0": image()[0]}
DEAD = {"L+": err("UNAUTHORIZED"), "T+": err("UNAUTHORIZED")}


async def keep(cli: Cli, name: str, registry: str, secret: str = SECRET) -> None:
    """Store without asking."""
    words = ["credential", "set", name, "--no-check", "--payload", f"registry={registry}", f"username={USERNAME}", "auth=-"]
    assert (await cli.run(*words, stdin=secret)).code == 0


async def test_a_dead_key_blocks_a_public_image_and_is_named(cli: Cli) -> None:
    async with Scripted({**DEAD, **PUBLIC}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "old-key", registry.host)
        result = await cli.run("preflight", f"{registry.host}/team/app", "--format", "json")
        [told] = result.shown["images"]
        assert list(told) == KEYS
        assert (result.code, result.shown["outcome"], told["outcome"], told["reason"]) == (1, "blocked", "denied", "credential_refused")
        assert told["hints"] == ["public_image"]
        assert "old-key" in told["advice"]
        assert "public" in told["advice"]
        assert registry.count("T+") == 2, "refused once, and repeated once"


async def test_without_a_matching_key_the_anonymous_pull_is_proven(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry:
        cli.registries = registry.settings()
        await keep(cli, "elsewhere", "other.test")
        told = (await cli.run("preflight", f"{registry.host}/team/app", "--format", "json")).shown["images"][0]
        assert (told["outcome"], told["reason"], told["via"]) == ("pullable", "public", None)
        assert registry.count("T+", "L+", "T!", "L!") == 0


async def test_a_private_image_without_a_key_is_denied(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        result = await cli.run("preflight", f"{registry.host}/team/app", "--format", "json")
        assert (result.code, result.shown["images"][0]["reason"]) == (1, "no_credential")


async def test_the_second_key_pulls_where_the_first_is_dead(cli: Cli) -> None:
    script = {"T!": err("UNAUTHORIZED"), "L!": err("UNAUTHORIZED")}
    async with Scripted(dict(script)) as registry:
        cli.registries = registry.settings()
        words = ["credential", "set", "good", "--payload", f"registry={registry.host}", f"username={USERNAME}", "auth=-"]
        assert (await cli.run(*words, stdin=SECRET)).code == 0, "seen valid: it may use all of the budget"
        await keep(cli, "dead", f"{registry.host}/team", "an old secret")
        told = (await cli.run("preflight", f"{registry.host}/team/app", "--format", "json")).shown["images"][0]
        assert (told["outcome"], told["via"], told["hints"]) == ("pullable", "good", ["dead_key_first"])


@pytest.mark.parametrize(("choice", "code"), [("report", 3), ("allow", 0), ("block", 1)])
async def test_unknown_is_the_operators_choice(choice: str, code: int, cli: Cli) -> None:
    async with Scripted({"P0": Say(503)}) as registry:
        cli.registries = registry.settings()
        result = await cli.run("preflight", f"{registry.host}/team/app", "--format", "json", "--on-unknown", choice)
        assert (result.code, result.shown["outcome"]) == (code, "unknown")


async def test_what_is_late_is_unknown_and_the_rest_is_right(cli: Cli) -> None:
    async with Scripted({"H0": Say(200, delay_s=30)}) as slow, Scripted(dict(PUBLIC)) as quick:
        cli.registries = slow.settings() | quick.settings()
        words = ["preflight", f"{slow.host}/team/app", f"{quick.host}/team/app", "--deadline", "1", "--format", "json"]
        result = await cli.run(*words)
        assert [told["reason"] for told in result.shown["images"]] == ["deadline", "public"]
        assert result.shown["took_ms"] < 14_000, "nobody waits for the slow one"


async def test_no_control_is_made_for_somebody_who_waits_for_images(cli: Cli) -> None:
    async with Scripted({"H0": err("UNAUTHORIZED", demand=BEARER)}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "good", registry.host)
        told = (await cli.run("preflight", f"{registry.host}/team/app", "--format", "json")).shown["images"][0]
        assert (told["outcome"], told["via"]) == ("pullable", "good")
        assert registry.count("L!", "T!") == 0


async def test_a_dead_key_is_refused_twice_however_many_images_it_is_for(cli: Cli) -> None:
    cli.pace = {"repeat_after_s": 0.05, "refused": {60: 100}}
    async with Scripted({**DEAD, **PUBLIC}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "old-key", registry.host)
        images = [f"{registry.host}/team/app{number}" for number in range(6)]
        told = (await cli.run("preflight", *images, "--format", "json")).shown["images"]
        assert [(one["reason"], one["hints"]) for one in told] == [("credential_refused", ["public_image"])] * 6
        assert all("old-key" in one["advice"] for one in told)
        assert registry.count("T+", "L+") == 2


async def test_a_good_key_pulls_many_images_side_by_side(cli: Cli) -> None:
    async with Scripted({"H+": [image()[0], *[Say(200, image()[0].body, image()[0].headers, image()[0].kind, delay_s=1)] * 7]}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "good", registry.host)
        images = [f"{registry.host}/team/app{number}" for number in range(8)]
        result = await cli.run("preflight", *images, "--format", "json")
        assert {one["via"] for one in result.shown["images"]} == {"good"}
        assert registry.most_at_once >= 4, "one after another: 1"


async def test_a_dead_ngc_key_is_told_with_the_page_to_renew_it(cli: Cli) -> None:
    async with Ngc() as ngc:
        cli.registries = ngc.settings()
        words = ["credential", "set", "ngc", "--no-check", "--payload", "registry=nvcr.io", "username=$oauthtoken", "auth=-"]
        await cli.run(*words, stdin=ngc.keys["regenerated"].secret)
        private = next(name for name, kept in ngc.repositories.items() if not getattr(kept, "public", False))
        told = (await cli.run("preflight", f"nvcr.io/{private}:1", "--format", "json")).shown["images"][0]
        assert told["outcome"] == "denied"
        assert told["reason"] == "credential_refused"
        assert "delete or renew the credential ngc" in told["advice"]
