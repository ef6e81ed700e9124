"""The long run of the laws: made-up conversations until so many answers were given; the last line is one JSON object.

    python -m tests.property.fuzz [--answers 200000] [--seed 20261123] [--processes N]

Every conversation follows from the seed and its number. One that breaks a law is kept in `corpus/`, where the tests find it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.property.conversation import Conversation
from tests.property.laws import broken
from tests.property.worlds import Play, packed, talk_of, world_of
from validator.verdict import Outcome

CORPUS: Final = Path(__file__).parent / "corpus"
CHUNK: Final = 500


@dataclass
class Count:
    """What came of some conversations; `faults` are (words, conversation as JSON)."""

    answers: int = 0
    valid: int = 0
    invalid: int = 0
    exceptions: int = 0
    violations: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Count) -> None:
        """Count another's too."""
        for name in ("answers", "valid", "invalid", "exceptions", "violations"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
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
    """The failing conversation in the corpus."""
    CORPUS.mkdir(exist_ok=True)
    path = CORPUS / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.write_text(text, encoding="utf-8")
    return path


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
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    told = parser.parse_args(arguments)
    began, total = time.monotonic(), Count()
    for count in chunks(told.seed, told.answers, told.processes):
        total.add(count)
        for why, text in count.faults:
            print(f"{keep(text).name}: {why}")
    figures = {name: getattr(total, name) for name in ("answers", "valid", "invalid", "exceptions", "violations")}
    print(json.dumps({**figures, "seed": told.seed, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if total.exceptions or total.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
