"""The chaos run: checks of emulated registries with a fault at a random place of each; the last line is one JSON object.

    python -m tests.chaos [--checks 20000] [--seed 20261127] [--processes N] [--lot N]

A lot follows from the seed and its number. One that breaks a law is kept in `corpus/`, where the tests hold it again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from tests.chaos.lots import CHECKS, Count, empty_store, lots

CORPUS: Final = Path(__file__).parent / "corpus"
A_PART: Final = 8
"""Lots that a process is given at once."""


def part(seed: int, first: int, number: int, at_once: int = 8) -> Count:
    """These lots, in a process of their own."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it tells of each connection that a fault cut under it
    empty_store()
    return asyncio.run(lots(seed, range(first, first + number), at_once=at_once))


def keep(where: dict[str, Any], words: str) -> None:
    """The lot that failed: its seed and number are all of it."""
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / f"{where['seed']}-{where['lot']}.json").write_text(json.dumps({**where, "broke": words}, indent=1) + "\n")


def main(arguments: list[str]) -> int:
    """Run, print, keep what fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--checks", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--lot", type=int, help="only this one")
    told = parser.parse_args(arguments)
    began, total = time.monotonic(), Count()
    number = max(1, -(-told.checks // CHECKS))
    starts = [(told.lot, 1)] if told.lot is not None else [(first, min(A_PART, number - first)) for first in range(0, number, A_PART)]
    with ProcessPoolExecutor(told.processes) as pool:
        for work in [pool.submit(part, told.seed, first, many) for first, many in starts]:
            count = work.result()
            total.add(count)
            for words, where in count.faults:
                print(json.dumps({"broke": words, **where}), flush=True)
                if "lot" in where:
                    keep(where, words)
    print(json.dumps(figures(total) | {"seed": told.seed, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if total.faults else 0


def figures(total: Count) -> dict[str, Any]:
    """The totals of a run."""
    laws = Counter(words.partition(":")[0] for text, _ in total.faults for words in text.split("; "))
    return {
        "checks": total.checks, "faults_met": total.hit, "requests": total.requests, "by_kind": dict(sorted(total.kinds.items())),
        "outcomes": dict(Counter(name.partition(" ")[0] for name in total.outcomes.elements())),
        "false_words": laws["no_false_word"], "secrets_astray": laws["no_secret_astray"] + laws["nothing_shown"],
        "left_over": laws["nothing_left"] + laws["tasks"] + laws["sockets"], "too_many_asks": laws["it_ends_and_asks_little"],
        "exceptions": laws["exception"],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
