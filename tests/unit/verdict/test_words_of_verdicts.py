"""The closed lists of the contract, and that nothing which decides says a pair that they do not have."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from tests.replay.replaying import FILE
from tests.unit.verdict.reasons import HINTS, WITH
from validator.evidence import Asker, Control, Failure, Opinion, Party
from validator.protocol.errcode import BodyShape
from validator.protocol.manifest import ManifestKind
from validator.providers import PROVIDERS, Provider
from validator.status import Said, State, Transition
from validator.verdict import TABLE, Hint, ImageOutcome, Level, Meaning, Outcome, Reason
from validator.verdict.reading import READ
from validator.verdict.words import WORDS, cause_and_advice

LISTS = {
    "Outcome": (Outcome, "valid invalid insufficient misconfigured unprovable unknown"),
    "ImageOutcome": (ImageOutcome, "pullable denied not_found wrong_platform unknown"), "Level": (Level, "login pull"),
    "State": (State, "alive suspect dead impaired unproven never_checked"),
    "Transition": (Transition, "died never_worked blipped recovered impaired expiring none"),
    "Said": (Said, "good refused lacks unfit unprovable nothing"), "Asker": (Asker, "check preflight sweep"),
    "Party": (Party, "subject anonymous control canary"), "Control": (Control, "refused denied accepted unclear"),
    "Opinion": (Opinion, "agrees knows silent"), "BodyShape": (BodyShape, "empty errors oauth json html text"),
    "ManifestKind": (ManifestKind, "index image schema1 artifact other"),
    "Meaning": (Meaning, "open demands page no_registry accepted refused broken admitted alive denied readable stale no_head tag_missing "
                "repository_missing unsupported barred on unknown"),
    "Reason": (Reason, " ".join(WITH)), "Hint": (Hint, " ".join(HINTS)),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_closed_list_is_the_contracts(name: str) -> None:
    """They are written into ledgers and answers: none may change its spelling."""
    kind, values = LISTS[name]
    assert sorted(each.value for each in kind) == sorted(values.split())
    assert all(each.name == each.value.upper() for each in kind)


def may(outcome: str, reason: str) -> bool:
    return outcome in WITH[reason] or (outcome == "unknown" and "unknown" in WITH[reason])


def test_no_row_says_a_pair_that_the_list_has_not() -> None:
    tables = [*TABLE, *(one for provider in PROVIDERS for one in provider.table)]
    assert [one.row for one in tables if one.reason is not None and not may(one.outcome, one.reason)] == []
    assert [one.row for one in tables if (one.outcome is Outcome.VALID) is not (one.level is not None)] == []
    assert all(failure.value in WITH for failure in Failure)


def test_no_conversation_of_the_cases_does() -> None:
    for line in FILE.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)["verdict"]
        assert may(told["outcome"], told["reason"])
        if image := told.get("image"):
            assert may(image["outcome"], image["reason"])


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.key)
def test_a_row_of_an_answer_has_a_reason_that_its_meaning_can_have(provider: Provider) -> None:
    fits = {
        "unknown": "unknown", "page": "unknown", "no_registry": "misconfigured", "refused": "invalid", "broken": "misconfigured", "alive": "insufficient",
        "tag_missing": "not_found", "repository_missing": "not_found", "unsupported": "wrong_platform", "barred": "denied", "stale": "unknown", "no_head": "unknown",
        "admitted": "denied",
    }  # fmt: skip
    for one in (*READ, *provider.traits.rows):
        if one.reason is not None and one.meaning in fits:
            assert fits[one.meaning] in WITH[one.reason], one.row


def test_a_vendors_own_words_come_first() -> None:
    own = {Reason.REFUSED: "Ours."}
    assert cause_and_advice(Reason.REFUSED) == WORDS[Reason.REFUSED]
    assert cause_and_advice(Reason.REFUSED, own, MappingProxyType(own)) == ("Ours.", "Ours.")
    assert cause_and_advice(Reason.EXPIRED, own, own) == WORDS[Reason.EXPIRED]
    assert cause_and_advice(Reason.REFUSED, MappingProxyType(own), None) == ("Ours.", WORDS[Reason.REFUSED][1])


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(Reason)
    for cause, advice in WORDS.values():
        assert cause.endswith(".")
        assert not advice.endswith(".")
