"""What a pre-flight says of each vendor's private and public images: by a good key, by a dead one, by none; and of odd manifests."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from aiohttp import web

from tests.cases.running import Cli, cli
from validator.emulator import DockerHub, Ghcr, Gitlab, Ngc
from validator.emulator.base import Call, Emulated
from validator.emulator.plain import Plain

__all__ = ["cli"]

VENDORS: Final[dict[str, tuple[type[Emulated], str, str, str, str]]] = {
    # the emulator, a private image, a public one, the names of a good and of a dead credential
    "ngc": (Ngc, "nvcr.io/acme/app:1.0", "nvcr.io/nvidia/cuda:latest", "good", "regenerated"),
    "dockerhub": (DockerHub, "ada/private", "alpine", "good", "deleted"),
    "ghcr": (Ghcr, "ghcr.io/octo/app:1", "ghcr.io/octo/public:1", "good", "revoked"),
    "gitlab": (Gitlab, "registry.gitlab.com/group/private:1", "registry.gitlab.com/group/public:1", "good", "revoked"),
}
REGISTRY: Final = {"ngc": "nvcr.io", "dockerhub": "docker.io", "ghcr": "ghcr.io", "gitlab": "registry.gitlab.com"}
SAID: Final = {
    # whose key -> (reason, hints) of the private image and of the public one
    "good": [("pull_ok", []), ("pull_ok", [])],
    "dead": [("credential_refused", []), ("credential_refused", ["public_image"])],
    "none": [("no_credential", []), ("public", [])],
}


@pytest.mark.parametrize("whose", SAID)
@pytest.mark.parametrize("vendor", VENDORS)
async def test_each_vendors_images(vendor: str, whose: str, cli: Cli) -> None:
    kind, private, public, good, dead = VENDORS[vendor]
    cli.pace = {"repeat_after_s": 0.05}
    async with kind() as registry:
        cli.registries = registry.settings()
        if whose != "none":
            name = good if whose == "good" else dead
            pair = next(one for one in registry.planted() if one.name == name)
            payload = ["--payload", f"registry={REGISTRY[vendor]}", f"username={pair.username}", "auth=-"]
            assert (await cli.run("credential", "set", "mine", "--no-check", *payload, stdin=pair.secret)).code == 0
        shown = (await cli.run("preflight", private, public, "--format", "json")).shown
        assert [(one["reason"], [hint for hint in one["hints"] if hint != "new_key"]) for one in shown["images"]] == SAID[whose]


async def test_images_of_one_digest_cost_one_pull_of_the_quota(cli: Cli) -> None:
    """dockerhub.md 4: an index is read by one GET, once a digest, also by those who want it at the same time."""
    async with DockerHub() as hub:
        cli.registries = hub.settings()
        one = hub.tokens["good"]
        digest = (await cli.check("docker.io", one.account, one.secret, "--image", "library/alpine:3.22")).shown["image"]["digest"]
        payload = ["--payload", "registry=docker.io", f"username={one.account}", "auth=-"]
        assert (await cli.run("credential", "set", "mine", "--no-check", *payload, stdin=one.secret)).code == 0
        answer, heads, both = hub.registry.answer, list[str](), asyncio.Event()

        async def held(call: Call) -> web.StreamResponse:
            """Nothing is read before both have been named."""
            if "/manifests/" in call.path and call.method == "HEAD":
                heads.append(call.path)
                said = await answer(call)
                if len(heads) == 2:
                    both.set()
                return said
            if "/manifests/" in call.path:
                await asyncio.wait_for(both.wait(), 5)
            return await answer(call)

        hub.registry.answer = held
        images = ["alpine:3.22", f"alpine@{digest}"]
        for platform, outcome in (("linux/amd64", "pullable"), ("linux/s390x", "wrong_platform")):
            shown = (await cli.run("preflight", *images, "--platform", platform, "--format", "json")).shown
            assert [image["outcome"] for image in shown["images"]] == [outcome] * 2
        gets = [request for request in hub.requests if request.method == "GET" and "/manifests/" in request.path]
        assert (len(gets), sum(len(spent) for spent in hub.pulls.pulls.values())) == (1, 1)


AMD64: Final = {
    # a tag of the plain registry, what a node of linux/amd64 makes of it: cases.md, IMG
    "1": "pull_ok", "single": "pull_ok", "single-arm64": "platform_mismatch", "docker": "pull_ok", "attested": "pull_ok",
    "arm64-only": "platform_missing", "386-only": "pull_ok", "amd64-v3-only": "platform_missing", "x86_64-v1": "pull_ok",
    "arm-v7-only": "platform_missing", "no-platform": "pull_ok", "unknown-only": "platform_missing", "empty-index": "platform_missing",
    "nested": "pull_ok", "schema1": "unsupported_manifest", "artifact": "unsupported_manifest", "foreign-layer": "pull_ok",
    "gone": "tag_not_found",
}  # fmt: skip


async def test_odd_manifests_on_a_node(cli: Cli) -> None:
    cli.pace = {"repeat_after_s": 0.05, "per_second": 100, "burst": 1000}
    async with Plain() as registry:
        cli.registries = registry.settings()
        [host] = cli.registries
        pair = registry.planted()[0]
        payload = ["--payload", f"registry={host}", f"username={pair.username}", "auth=-"]
        assert (await cli.run("credential", "set", "mine", "--no-check", *payload, stdin=pair.secret)).code == 0
        images = [f"{host}/team/app:{tag}" for tag in AMD64]
        shown = (await cli.run("preflight", *images, "--platform", "linux/amd64", "--format", "json")).shown
        assert {tag: one["reason"] for tag, one in zip(AMD64, shown["images"], strict=True)} == AMD64
