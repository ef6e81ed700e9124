"""A few dozen checks of the chaos run; what once broke a law, held again; and that the laws see what they are about."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.__main__ import figures
from tests.chaos.faults import NAMES, SPOILS, Kind
from tests.chaos.laws import Seen, broken
from tests.chaos.lots import Count, empty_store, lots
from validator.emulator.base import Truth
from validator.verdict import Outcome

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for an answer that never comes."""
    monkeypatch.setattr("tests.chaos.lots.TOTAL_S", 0.5)
    monkeypatch.setattr("tests.chaos.lots.CONNECT_S", 0.4)


def held(seed: int, numbers: range, checks: int) -> Count:
    empty_store()
    return asyncio.run(lots(seed, numbers, at_once=4, checks=checks))


@pytest.mark.usefixtures("quick")
def test_no_fault_anywhere_makes_a_false_word_or_leaves_anything() -> None:
    count = held(7, range(4), 12)
    assert (count.faults, count.checks, count.hit >= 12) == ([], 48, True)
    assert {figures(count)[name] for name in ("false_words", "secrets_astray", "left_over", "exceptions")} == {0}


def test_what_broke_a_law_breaks_none_any_more() -> None:
    for path in CORPUS:
        said: dict[str, Any] = json.loads(path.read_text())
        assert held(said["seed"], range(said["lot"], said["lot"] + 1), said["check"] + 1).faults == [], path.name


def seen(**changes: Any) -> Seen:
    """One check as the laws get it: a dead key that was refused."""
    from tests.property.conversation import Conversation, Talk
    from validator.evidence import Failure

    talk = Conversation(Talk(host="reg.test", username="jane", secret="CANARY/of-chaos"), lambda turns, ask, request: Failure.TIMEOUT).hold()
    plain = Seen(
        probed=talk.probed, host="reg.test", secret="CANARY/of-chaos", username="jane", truths=(Truth(accepted=False, why="revoked"),), fault=None,
        hits=0, heard=(), outside=(), astray=0, tasks=0, held=0,
    )  # fmt: skip
    return replace(plain, **changes)


def said(outcome: Outcome) -> Any:
    probed = seen().probed
    return replace(probed, verdict=replace(probed.verdict, outcome=outcome))


GOOD = (Truth(accepted=True, why="live"),)
BROKEN = {
    "a dead key called valid": ({"probed": said(Outcome.VALID)}, "no_false_word"),
    "a good key called dead": ({"probed": said(Outcome.INVALID), "truths": GOOD}, "no_false_word"),
    "a secret at a stranger": ({"heard": ("GET /token\nAuthorization: Basic x",)}, "no_secret_astray"),
    "a secret in a query": ({"heard": ("GET /token?x=CANARY/of-chaos",)}, "no_secret_astray"),
    "a dial outside": ({"outside": ("10.1.2.3",)}, "no_secret_astray"),
    "an Authorization elsewhere": ({"astray": 1}, "no_secret_astray"),
    "a task": ({"tasks": 1}, "nothing_left"),
    "a connection": ({"held": 1}, "nothing_left"),
}


@pytest.mark.parametrize(("changes", "law"), BROKEN.values(), ids=BROKEN.keys())
def test_a_law_sees_what_it_is_about(changes: dict[str, Any], law: str) -> None:
    assert broken(seen()) == []
    assert [words.partition(":")[0] for words in broken(seen(**changes))] == [law]


def test_every_kind_of_fault_has_its_spoils() -> None:
    assert set(NAMES) == set(Kind)
    assert {kind: tuple(table) for kind, table in SPOILS.items()} == {kind: names for kind, names in NAMES.items() if kind is not Kind.TLS}


def test_a_lot_is_the_same_from_the_same_seed() -> None:
    from random import Random

    from tests.chaos.lots import PLAIN_IMAGES, check_of
    from validator.emulator.plain import Plain

    planted = Plain(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC).timestamp()).planted()
    first, second = ([check_of(Random(f"{n} x"), n, planted, PLAIN_IMAGES) for n in range(200)] for _ in range(2))
    assert first == second
    assert {one.fault.kind for one in first if one.fault is not None} == set(Kind)
