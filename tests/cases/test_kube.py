"""What the kubelet will do with the keys of a pull secret: cases.md, KUBE."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, Final

from tests.cases.cluster import IMAGE, Cluster, cluster, holds, key
from tests.cases.rows import Row, case
from tests.cases.running import Cli
from tests.cases.scripted import Answers, Say, err, image
from validator.config import AuthsKey
from validator.credential import Credential, kubelet_order
from validator.preflight import Held
from validator.preflight.shown import image_json, words_of
from validator.stores.dockerconfig import DockerConfigStore
from validator.verdict import Hint

REFUSED: Final = err("UNAUTHORIZED")
PUBLIC: Final[Answers] = {"H0": image()[0]}
OPEN_BUDGET: Final = {60: 100}

ONE: Final[dict[str, tuple[Answers, list[Credential], str, str | None, list[Hint], list[str]]]] = {
    # the script, the keys, the image, the key that pulls, the hints, steps that are never made
    "KUBE-01": (PUBLIC, [], IMAGE, None, [], ["T+"]),
    "KUBE-02": ({"T+a": REFUSED, **PUBLIC}, [key("reg.test", "a")], IMAGE, None, [Hint.PUBLIC_IMAGE], []),
    "KUBE-03": ({"T+a": REFUSED, **PUBLIC}, [key("other.test", "a")], IMAGE, None, [], ["T+a", "L+a"]),
    "KUBE-04": ({"T+a": REFUSED}, [key("reg.test/team", "a"), key("reg.test", "b")], IMAGE, "b", [Hint.DEAD_KEY_FIRST], []),
    "KUBE-05": ({"T+b": REFUSED}, [key("reg.test/team", "a"), key("reg.test", "b")], IMAGE, "a", [], ["T+b", "L+b"]),
    "KUBE-06": ({"T+a": REFUSED}, [key("reg.test/team", "a")], "reg.test/team-two/app", None, [], []),
    "KUBE-11": ({"T+a": REFUSED}, [key("*.test", "a"), key("reg.test", "b")], IMAGE, "b", [], ["T+a", "L+a"]),
    "KUBE-13": ({"T+a": REFUSED}, [key("docker.io", "a"), key("index.docker.io", "b")], "nginx", None, [], ["T+b", "L+b"]),
    "KUBE-20": ({"H+a": err("DENIED", 403)}, [key("reg.test/team", "a"), key("reg.test", "b")], IMAGE, "b", [], []),
    "KUBE-21": ({"T+a": Say(429)}, [key("reg.test/team", "a"), key("reg.test", "b")], IMAGE, "b", [], []),
    "KUBE-22": ({"T+a": REFUSED, "T+b": Say(503)}, [key("reg.test/team", "a"), key("reg.test", "b")], IMAGE, None, [], []),
    "KUBE-24": ({"T+a": REFUSED}, [key("reg.test", "a")], IMAGE, None, [], []),
    "KUBE-30": ({"T+a": REFUSED}, [key("reg.test", "a"), key("*.test/team", "b")], IMAGE, "b", [Hint.DEAD_KEY_FIRST], []),
}  # fmt: skip


@case(*ONE)
async def test_one_image(row: Row, cli: Cli) -> None:
    script, keys, name, via, hints, never = ONE[row.id]
    async with cluster(cli, script) as here:
        await here.remember(*keys)
        told = holds(row, await here.one(*keys, image=name))
        assert (told.via, [hint for hint in told.verdict.hints if hint is not Hint.NEW_KEY]) == (via, hints)
        assert here.registry.count(*never) == 0


NO_MATCH: Final[dict[str, list[tuple[list[Credential], str]]]] = {
    # keys that are none for the image, which is private
    "KUBE-09": [([key("reg.test:443", "a")], "reg.test/team/app"), ([key("reg.test", "a")], "reg.test:443/team/app")],
    "KUBE-19": [([key("NVCR.IO", "a")], "nvcr.io/x")],
    "KUBE-23": [([], IMAGE)],
    "KUBE-28": [([key("reg.test/team/app/x", "a")], IMAGE)],
}


@case(*NO_MATCH)
async def test_without_a_key_that_matches_nothing_secret_is_sent(row: Row, cli: Cli) -> None:
    answers = (Say(403), err("DENIED", 403)) if row.id == "KUBE-23" else ()
    for keys, name in NO_MATCH[row.id]:
        async with cluster(cli) as here:
            holds(row, await here.one(*keys, image=name))
            assert here.registry.count("T0", "H0") == 2
            assert here.registry.count("T+a", "L+a") == 0
    for answer in answers:
        async with cluster(cli, {"H0": answer}) as here:
            holds(row, await here.one())


@case("KUBE-07", "KUBE-08")
async def test_osmo_writes_a_key_for_its_group_alone(row: Row, cli: Cli) -> None:
    dead, other = key("reg.test/team", "a"), "reg.test/team-two/app"
    async with cluster(cli, {"T+a": REFUSED, **PUBLIC}, AuthsKey.OSMO, refused=OPEN_BUDGET) as here:
        images = [other] if row.id == "KUBE-07" else [other, "reg.test/team/x"]
        for told in (await here.foretell(images, [dead])).images:
            holds(row, told)
        assert here.registry.count("T+a") == (0 if row.id == "KUBE-07" else 2)


MATCH: Final[dict[str, list[tuple[str, str, bool]]]] = {
    "KUBE-10": [("*.test", "reg.test/app", True), ("*.reg.test", "reg.test/app", False), ("*test", "reg.test/app", False), ("*", "reg.test/app", False)],
    "KUBE-12": [("https://index.docker.io/v1/", "docker.io/library/nginx", True), ("index.docker.io/v1", "docker.io/library/nginx", False)],
    "KUBE-29": [("reg.test/team/", "reg.test/team/app", True), ("reg.test/team/app/", "reg.test/team/app", False)],
}  # fmt: skip


@case(*MATCH)
async def test_which_texts_match(row: Row, cli: Cli) -> None:
    for text, name, matches in MATCH[row.id]:
        assert kubelet_order([(text, text)], name) == ((text,) if matches else ())
        async with cluster(cli, PUBLIC) as here:
            told = await here.one(key(text, "a"), image=name)
            assert (told.via, here.registry.count("T+a") > 0) == (("a", True) if matches else (None, False))


@case("KUBE-14")
async def test_the_hub_key_that_no_node_looks_up(row: Row, cli: Cli) -> None:
    async with cluster(cli, written_as=AuthsKey.OSMO) as here:
        told = holds(row, await here.one(key("docker.io", "a"), image="acme/private"))
        assert Hint.DOCKER_HUB_KEY_UNUSED in told.verdict.hints
        assert "https://index.docker.io/v1/" in words_of(told)[1], "the form that would work"
        assert here.registry.count("T+a", "L+a") == 0


@case("KUBE-15")
async def test_an_empty_password_is_nobodys(row: Row, cli: Cli) -> None:
    for at, script in enumerate((PUBLIC, Answers())):
        async with cluster(cli, script) as here:
            told = holds(row, await here.one(key("reg.test", "a", secret="")), at)
            assert told.via is None
            assert here.registry.count("T+", "T!", "L!") == 0


@case("KUBE-25")
async def test_a_renewed_key_and_an_old_refusal_are_asked_anew(row: Row, cli: Cli) -> None:
    for renewed in (False, True):
        async with cluster(cli, {"T+a": REFUSED}, refused=OPEN_BUDGET) as here:
            assert (await here.one(key("reg.test", "a"))).verdict.reason == "credential_refused"
            del here.registry.script["T+a"]
            if renewed:
                told = await here.one(key("reg.test", "b"))
            else:
                here.clock.passed += 9 * 60
                assert (await here.one(key("reg.test", "a"))).cached
                here.clock.passed += 2 * 60
                told = await here.one(key("reg.test", "a"))
            holds(row, told)
            assert not told.cached


@case("KUBE-27")
async def test_the_advice_says_that_every_pull_does_harm(row: Row, cli: Cli) -> None:
    async with cluster(cli, {"T+a": REFUSED, **PUBLIC}) as here:
        shown = image_json(await here.one(key("reg.test", "a")))
        assert "delete or renew the credential a" in shown["advice"]
        assert "fails twice at the registry" in shown["advice"]
        assert "ban the node" in shown["advice"]


@case("KUBE-31")
async def test_a_deadline_before_the_repeat(row: Row, cli: Cli) -> None:
    dead = key("reg.test", "a")
    async with cluster(cli, {"T+a": REFUSED}, refused=OPEN_BUDGET) as here:
        here.clock.held = asyncio.Event()
        started = here.clock.now()
        images = [IMAGE, "reg.test/team/two"]
        first, beside = (await here.foretell(images, [dead], deadline_s=0.5)).images
        holds(row, first)
        assert first.retry_at is not None
        assert 2.9 <= (first.retry_at - started).total_seconds() <= 4
        assert (beside.verdict.reason, beside.retry_at) == ("ambiguous_refusal", first.retry_at), "it waits for the same word"
        assert here.clock.waits == [3.0]
        here.clock.held.set()
        await asyncio.wait({one.task for one in here.preflight.conversations.running.values()})
        assert here.registry.count("T+a") == 2
        second = holds(row, await here.one(dead), 1)
        assert second.cached
        assert here.registry.count("T+a") == 2


@case("KUBE-32")
async def test_a_refusal_that_the_ledger_knows_is_the_first(row: Row, cli: Cli) -> None:
    dead = key("reg.test", "a")
    async with cluster(cli, {"T+a": REFUSED}) as here:
        await here.remember(dead)
        await here.was_refused(dead, minutes=12)
        holds(row, await here.one(dead))
        assert here.registry.count("T+a") == 1
        assert here.clock.waits == []


@case("KUBE-33")
async def test_twelve_images_of_one_good_key(row: Row, cli: Cli) -> None:
    good = key("reg.test", "a")
    slow = Say(200, image()[0].body, image()[0].headers, image()[0].kind, delay_s=0.02)
    async with cluster(cli, {"H+a": slow}) as here:
        await here.remember(good)
        told = (await here.foretell([f"reg.test/team/app{at}" for at in range(12)], [good])).images
        for one in told:
            holds(row, one)
        assert (here.registry.count("T+a"), here.registry.count("H+a")) == (12, 12)
        assert here.clock.waits == []
        assert 2 <= here.registry.most <= 8


async def test_the_next_key_does_not_wait_for_the_repeat_of_the_one_before(cli: Cli) -> None:
    """registries/README.md 6.4, 3."""
    async with cluster(cli, {"T+a": REFUSED}) as here:
        here.clock.held = asyncio.Event()
        keys = [key("reg.test/team", "a"), key("reg.test", "b", username="joan")]
        asked = asyncio.create_task(here.foretell([IMAGE, "reg.test/team/two"], keys))
        while here.registry.count("H+b") < 2:  # also of the image that waits for the first one's word
            await asyncio.sleep(0.01)
        assert here.registry.count("T+a") == 1
        here.clock.held.set()
        assert [(told.via, told.verdict.hints) for told in (await asked).images] == [("b", (Hint.DEAD_KEY_FIRST,))] * 2


async def test_at_the_deadline_a_good_key_pulls_though_the_one_before_is_in_doubt(cli: Cli) -> None:
    async with cluster(cli, {"T+a": REFUSED}) as here:
        here.clock.held = asyncio.Event()
        told = await here.one(key("reg.test/team", "a"), key("reg.test", "b", username="joan"), deadline_s=1)
        assert (told.verdict.reason, told.via, told.verdict.hints) == ("pull_ok", "b", ()), "nothing is called dead after one refusal"


def auth(pair: str) -> str:
    """An entry's `auth`."""
    return base64.b64encode(pair.encode()).decode()


