"""Pull proofs and their controls by the generic rules: cases.md, GEN, through the command line against scripted registries."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from tests.cases.asking_scripted import ask_image
from tests.cases.rows import Row, case
from tests.cases.running import Cli
from tests.cases.scripted import BEARER, REPOSITORY, Answers, Say, Scripted, err, image, tok

PRIVATE: Final[Answers] = {"T0": tok(), "H0": err("UNAUTHORIZED", demand=BEARER)}
PUBLIC: Final[Answers] = {"T0": tok(), "H0": image()[0]}
REFUSED_TOKEN: Final = Say(401, demand='Bearer realm="https://x.test",error="invalid_token"')


def granting(*actions: str) -> Say:
    """A token whose readable claims grant exactly these actions."""

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    access = [{"type": "repository", "name": REPOSITORY, "actions": list(actions)}] if actions else []
    return Say(body={"token": f"{part({'alg': 'RS256'})}.{part({'access': access})}.{part('x')}"}, token="token")


SCRIPTS: Final[dict[str, Answers]] = {
    "GEN-05": {"L!": tok(), **PRIVATE, "T!": tok(), "H!": err("UNAUTHORIZED")},
    "GEN-06": {"L!": tok(), "T!": tok(), "H!": image()[0]},
    "GEN-11": {"T+": tok("token+access_token")},
    "GEN-18": {"P0": Say(body={}), "P!": Say(body={}), "T!": err("UNAUTHORIZED")},
    "GEN-27": {"T+": granting(), "H+": err("UNAUTHORIZED")},
    "GEN-28": {"T+": granting("pull"), "H+": err("DENIED", 403)},
    "GEN-31": {"H+": REFUSED_TOKEN},
    "GEN-32": {"H+": [REFUSED_TOKEN, image()[0]]},
    "GEN-33": {**PUBLIC},
    "GEN-34": {**PUBLIC, "L!": tok(), "T!": tok()},
    "GEN-43": {"L!": tok(), "T!": tok(), "H+": err("DENIED", 403), "H0": err("DENIED", 403)},
}


@case(*SCRIPTS)
async def test_pull(row: Row, cli: Cli) -> None:
    async with Scripted(dict(SCRIPTS[row.id])) as registry:
        result = row.holds(await ask_image(cli, registry))
        steps = [exchange["step"] for exchange in result.shown["evidence"]]
        if row.id == "GEN-05":
            assert "pull (control)" in steps, "what control was used is in the evidence"
            assert result.shown["level"] == "pull"
        if row.id == "GEN-11":
            bearers = [headers["Authorization"] for headers in registry.headers if headers.get("Authorization", "").startswith("Bearer")]
            assert bearers[0].startswith("Bearer access_token-")
        if row.id == "GEN-31":
            assert registry.count("H+") == 2
        if row.id == "GEN-33":
            assert result.shown["level"] == "login"


@case("GEN-42")
async def test_a_second_image_of_a_repository_is_read_with_what_is_known(row: Row, cli: Cli) -> None:
    """One request is meant for a caller that lives on; a command of its own starts without a token, and spends two."""
    async with Scripted({}) as registry:
        await ask_image(cli, registry)
        registry.seen.clear()
        result = await ask_image(cli, registry, reference=f"{REPOSITORY}:2")
        row.agrees("image", result.image)
        assert registry.seen == ["T+", "H+"] or registry.seen == ["L+", "T+", "H+"]


@case("GEN-49")
async def test_a_control_at_one_step_says_nothing_of_another(row: Row, cli: Cli) -> None:
    """Only the scoped login was made: told by `decide`, as no plan of a check leaves the login out where its control is not known."""
    from dataclasses import replace
    from types import MappingProxyType

    from validator.evidence import Control, Demand, Evidence, Exchange, Grant, Known, ManifestSeen, Party, Step, Subject
    from validator.verdict import decide

    known = Known(challenge=Demand(scheme="bearer"), controls=MappingProxyType({Step.LOGIN: Control.REFUSED}))
    subject = Subject(host="reg.test", username="jane", repository=REPOSITORY, reference="1", own=True)
    scoped = Exchange(
        step=Step.SCOPED,
        party=Party.SUBJECT,
        method="GET",
        url="https://auth.reg.test/token",
        status=200,
        authorized=True,
        grant=Grant(),
        repository=REPOSITORY,
    )
    head = replace(
        scoped, step=Step.PULL, method="HEAD", url="https://reg.test/v2/team/app/manifests/1", grant=None, manifest=ManifestSeen(kind="image")
    )
    anonymous = [replace(scoped, party=Party.ANONYMOUS, authorized=False), replace(head, party=Party.ANONYMOUS)]
    verdict = decide(Evidence(subject, known, (scoped, head, *anonymous)))
    row.agrees("credential", f"{verdict.outcome} ({verdict.reason})")
    assert verdict.image is not None
    row.agrees("image", f"{verdict.image.outcome} ({verdict.image.reason})")
