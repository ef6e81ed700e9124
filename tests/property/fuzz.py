"""The long run of the laws: made-up conversations, evidence and remote texts; the last line is one JSON object.

    python -m tests.property.fuzz [--answers 200000] [--seed 20261123] [--processes N]    # conversations until so many answers were given
    python -m tests.property.fuzz --seconds 3000                                          # that long, over every reader of remote text, too

Everything follows from the seed and its number. What breaks a law is kept in `corpus/`, where the tests find it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.property import evidences, remote
from tests.property.conversation import Conversation
from tests.property.laws import broken
from tests.property.remote import TARGETS
from tests.property.worlds import Play, packed, talk_of, world_of
from tests.replay.replaying import again
from validator.verdict import Outcome

CORPUS: Final = Path(__file__).parent / "corpus"
TEXTS: Final = CORPUS / "texts"
SLICE_S: Final = 1.0
"""CPU seconds of one lot of a kind."""
KINDS: Final = tuple(kind for name in TARGETS for kind in (name, "conversation", "evidence"))
"""One lot of each in turn: a third of the time for conversations, a third for evidence, a third for the readers together."""
CHUNK: Final = 500


@dataclass
class Count:
    """What came of some conversations; `faults` are (words, conversation as JSON)."""

    answers: int = 0
    valid: int = 0
    invalid: int = 0
    exceptions: int = 0
    violations: int = 0
    inputs: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Count) -> None:
        """Count another's too."""
        for name in ("answers", "valid", "invalid", "exceptions", "violations"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.inputs += other.inputs
        self.faults += other.faults


def conversation(random: Random) -> Count:
    """One made-up conversation, judged."""
    talk = talk_of(random)
    playing = Play(talk, world_of(random), random, [])
    count = Count()
    try:
        held = Conversation(talk, playing).hold()
        faults = broken(held)
    except Exception:
        count.exceptions = 1
        faults = [traceback.format_exc(limit=-3)]
    else:
        count.valid, count.invalid = int(held.verdict.outcome is Outcome.VALID), int(held.verdict.outcome is Outcome.INVALID)
        count.violations = len(faults)
    count.answers = len(playing.said)
    if faults:
        count.faults = [("; ".join(faults), packed(talk, playing.said, faults))]
    return count


def chunk(seed: int, number: int, size: int = CHUNK) -> Count:
    """`size` conversations, the `number`th lot of this seed."""
    count = Count()
    for each in range(number * size, (number + 1) * size):
        count.add(conversation(Random(f"{seed} {each}")))
    return count


def keep(text: str) -> Path:
    """The failing input in the corpus: a conversation, or what a reader or a table got."""
    folder = TEXTS if "kind" in json.loads(text) else CORPUS
    folder.mkdir(exist_ok=True)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.write_text(text, encoding="utf-8")
    return path


def one_of(kind: str, seed: str) -> Count:
    """One input of a kind, held to its law."""
    if kind == "conversation":
        return conversation(Random(seed))
    if kind == "evidence":
        plan, evidence = evidences.evidence_of(Random(seed))
        faults = evidences.faults_of(plan, evidence)
        text = evidences.packed(plan, evidence) if faults else ""
    else:
        text = TARGETS[kind].make(Random(seed))
        faults = remote.faults_of(kind, text)
    told = [("; ".join(faults), json.dumps({"kind": kind, "text": text, "faults": faults}))] if faults else []
    return Count(violations=len(faults), faults=told)


def faults_of(kind: str, text: str) -> list[str]:
    """What is wrong with an input that was kept, of a kind that is no conversation."""
    return evidences.faults_of(*again(json.loads(text))) if kind == "evidence" else remote.faults_of(kind, text)


def slice_of(kind: str, seed: int, number: int) -> Count:
    """Inputs of a kind for a while: the `number`th lot of this seed."""
    count, until, each = Count(), time.process_time() + SLICE_S, 0
    while time.process_time() < until:
        count.add(one_of(kind, f"{seed} {kind} {number} {each}"))
        each += 1
    count.inputs[kind] += each
    return count


def slices(seed: int, until: float, processes: int) -> Iterator[Count]:
    """Lots of every kind in turn until the time is over."""
    number = 0
    with ProcessPoolExecutor(processes) as pool:
        while time.monotonic() < until:
            lots = [pool.submit(slice_of, KINDS[(number + i) % len(KINDS)], seed, number + i) for i in range(processes)]
            number += len(lots)
            yield from (lot.result() for lot in lots)


def chunks(seed: int, answers: int, processes: int) -> Iterator[Count]:
    """Lots of conversations until `answers` were given."""
    given, number = 0, 0
    with ProcessPoolExecutor(processes) as pool:
        while given < answers:
            lots = [pool.submit(chunk, seed, number + i) for i in range(2 * processes)]
            number += len(lots)
            for lot in lots:
                count = lot.result()
                given += count.answers
                yield count


def main(arguments: list[str]) -> int:
    """Run, print, keep what fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.property.fuzz")
    parser.add_argument("--answers", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--seconds", type=float, default=0.0, help="that long, over conversations, evidence and every reader of remote text")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    told = parser.parse_args(arguments)
    began, total = time.monotonic(), Count()
    lots = slices(told.seed, began + told.seconds, told.processes) if told.seconds else chunks(told.seed, told.answers, told.processes)
    for count in lots:
        total.add(count)
        for why, text in count.faults:
            print(f"{keep(text).name}: {why}")
    figures: dict[str, Any] = {name: getattr(total, name) for name in ("answers", "valid", "invalid", "exceptions", "violations")}
    figures |= {"inputs": dict(sorted(total.inputs.items())), "all": total.inputs.total()} if told.seconds else {}
    print(json.dumps({**figures, "seed": told.seed, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if total.exceptions or total.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
