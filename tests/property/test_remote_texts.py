"""A short run of every reader of remote text and of random evidence, and what once broke a law of theirs. `make fuzz` is the long one."""

from __future__ import annotations

import json
from random import Random

import pytest

from tests.property.evidences import evidence_of, packed
from tests.property.fuzz import KINDS, TEXTS, faults_of, keep, one_of, slice_of
from tests.property.remote import TARGETS
from tests.replay.replaying import again
from validator.protocol.challenge import parse_challenges


@pytest.mark.parametrize("name", TARGETS)
def test_no_text_breaks_a_law(name: str) -> None:
    found = [one_of(name, f"short {number}") for number in range(20 if name == "pair" else 150)]
    assert [fault for count in found for fault in count.faults] == []


def test_no_evidence_breaks_a_law() -> None:
    found = [one_of("evidence", f"short {number}") for number in range(400)]
    assert [fault for count in found for fault in count.faults] == []
    made = evidence_of(Random("x"))
    assert made[1] == evidence_of(Random("x"))[1], "it follows from its seed"
    assert again(json.loads(packed(*made)))[1] == made[1], "and comes back from the corpus as it was"


@pytest.mark.parametrize("path", sorted(TEXTS.glob("*.json")), ids=lambda path: path.stem)
def test_what_once_broke_a_law_breaks_none(path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert faults_of(kept["kind"], kept["text"]) == []


def test_a_reader_that_raises_is_a_fault_and_its_text_is_kept(monkeypatch, tmp_path) -> None:
    def parse(values: list[str]) -> object:
        if "x" in values[0]:
            raise KeyError(values[0])
        return parse_challenges(values)

    monkeypatch.setattr("tests.property.remote.parse_challenges", parse)
    monkeypatch.setattr("tests.property.fuzz.TEXTS", tmp_path)
    [(why, text)] = next(count for number in range(99) if (count := one_of("challenge", f"x {number}")).faults).faults
    assert why.startswith("challenge: KeyError")
    kept = json.loads(keep(text).read_text(encoding="utf-8"))
    assert faults_of(kept["kind"], kept["text"]) == kept["faults"]
    assert faults_of("challenge", "Bearer") == []


def test_a_lot_counts_what_it_held_and_every_kind_has_its_turn(monkeypatch) -> None:
    monkeypatch.setattr("tests.property.fuzz.SLICE_S", 0.01)
    assert {"conversation", "evidence", *TARGETS} == set(KINDS)
    for kind in ("evidence", "wait", "conversation"):
        assert slice_of(kind, 1, 2).inputs[kind] > 0