def pull_secret(name: str, auths: dict[str, Any] | str) -> dict[str, Any]:
    """One pull secret; a text is what stands in it instead of a docker config."""
    held = auths if isinstance(auths, str) else json.dumps({"auths": auths})
    kind = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "metadata": {"name": name}}
    return {**kind, "stringData": {".dockerconfigjson": held}}


async def given(cli: Cli, here: Cluster, *secrets: dict[str, Any]) -> tuple[Held, ...]:
    """What a kubelet holds that was given these pull secrets."""
    path = cli.home / "secrets.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": secrets}))
    fingerprinter, clock = here.preflight.probe.fingerprinter, here.clock.monotonic
    return await DockerConfigStore(path, "ada", fingerprinter, environ={}, monotonic=clock).as_kubelet("ada")


@case("KUBE-16")
async def test_an_identity_token_is_nothing_to_a_kubelet(row: Row, cli: Cli) -> None:
    for at, script in enumerate((PUBLIC, Answers())):
        async with cluster(cli, script) as here:
            held = await given(cli, here, pull_secret("a", {"reg.test": {"identitytoken": "secret-a"}}))
            holds(row, await here.one(*held), at)
            assert here.registry.count("T+a", "L+a", "T!", "L!") == 0


@case("KUBE-17")
async def test_auth_beats_username_and_password(row: Row, cli: Cli) -> None:
    async with cluster(cli, {"T+b": REFUSED}) as here:
        entry = {"auth": auth("jane:secret-a"), "username": "jane", "password": "secret-b"}
        told = holds(row, await here.one(*await given(cli, here, pull_secret("a", {"reg.test": entry}))))
        assert told.verdict.reason == "pull_ok"
        assert here.registry.count("T+a", "T+b") == here.registry.count("T+a") == 1


