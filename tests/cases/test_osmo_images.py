"""What becomes of a workflow's images with credentials as OSMO keeps and hands them on: osmo.md 9, the rows about images."""

from __future__ import annotations

import pytest

from tests.cases.cluster import cluster, holds, key
from tests.cases.rows import Row, case
from tests.cases.running import Cli
from tests.cases.scripted import SECRET, USERNAME, Answers, Scripted, err, image
from validator.config import AuthsKey
from validator.verdict import Hint

PUBLIC: Answers = {"H0": image()[0]}
REFUSED = err("UNAUTHORIZED")


@pytest.mark.parametrize("end", ["\n\n", "\r", "\r\n\n"], ids=["LF", "CR", "CRLF"])
@case("OSMO-08")
async def test_a_line_end_is_sent_as_it_is_stored(row: Row, end: str, cli: Cli) -> None:
    cli.pace = {"repeat_after_s": 0.05, "refused": {60: 100}}
    async with Scripted({"T!": REFUSED, "L!": REFUSED}) as registry:
        cli.registries = registry.settings()
        stored = cli.home / "secret"
        stored.write_bytes((SECRET + end).encode())  # of a file one final line end is cut
        words = ["--payload", f"registry={registry.host}", f"username={USERNAME}", f"auth=@{stored}", "--force"]
        result = await cli.run("credential", "set", "mine", *words, "--format", "json")
        row.agrees("credential", result.credential)
        assert "whitespace" in result.shown["hints"]
        [told] = (await cli.run("preflight", f"{registry.host}/team/app", "--format", "json")).shown["images"]
        assert (told["outcome"], told["reason"]) == ("denied", "credential_refused")
        assert registry.count("T+", "L+") == 0, "not without its line end"


@case("OSMO-09")
async def test_a_colon_in_the_username_is_split_as_a_kubelet_splits(row: Row, cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        row.holds(await cli.check(registry.host, "jane:s3cret", "of-jane"))
        assert registry.seen == []
    before, _, after = SECRET.partition("-")
    odd = key("reg.test", "a", username=f"{USERNAME}:{before}", secret=f"-{after}")
    sent = key("reg.test", "b", secret=f"{before}:-{after}")
    async with cluster(cli, {"T!": REFUSED}) as here:
        told = await here.one(odd)
        assert told.verdict.reason == "credential_refused"
        mark = here.preflight.probe.fingerprinter.of("reg.test", sent.username, sent.secret)
        facts = await here.preflight.probe.ledger.facts.of("reg.test", mark)
        assert facts is not None, "what was asked with is jane and all behind the first colon"
        assert facts.refused_at is not None


@case("OSMO-12")
async def test_two_scopes_of_one_group_match_by_their_beginning(row: Row, cli: Cli) -> None:
    keys = [key("nvcr.io/team", "a"), key("nvcr.io/team-b", "b")]
    async with cluster(cli, {"H+a": err("DENIED", 403)}, AuthsKey.OSMO) as here:
        told = (await here.foretell(["nvcr.io/team/x", "nvcr.io/team-b/y"], keys)).images
        holds(row, told[1])
        assert (told[1].via, [one.name for one in told[1].tried]) == ("b", ["b"]), "the longer one first"
    async with cluster(cli, {"H+b": err("DENIED", 403), "H+a": image()[0]}, AuthsKey.OSMO) as here:
        told = (await here.foretell(["nvcr.io/team/x", "nvcr.io/team-b/y"], keys)).images
        holds(row, told[1])
        assert (told[1].via, [one.name for one in told[1].tried]) == ("a", ["b", "a"]), "both are tried"


@case("OSMO-13")
async def test_a_hub_credential_that_no_node_uses(row: Row, cli: Cli) -> None:
    for at, (script, name) in enumerate([(PUBLIC, "ubuntu"), (Answers(), "acme/private")]):
        async with cluster(cli, script, AuthsKey.OSMO) as here:
            told = holds(row, await here.one(key("docker.io", "a"), image=name), at)
            assert told.verdict.hints == (Hint.DOCKER_HUB_KEY_UNUSED,)
            assert here.registry.count("T+a", "L+a") == 0


@case("OSMO-15")
async def test_what_still_holds_a_template_is_not_asked_for(row: Row, cli: Cli) -> None:
    async with cluster(cli) as here:
        for name in ("reg.test/team/{{name}}:1", "{{ image }}", "reg.test/a{% if x %}b{% endif %}"):
            holds(row, await here.one(key("reg.test", "a"), image=name))
        assert here.registry.seen == []
