"""Whatever servers answer: no exception, no `valid`, `invalid` or `pullable` that the wire does not show, no secret kept or lent.

`laws.py` reads the wire itself; the conversations are made up in `worlds.py`. `make fuzz` is the long run of the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.answers import HOSTS, LACKING, ODD, REALMS, REFUSED, error, granted, say, seen
from tests.property.conversation import AMD64, RECALLS, Conversation, Talk, Turn
from tests.property.fuzz import CORPUS, conversation
from tests.property.laws import broken
from tests.property.worlds import NAMES, SECRETS, packed, play, replayed, talk_of, unpacked, world_of
from validator.credential import Host
from validator.evidence import Asker, Failure, Party, Step
from validator.providers.plan import Ask, Auth
from validator.registry.base import Answer, Request
from validator.verdict import Outcome, Reason

ROOT = Path(__file__).parents[2]


@given(random=st.randoms(use_true_random=False))
def test_no_answer_breaks_a_law(random):
    talk = talk_of(random)
    held, said = play(talk, world_of(random), random)
    faults = broken(held)
    assert not faults, packed(talk, said, faults)


def test_a_seeded_run_breaks_no_law_and_decides_often_enough_to_mean_it():
    total: Counter[str] = Counter()
    for number in range(1200):
        count = conversation(Random(f"short {number}"))
        assert not count.faults, count.faults[0]
        total += Counter(answers=count.answers, valid=count.valid, invalid=count.invalid)
    assert total["answers"] > 2000
    assert total["valid"] > 150
    assert total["invalid"] > 150


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.json")), ids=lambda path: path.stem)
def test_what_once_broke_a_law_breaks_none(path):
    talk, said = unpacked(path.read_text(encoding="utf-8"))
    assert broken(replayed(talk, said)) == []


def test_a_conversation_comes_back_from_the_corpus_as_it_was():
    random = Random(3)
    talk = talk_of(random)
    held, said = play(talk, world_of(random), random)
    again_talk, again_said = unpacked(packed(talk, said, ["x"]))
    again = replayed(again_talk, again_said)
    assert (again_talk, again.verdict.outcome, again.verdict.reason) == (talk, held.verdict.outcome, held.verdict.reason)


@pytest.mark.parametrize("asker", list(Asker))
@pytest.mark.parametrize("host", HOSTS)
def test_one_answer_to_every_secret_ends_every_conversation_lawfully(host, asker):
    """Servers that know one answer alone: for each, with and without an image, cold and warm."""
    secret = SECRETS[host][0]
    for answer in (*ODD, *REFUSED[host], *LACKING[host], *Failure):
        for repository, recall in (("", "cold"), ("team/app", "warm"), ("team/app", "anyone")):
            talk = Talk(host=host, username=NAMES.get(host, "jane"), secret=secret, repository=repository, asker=asker,
                        recall=recall, platform=bool(repository))  # fmt: skip

            def answering(turns: list[Turn], ask: Ask, request: Request, said: Answer | Failure = answer) -> Answer | Failure:
                if ask.step is Step.PING:
                    return error(401, "UNAUTHORIZED", challenge=REALMS[talk.host])  # noqa: B023 - called while the loop stands still
                return said

            held = Conversation(talk, answering).hold()
            assert broken(held) == [], (answer, talk)
            assert held.verdict.outcome is not Outcome.VALID or isinstance(answer, Answer)


@pytest.mark.parametrize("host", HOSTS)
def test_a_server_that_says_yes_to_all_is_never_valid_by_its_yes(host):
    """Tokens for everyone, manifests for everyone, and no introspection: nothing is proven, whatever is asked."""
    random = Random(1)

    def answering(turns: list[Turn], ask: Ask, request: Request) -> Answer | Failure:
        if ask.step is Step.PING:
            return error(401, "UNAUTHORIZED", challenge=REALMS[host])
        if ask.step in (Step.LOGIN, Step.SCOPED):
            return granted(random, host, nobody=ask.auth is Auth.NONE, repository=ask.repository, pulls=True)
        return seen(random) if ask.step in (Step.PULL, Step.MANIFEST) else say(500)

    for asker in (Asker.CHECK, Asker.SWEEP):
        for repository in ("", "team/app"):
            talk = Talk(host=host, username=NAMES.get(host, "jane"), secret=SECRETS[host][0], repository=repository, asker=asker)
            verdict = Conversation(talk, answering).hold().verdict
            assert verdict.outcome is Outcome.UNPROVABLE
            assert verdict.reason in (Reason.ACCEPTS_ANYONE, Reason.PUBLIC_ONLY)


def test_the_laws_see_what_they_forbid():
    """Each law is broken once, by hand: a verdict that the wire does not bear, a secret that is kept, a pair too many."""
    random = Random(5)
    good = Talk(host="reg.test", username="jane", secret="a-long-secret-of-jane", asker=Asker.SWEEP, recall="warm")
    held = Conversation(good, lambda turns, ask, request: granted(random, "reg.test", nobody=False, repository="", pulls=False)).hold()
    assert (held.verdict.outcome, broken(held)) == (Outcome.VALID, [])
    turn = held.turns[0]
    no = replace(turn, answer=error(401, "UNAUTHORIZED"))
    forged = {
        "valid_is_earned": [
            replace(held, turns=()), replace(held, turns=(no,)), replace(held, talk=replace(held.talk, recall="cold")),
            replace(held, talk=replace(held.talk, recall="anyone")),
        ],
        "invalid_is_said": [
            replace(held, verdict=replace(held.verdict, outcome=Outcome.INVALID)),
            replace(held, turns=(replace(turn, answer=say(401, "<html>")),), verdict=replace(held.verdict, outcome=Outcome.INVALID)),
            replace(held, turns=(no,), talk=replace(held.talk, recall="ill"), verdict=replace(held.verdict, outcome=Outcome.INVALID)),
        ],
        "one_no_is_not_enough_where_somebody_waits": [
            replace(held, turns=(no,), talk=replace(held.talk, asker=Asker.CHECK), verdict=replace(held.verdict, outcome=Outcome.INVALID, reason=Reason.REFUSED))
        ],
        "no_secret_is_kept": [
            replace(held, evidence=held.evidence.plus(replace(turn.exchange, text="a-long-secret-of-jane"))),
            replace(held, evidence=held.evidence.plus(replace(turn.exchange, text=next(iter(held.bearers))))),
        ],
        "it_ends": [replace(held, turns=(turn,) * 41)],
        "few_refusals": [replace(held, turns=(no, no))],
        "secrets_stay_home": [
            replace(held, turns=(replace(turn, request=replace(turn.request, url=turn.request.url.with_host("evil.test"))),)) if turn.request else held,
            replace(held, turns=(replace(turn, request=replace(turn.request, url=turn.request.url.with_scheme("http"))),)) if turn.request else held,
            replace(held, turns=(replace(turn, ask=replace(turn.ask, step=Step.PING)),)),
        ],
        "nobody_lends": [
            replace(held, turns=(replace(turn, ask=replace(turn.ask, party=Party.CONTROL)),)),
            replace(held, pairs={**held.pairs, Party.CONTROL: held.pairs[Party.SUBJECT]}),
        ],
        "shape_decides_alone": [
            replace(held, provider=replace(held.provider, hosts=frozenset({Host("reg.test")})), evidence=replace(held.evidence, subject=replace(
                held.evidence.subject, fault="foreign_token")))
        ],
    }  # fmt: skip
    assert [name for name, cases in forged.items() for case in cases if not any(fault.startswith(f"{name}:") for fault in broken(case))] == []


def test_a_pull_that_nobody_read_breaks_a_law():
    random = Random(5)
    talk = Talk(host="reg.test", username="jane", secret="a-long-secret-of-jane", repository="team/app", asker=Asker.CHECK, recall="private")

    def answering(turns: list[Turn], ask: Ask, request: Request) -> Answer:
        return seen(random) if ask.step is Step.PULL else granted(random, "reg.test", nobody=False, repository="team/app", pulls=True)

    held = Conversation(talk, answering).hold()
    assert (held.verdict.reason, broken(held)) == (Reason.PULL_PROVEN, [])
    unread = replace(held, turns=tuple(t for t in held.turns if t.ask.step is not Step.PULL))
    assert {fault.partition(":")[0] for fault in broken(unread)} == {"proof_is_read", "pullable_is_read"}
    assert "proof_is_read" in "".join(broken(replace(held, talk=replace(talk, recall="warm"))))


def test_the_long_run_ends_in_one_json_object():
    done = subprocess.run(
        [sys.executable, "-m", "tests.property.fuzz", "--answers", "300", "--seed", "4", "--processes", "1"],
        cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    shown = json.loads(done.stdout.splitlines()[-1])
    assert set(shown) == {"answers", "valid", "invalid", "exceptions", "violations", "seed", "seconds"}
    assert (done.returncode, shown["exceptions"], shown["violations"], shown["seed"]) == (0, 0, 0, 4)
    assert shown["answers"] >= 300


def test_every_recall_and_platform_is_one_that_the_product_has():
    assert len(set(RECALLS)) == len(RECALLS)
    assert str(AMD64) == "linux/amd64"
