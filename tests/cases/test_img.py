"""References, manifests and platforms: cases.md, IMG."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.cases.asking_scripted import ask_image
from tests.cases.rows import Row, case
from tests.cases.running import Cli
from tests.cases.scripted import BEARER, IMAGE, INDEX, REPOSITORY, SECRET, USERNAME, Answers, Say, Scripted, document, err, html, image, index, on
from validator.protocol.reference import InvalidReference, parse_reference

UNKNOWN: Final = on("unknown", os="unknown", annotations={"vnd.docker.reference.type": "attestation-manifest"})
DIGEST: Final = "sha256:" + "ab" * 32

GOOD: Final[dict[str, list[tuple[str, str]]]] = {
    "IMG-01": [(text, "docker.io/library/nginx:latest") for text in ("nginx", "docker.io/nginx", "index.docker.io/nginx")],
    "IMG-02": [("nvcr.io", "docker.io/library/nvcr.io:latest"), ("localhost:5000", "docker.io/library/localhost:5000")],
    "IMG-03": [("localhost/app", "localhost/app:latest"), ("a:5000/app", "a:5000/app:latest"), ("1.2.3.4/app", "1.2.3.4/app:latest")],
    "IMG-04": [("Foo/app", "Foo/app:latest")],
    "IMG-08": [("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest")],
    "IMG-09": [("a/" + "b" * 253, "docker.io/a/" + "b" * 253 + ":latest"), ("nginx:" + "t" * 128, "docker.io/library/nginx:" + "t" * 128)],
}
BAD: Final[dict[str, list[str]]] = {
    "IMG-04": ["reg.test/Team/app"],
    "IMG-06": ["nginx@sha256:" + "a" * 63, "nginx@sha256:" + "A" * 64, "nginx@sha257:" + "a" * 64],
    "IMG-07": [
        "https://reg.test/app",
        " reg.test/app",
        "reg.test/app:",
        "reg.test/app@",
        "reg.test/a..b/c",
        "reg.test/a___b",
        "reg.test/-a",
        "a" * 64,
    ],
    "IMG-08": ["[fe80::1%25eth0]/app", "reg.test:0/app", "reg.test:70000/app"],
    "IMG-09": ["a/" + "b" * 255, "nginx:" + "t" * 129],
}


@case(*GOOD)
def test_reference_reads(row: Row) -> None:
    for text, whole in GOOD[row.id]:
        assert str(parse_reference(text)) == whole


@case(*BAD)
async def test_reference_is_refused_and_nothing_is_asked(row: Row, cli: Cli) -> None:
    for text in BAD[row.id]:
        with pytest.raises(InvalidReference):
            parse_reference(text)
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        for place, text in enumerate(BAD[row.id]):
            result = await cli.run("preflight", text, "--format", "json")
            [shown] = result.shown["images"]
            row.agrees("image", f"{shown['outcome']} ({shown['reason']})", 2 * place + 1 if row.id == "IMG-09" else 1)
        assert registry.seen == []


@case("IMG-05")
async def test_the_digest_counts_and_not_the_tag(row: Row, cli: Cli) -> None:
    async with Scripted({}) as registry:
        result = await ask_image(cli, registry, reference=f"{REPOSITORY}:1@{DIGEST}")
        assert any(exchange["url"].endswith(f"/manifests/{DIGEST}") for exchange in result.shown["evidence"])
        assert not any(exchange["url"].endswith("/manifests/1") for exchange in result.shown["evidence"])


def of(manifest: Say, **more: Any) -> Answers:
    """A private image that is this manifest."""
    return {"H+": manifest, "G+": manifest, **more}


AMD, ARM = "linux/amd64", "linux/arm64"
SINGLE, CONFIG = image("arm64")
PLATFORMS: Final[dict[str, list[tuple[Answers, str | None, list[str] | None]]]] = {
    # the script, the platform asked, the platforms told (None: not asserted)
    "IMG-10": [(of(index(on("amd64"), on("arm64"), UNKNOWN, UNKNOWN)), AMD, ["linux/amd64", "linux/arm64"])],
    "IMG-11": [(of(index(on("arm64"))), AMD, ["linux/arm64"])],
    "IMG-12": [(of(index(on("386"))), AMD, None)],
    "IMG-13": [(of(index(on("amd64", "v3"))), AMD, None)],
    "IMG-14": [(of(index(on("x86_64", "v1"))), AMD, None)],
    "IMG-15": [(of(index(on("arm", "v7"))), ARM, None), (of(index(on("arm64", "v8"))), ARM, None)],
    "IMG-16": [(of(index({})), AMD, [])],
    "IMG-17": [(of(index(UNKNOWN)), AMD, None), (of(index()), AMD, None)],
    "IMG-18": [(of(SINGLE, **{"C+": CONFIG}), AMD, ["linux/arm64"])],
    "IMG-20": [(of(Say(body=b"{}", kind="application/vnd.docker.distribution.manifest.v1+prettyjws")), None, None)],
    "IMG-21": [
        (of(document(IMAGE, {"schemaVersion": 2, "mediaType": IMAGE, "artifactType": "application/vnd.cncf.helm.config.v1+json", "layers": [],
                             "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": DIGEST, "size": 2}})), AMD, None),
    ],
}  # fmt: skip


@case(*PLATFORMS)
async def test_platform(row: Row, cli: Cli) -> None:
    for at, (script, wanted, told) in enumerate(PLATFORMS[row.id]):
        async with Scripted(dict(script)) as registry:
            result = row.holds(await ask_image(cli, registry, platform=wanted), at)
            if told is not None:
                assert (result.shown["image"]["platforms"] or []) == told
            if row.id == "IMG-11":
                assert result.credential == "valid (pull_proven)"


ANSWERS: Final[dict[str, list[Answers]]] = {
    "IMG-22": [
        {"H+": Say(kind=INDEX)},
        {"H+": Say(kind=INDEX, headers=(("Docker-Content-Digest", "x"),))},
    ],
    "IMG-23": [{"H+": Say(405), "G+": image()[0]}],
    "IMG-24": [{"H+": err("MANIFEST_UNKNOWN", 404)}],
    "IMG-25": [{"H+": err("NAME_UNKNOWN", 404)}],
    "IMG-26": [{"H+": html()}],
}


@case(*ANSWERS)
async def test_answer(row: Row, cli: Cli) -> None:
    for script in ANSWERS[row.id]:
        async with Scripted(dict(script)) as registry:
            result = row.holds(await ask_image(cli, registry))
            shown = result.shown["image"]
            if row.id == "IMG-22":
                assert shown["digest"] is None
            if row.id in ("IMG-24", "IMG-25"):
                assert result.credential == "valid (login_accepted)", "the credential keeps its login verdict"
            if row.id == "IMG-25":
                assert "no such repository" in shown["cause"]
                assert "hides" in shown["cause"]


@case("IMG-19")
async def test_a_platform_that_nobody_asked_for_is_not_read(row: Row, cli: Cli) -> None:
    async with Scripted({}) as registry:
        await ask_image(cli, registry)
        registry.seen.clear()
        result = row.holds(await ask_image(cli, registry))
        assert result.shown["image"]["platforms"] is None
        assert registry.count("G+", "C+") == 0
        assert len(registry.seen) <= 3


@case("IMG-27")
async def test_a_digest_is_read_once_for_ever(row: Row, cli: Cli) -> None:
    async with Scripted(of(index(on("amd64"), on("arm64")))) as registry:
        await ask_image(cli, registry, platform=AMD)
        assert registry.count("G+") == 1
        registry.seen.clear()
        result = row.holds(await ask_image(cli, registry, platform=ARM))
        assert registry.count("G+") == 0
        assert result.shown["image"]["platforms"] == ["linux/amd64", "linux/arm64"]


@case("IMG-28")
async def test_one_image_in_two_spellings_is_asked_once(row: Row, cli: Cli) -> None:
    async with Scripted({"H0": image()[0]}) as registry:
        cli.registries = registry.settings()
        names = [f"{registry.host}/{REPOSITORY}", f"{registry.host}/{REPOSITORY}:latest", f"{registry.host}/{REPOSITORY}"]
        result = await cli.run("preflight", *names, "--format", "json")
        assert [shown["image"] for shown in result.shown["images"]] == names
        assert {shown["outcome"] for shown in result.shown["images"]} == {"pullable"}
        assert registry.count("H0") == 1


@case("IMG-29")
async def test_an_index_in_an_index(row: Row, cli: Cli) -> None:
    inner = index(on("amd64"))
    digest = dict(inner.headers)["Docker-Content-Digest"]
    outer = index({"mediaType": INDEX, "digest": digest}, on("s390x"))
    async with Scripted({"H+": outer, "G+": [outer, inner]}) as registry:
        result = row.holds(await ask_image(cli, registry, platform=AMD))
        assert "linux/amd64" in result.shown["image"]["platforms"]
        assert registry.count("G+") == 2


async def test_anonymous_controls_are_kept_a_day(cli: Cli) -> None:
    async with Scripted({"H0": err("UNAUTHORIZED", demand=BEARER)}) as registry:
        assert (await ask_image(cli, registry)).credential == "valid (pull_proven)"
        registry.seen.clear()
        assert (await ask_image(cli, registry)).credential == "valid (pull_proven)"
        assert registry.count("T0", "H0", "L!", "T!", "P0") == 0


PAGES: Final[dict[str, tuple[Answers, str]]] = {
    "404 of an ingress": ({"H+": html(404)}, "unknown (protocol)"),
    "401 of a portal": ({"H+": html(401)}, "unknown (waf_block)"),
    "401 of a registry whose errors are pages": ({"H+": html(401, demand=BEARER)}, "denied (no_pull_permission)"),
    "404 of a registry": ({"H+": err("MANIFEST_UNKNOWN", 404)}, "not_found (tag_not_found)"),
}


@pytest.mark.parametrize(("script", "image"), PAGES.values(), ids=PAGES.keys())
async def test_a_web_page_says_nothing_of_an_image(script: Answers, image: str, cli: Cli) -> None:
    async with Scripted(script) as registry:
        cli.registries = registry.settings()
        checked = await cli.check(registry.host, USERNAME, SECRET, "--image", f"{registry.host}/{REPOSITORY}:1", "--platform", "linux/amd64")
    assert (checked.credential, checked.image) == ("valid (login_accepted)", image)
