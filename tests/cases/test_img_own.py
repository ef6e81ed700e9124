"""Platforms beyond the rows: what is kept of a digest for ever is what has that digest, whoever says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.cases.asking_scripted import IMAGE as REFERENCE
from tests.cases.running import Cli, Result
from tests.cases.scripted import INDEX, REPOSITORY, SECRET, USERNAME, Say, Scripted, image, index, on

AMD: Final = "linux/amd64"


async def asked(cli: Cli, registry: Scripted) -> Result:
    cli.registries |= registry.settings()
    return await cli.check(registry.host, USERNAME, SECRET, "--image", f"{registry.host}/{REFERENCE}", "--platform", AMD)


def named(digest: str, say: Say) -> Say:
    """The same answer under another's digest."""
    return replace(say, headers=(("Docker-Content-Digest", digest),))


def digest_of(say: Say) -> str:
    return dict(say.headers)["Docker-Content-Digest"]


async def test_a_registry_cannot_say_what_anothers_index_holds(cli: Cli) -> None:
    honest = index(on("amd64"))
    lie = named(digest_of(honest), index(on("arm64")))
    async with Scripted({"H+": lie, "G+": lie}) as liar, Scripted({"H+": honest, "G+": honest}) as registry:
        assert (await asked(cli, liar)).image == "wrong_platform (platform_missing)"
        result = await asked(cli, registry)
        assert (result.image, registry.count("G+")) == ("pullable (pull_ok)", 1)


async def test_a_registry_cannot_say_what_anothers_image_runs_on(cli: Cli) -> None:
    manifest, config = image("amd64")
    async with (
        Scripted({"H+": manifest, "G+": manifest, "C+": image("arm64")[1]}) as liar,
        Scripted({"H+": manifest, "G+": manifest, "C+": config}) as registry,
    ):
        assert (await asked(cli, liar)).image == "wrong_platform (platform_mismatch)"
        result = await asked(cli, registry)
        assert (result.image, registry.count("C+")) == ("pullable (pull_ok)", 1)


async def test_the_digest_of_an_index_is_not_that_of_what_is_in_it(cli: Cli) -> None:
    inner = index(on("amd64"))
    outer = index({"mediaType": INDEX, "digest": digest_of(inner)})
    async with Scripted({"H+": outer, "G+": [outer, inner]}) as registry:
        result = await asked(cli, registry)
        assert (result.image, result.shown["image"]["digest"], registry.count("G+")) == ("pullable (pull_ok)", digest_of(outer), 2)
        assert REPOSITORY in result.shown["image"]["reference"]
