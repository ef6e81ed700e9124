"""What is said of a secret that was refused as it is stored, or of which nothing could be sent: what is true, and what to mend."""

from __future__ import annotations

import pytest

from tests.cases.running import Cli
from tests.cases.scripted import Scripted
from validator.emulator import Ghcr, Ngc
from validator.emulator.ngc import USERNAME

AS_STORED, AGAIN = "as it is stored, with white space", "Store the secret again without the white space"
UNHURRIED = {"confirm_after_s": 0.2, "per_second": 1000, "burst": 1000}


def stored(emulated: Ngc | Ghcr, name: str) -> str:
    return next(one.secret for one in emulated.planted() if one.name == name)


async def put(cli: Cli, registry: str, username: str, secret: str) -> None:
    payload = (f"registry={registry}", f"username={username}", "auth=-")
    done = await cli.run(
        "credential", "set", "key", "--type", "REGISTRY", "--payload", *payload, "--user", "ada", "--no-check", "--force", stdin=secret
    )
    assert done.code == 0


@pytest.mark.parametrize("emulated", [Ngc, Ghcr])
async def test_white_space_around_a_refused_secret_is_named_before_any_other_cause(emulated: type[Ngc | Ghcr], cli: Cli) -> None:
    """registries/README.md 4.2.5: nobody is told that a good key was deleted, and to make a new one, for a blank at its end."""
    async with emulated() as registry:
        cli.registries = registry.settings()
        result = await cli.check(registry.host, USERNAME, f"{stored(registry, 'good')} ")
        assert (result.credential, result.shown["hints"][0]) == ("invalid (refused)", "whitespace")
        assert AS_STORED in result.shown["cause"]
        assert result.shown["advice"].startswith(AGAIN)
        refused = await cli.check(registry.host, USERNAME, stored(registry, "expired"))
        assert "white space" not in refused.shown["cause"] + refused.shown["advice"]


async def test_a_notice_and_the_story_name_the_white_space_too(cli: Cli) -> None:
    async with Ghcr() as ghcr:
        cli.registries, cli.pace = ghcr.settings(), UNHURRIED
        await put(cli, "ghcr.io", "octo", f"{stored(ghcr, 'good')} ")
        swept = await cli.run("sweep", "--format", "json")
        assert [(row["state"], row["reason"]) for row in swept.shown["credentials"]] == [("dead", "refused")]
        told = (await cli.run("explain", "key", "--user", "ada")).out
        for text in (swept.err, told):
            assert AS_STORED in text
            assert AGAIN in text
            assert "revoked" not in text


async def test_what_was_not_sent_is_not_called_a_no_of_the_registrys(cli: Cli) -> None:
    """A username that NGC never takes: what the image would get is not known, and what to mend is."""
    async with Ngc() as ngc:
        cli.registries = ngc.settings()
        image = "nvcr.io/acme/app:1.0"
        checked = await cli.check("nvcr.io", "ada@example.org", stored(ngc, "good"), "--image", image)
        assert (checked.credential, checked.image) == ("misconfigured (wrong_username)", "unknown (ambiguous_refusal)")
        await put(cli, "nvcr.io", "ada@example.org", stored(ngc, "good"))
        foretold = await cli.run("preflight", image, "--user", "ada", "--format", "json")
        [said] = foretold.shown["images"]
        assert (said["outcome"], said["reason"], foretold.code) == ("unknown", "ambiguous_refusal", 3)
        for one in (checked.shown["image"], said):
            assert "$oauthtoken" in one["cause"]
            assert "username='$oauthtoken'" in one["advice"]
        assert not [one for one in ngc.requests if one.authorization != "none"]


async def test_githubs_old_registry_gets_no_secret(cli: Cli) -> None:
    """ghcr.md 1: `docker.pkg.github.com` has moved into ghcr.io, and may not have the secret."""
    token = "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"
    async with Scripted({}) as registry:
        [said] = registry.settings().values()
        cli.registries = {"docker.pkg.github.com": said}
        result = await cli.check("docker.pkg.github.com/octo", "octo", token, "--image", "docker.pkg.github.com/octo/app/image:1")
        assert (result.credential, result.code) == ("misconfigured (not_a_registry)", 1)
        assert "ghcr.io" in result.shown["advice"]
        assert result.shown["image"]["outcome"] == "unknown"
        assert registry.seen == []


async def test_an_image_that_no_key_of_this_kind_reads_is_no_question_of_access(cli: Cli) -> None:
    """Who stored a fine-grained token, or an NGC key without the registry's service, is not sent to the image's owner."""
    for emulated, username, name, image, own, mend in (
        (Ghcr(), "octo", "fine_grained", "ghcr.io/octo/app:1", "wrong_kind", "classic personal access token"),
        (Ngc(), USERNAME, "functions_only", "nvcr.io/acme/app:1.0", "service_missing", "Private Registry"),
    ):
        cli.home = cli.home / name
        cli.home.mkdir()
        async with emulated:
            cli.registries = emulated.settings()
            checked = await cli.check(emulated.host, username, stored(emulated, name), "--image", image)
            assert (checked.shown["reason"], checked.image) == (own, "denied (hidden_or_denied)")
            await put(cli, emulated.host, username, stored(emulated, name))
            [foretold] = (await cli.run("preflight", image, "--user", "ada", "--format", "json")).shown["images"]
            for said in (checked.shown["image"], foretold):
                assert mend in said["advice"]
                assert "access (package" not in said["advice"]
                assert "Ask the image's org" not in said["advice"]
                assert "does not exist" not in said["cause"]
