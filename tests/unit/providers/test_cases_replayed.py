"""What the emulated registries said in the cases' own tests, held again without a network: the same is asked, and the row's own verdict comes out.

`python -m tests.replay.recording` writes the conversations, out of tests that passed; a row's verdict is read from the row.
"""

from __future__ import annotations

import json
from typing import Final

import pytest

from tests.cases.rows import ROWS
from tests.replay.codec import decoded, encoded
from tests.replay.replaying import FILE, Recorded, again, asks_of, said
from validator.evidence import Evidence, Exchange, Known, Subject
from validator.providers import image_questions, login_questions
from validator.verdict import Verdict, decide

WAITS: Final = login_questions.PING_AGAIN_S, image_questions.FRESH_TOKEN_S
HELD: Final[list[Recorded]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
BY_ROW: Final = {row: [one for one in HELD if one["row"] == row] for row in dict.fromkeys(one["row"] for one in HELD)}


@pytest.fixture(autouse=True)
def waits_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here: the suite's short ones are not wanted."""
    monkeypatch.setattr(login_questions, "PING_AGAIN_S", WAITS[0])
    monkeypatch.setattr(image_questions, "FRESH_TOKEN_S", WAITS[1])


@pytest.mark.parametrize("row", BY_ROW)
def test_a_row_comes_out_without_a_network(row: str) -> None:
    allowed = {
        answer for subject in ("credential", "image") if ROWS[row]["expected"][subject] for answer in ROWS[row]["expected"][subject]["answers"]
    }
    for one in BY_ROW[row]:
        plan, evidence = again(one)
        assert asks_of(plan, evidence) == one["asks"]
        verdict = encoded(decide(evidence, plan.provider.traits, plan.provider.table))
        assert allowed.intersection(said(verdict))
        assert verdict == one["verdict"]


def test_most_rows_are_held_and_every_vendor_is_met() -> None:
    assert len(BY_ROW) > 250
    assert len({one["provider"] for one in HELD}) > 20


def test_evidence_comes_back_as_it_was_written() -> None:
    for one in HELD[::7]:
        _, evidence = again(one)
        kept = json.loads(json.dumps([encoded(evidence.subject), encoded(evidence.known), [encoded(each) for each in evidence.exchanges]]))
        subject, known, exchanges = decoded(Subject, kept[0]), decoded(Known, kept[1]), tuple(decoded(Exchange, each) for each in kept[2])
        assert Evidence(subject, known, exchanges) == evidence
        assert isinstance(decoded(Verdict, one["verdict"]), Verdict)