@case("KUBE-18")
async def test_one_broken_pull_secret_fails_every_image_of_the_pod(row: Row, cli: Cli) -> None:
    good = pull_secret("good", {"reg.test": {"auth": auth("jane:secret-a")}})
    for broken in ("{", {"other.test": {"auth": auth("no colon")}}, {"other.test": {"auth": "%%%"}}):
        async with cluster(cli) as here:
            held = await given(cli, here, good, pull_secret("broken", broken))
            for told in (await here.foretell([IMAGE, "nginx"], held)).images:
                holds(row, told)
                assert "broken" in words_of(told)[0]
            assert here.registry.seen == []


@case("KUBE-26")
async def test_two_pull_secrets_with_one_key_are_tried_in_the_pods_order(row: Row, cli: Cli) -> None:
    dead, good = ({"reg.test": {"auth": auth(f"{name}:secret-{sign}")}} for name, sign in (("jane", "a"), ("joan", "b")))
    async with cluster(cli, {"T+a": REFUSED}) as here:
        held = await given(cli, here, pull_secret("first", dead), pull_secret("second", good))
        await here.remember(*(one for one in held if isinstance(one, Credential)))
        told = holds(row, await here.one(*held))
        assert told.via is not None
        assert told.via.startswith("second")
        assert told.tried[0].verdict.outcome == "invalid"
    async with cluster(cli, {"T+a": REFUSED}) as here:
        told = await here.one(*await given(cli, here, pull_secret("second", good), pull_secret("first", dead)))
        assert (told.verdict.reason, here.registry.count("T+a")) == ("pull_ok", 0)
