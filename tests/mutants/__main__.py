"""`make mutants`: would the pure tests notice? One small fault at a time is made in what decides; the last line is one JSON object.

    python -m tests.mutants [--mutants N] [--seed 20261127] [--minutes 60] [--only validator/verdict] [--name FILE:NUMBER] [--write]

All faults of `mutate.py`, or a seeded sample. A fault is shown to the tests that come by its line (`tracing.py`), those first that have
noticed most of its module's, until one fails; a test that takes much longer than it does has noticed it, too. What all let pass is a survivor.

Own code, as mutmut makes faults in functions alone and cosmic-ray neither in texts nor in rows: what a registry's answer means stands in
tables at a module's level. And no fault is ever written to the tree: other runs go on beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from tests.mutants import page
from tests.mutants.mutate import Mutant, mutants
from tests.mutants.page import Fate
from tests.mutants.serving import COLD, Server, cold, warm
from tests.mutants.tracing import Traced, traced

ROOT: Final = Path(__file__).parents[2]
DECIDES: Final = ("validator/credential.py", "validator/protocol", "validator/verdict", "validator/status", "validator/providers")
PURE: Final = (
    "tests/unit/protocol", "tests/unit/verdict", "tests/unit/providers", "tests/unit/test_status.py", "tests/unit/test_credential.py", "tests/unit/registry/test_client.py",
    "tests/unit/test_preflight.py", "tests/unit/test_preflight_answers.py", "tests/unit/sweep", "tests/property/test_protocol_laws.py",
    "tests/property/test_realm_laws.py", "tests/property/test_token_laws.py", "tests/property/test_status_walk.py",
    "tests/property/test_verdict_laws.py",
)  # fmt: skip
SLOW: Final = ("the_long_run", "usual_laws", "linear_time", "more_deaths_are_never_likelier", "never_less_likely", "one_answer_to_every_secret")
"""Tests that are about other things, and take seconds."""
NOBODY: Final = "nobody runs it"


@dataclass
class Order:
    """Which tests first: those that have noticed most of a module's faults by now, then the quick ones."""

    found: Traced
    noticed: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    number: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.number = {test.name: at for at, test in enumerate(self.found.tests)}

    def note(self, module: str, by: str) -> None:
        """`by` noticed a fault of `module`."""
        if by in self.number:
            self.noticed[module][self.number[by]] += 1

    def by_line(self, mutant: Mutant) -> list[int]:
        """The tests that run its statement."""
        kills = self.noticed[mutant.module]
        return sorted(self.found.of(mutant.module, mutant.lines), key=lambda at: (-kills[at], self.found.tests[at].seconds))

    def all_of(self, mutant: Mutant) -> list[int]:
        """All tests, a file after the other: those that noticed most, the room's own, the quick ones."""
        kills, room = self.noticed[mutant.module], mutant.module.split("/")[1].removesuffix(".py")
        of_file: Counter[str] = Counter()
        took: dict[str, float] = defaultdict(float)
        for at, test in enumerate(self.found.tests):
            of_file[test.file] += kills[at]
            took[test.file] += test.seconds
        files = {name: (-of_file[name], "property" in name, room not in name, seconds, name) for name, seconds in took.items()}
        return sorted(range(len(self.found.tests)), key=lambda at: (files[self.found.tests[at].file], -kills[at], at))


@dataclass(frozen=True)
class Pair:
    """A warm and a cold server, which one at a time uses."""

    warm: Server
    cold: Server


def modules(only: str = "") -> list[str]:
    """The files of what decides."""
    found = [path for each in DECIDES for path in ([ROOT / each] if each.endswith(".py") else sorted((ROOT / each).glob("*.py")))]
    return [name for path in found if (name := str(path.relative_to(ROOT))).startswith(only)]


@cache
def _every(only: str) -> tuple[Mutant, ...]:
    return tuple(one for name in modules(only) for one in mutants(name, (ROOT / name).read_text(encoding="utf-8")))


def sample(size: int, seed: int, only: str = "") -> tuple[list[Mutant], int]:
    """A seeded sample of all mutants, 0 for all of them in a seeded order, and how many there are.

    By what each is and not by its place: most of a sample is the same after a change to the program.
    """
    nth: Counter[str] = Counter()
    places = {}
    for one in _every(only):
        said = f"{one.module} {one.what}"
        places[hashlib.sha256(f"{seed} {said} {nth[said]}".encode()).hexdigest()] = one
        nth[said] += 1
    return [places[place] for place in sorted(places)][: size or None], len(places)


def fate(mutant: Mutant, pair: Pair, order: Order) -> Fate:
    """What becomes of one."""
    began, found = time.monotonic(), order.found
    why, by = "", COLD
    if mutant.inside and not found.at_import(mutant.module, mutant.lines):
        tests = order.by_line(mutant)
        if not tests:
            return Fate(mutant, "", NOBODY, time.monotonic() - began)
        by, why = pair.warm.ask(_task(mutant, tests, found)), f"{len(tests)} tests run it"
    if by == COLD:
        by, why = pair.cold.ask(_task(mutant, order.all_of(mutant), found)), "all tests may see it"
    order.note(mutant.module, by)
    return Fate(mutant, by, why, time.monotonic() - began)


def _task(mutant: Mutant | None, tests: Sequence[int], found: Traced) -> tuple[Mutant | None, list[tuple[str, float]], float]:
    chosen = [found.tests[at] for at in tests]
    return mutant, [(test.name, 2 + 10 * test.seconds) for test in chosen], 60 + 10 * sum(test.seconds for test in chosen)


def fates(chosen: list[Mutant], pairs: Sequence[Pair], order: Order, until: float) -> Iterator[Fate]:
    """The fates of as many as can be begun in time, as they come."""
    free: SimpleQueue[Pair] = SimpleQueue()
    for pair in pairs:
        free.put(pair)

    def one(mutant: Mutant) -> Fate | None:
        if time.monotonic() > until:
            return None
        pair = free.get()
        try:
            return fate(mutant, pair, order)
        finally:
            free.put(pair)

    with ThreadPoolExecutor(len(pairs)) as pool:
        yield from (found for done in as_completed([pool.submit(one, mutant) for mutant in chosen]) if (found := done.result()) is not None)


def kept(path: Path | None, chosen: Sequence[Mutant], found: Traced) -> list[Fate]:
    """Those of `chosen` that an earlier run killed: their module is as it was, and the test that noticed is still there."""
    by_key = {(one.module, one.number, stamp(one.module)): one for one in chosen}
    names = {test.name for test in found.tests}
    read = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
    known = {(each["module"], each["number"], each["stamp"]): each for each in map(json.loads, read) if each["by"] in names}
    return [Fate(by_key[key], each["by"], "", each["seconds"]) for key, each in known.items() if key in by_key]


@cache
def stamp(module: str) -> str:
    """A module's text and the kinds of faults, in short."""
    return hashlib.sha256((ROOT / module).read_bytes() + Path(__file__).with_name("mutate.py").read_bytes()).hexdigest()[:12]


def keep(path: Path | None, one: Fate) -> None:
    """Into the file of results."""
    if path is not None:
        said = {
            "module": one.mutant.module,
            "number": one.mutant.number,
            "stamp": stamp(one.mutant.module),
            "by": one.by,
            "seconds": round(one.seconds, 1),
        }
        with path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(said) + "\n")


def main(arguments: list[str]) -> int:
    """Trace, sample, run, print."""
    told = _options().parse_args(arguments)
    began, unwanted = time.monotonic(), "|".join(SLOW)
    chosen, every = sample(told.mutants, told.seed, told.only)
    if told.name:
        wanted = {(module, int(number)) for module, _, number in (name.rpartition(":") for name in told.name)}
        chosen = [one for one in _every("") if (one.module, one.number) in wanted]
    found = traced(modules(), told.tests, unwanted)
    order = Order(found)
    pairs = [Pair(Server(warm(told.tests, unwanted)), Server(cold(found.modules, unwanted))) for _ in range(told.processes)]
    for server in (pairs[0].warm, pairs[0].cold):
        if first := server.ask(_task(None, range(len(found.tests)), found)):
            raise SystemExit(f"the tests fail without any fault: {first}")
    ended = kept(told.results, chosen, found)
    for one in ended:
        order.note(one.mutant.module, one.by)
    known = {one.mutant.name for one in ended}
    for one in fates([mutant for mutant in chosen if mutant.name not in known], pairs, order, began + told.minutes * 60):
        ended.append(one)
        keep(told.results, one)
        word = "killed" if one.by else "SURVIVED"
        print(f"{word} {one.mutant.name} line {one.mutant.line}: {one.mutant.what} ({one.by or one.why}, {one.seconds:.1f} s)", flush=True)
    for pair in pairs:
        pair.warm.close()
        pair.cold.close()
    figures = page.figures(ended, every, told.seed)
    if told.write:
        page.write(ended, figures)
    print(json.dumps({**figures, "kept": len(known), "seconds": round(time.monotonic() - began)}))
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--mutants", type=int, default=0, help="how many; 0: all")
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="the beginning of a file's path")
    parser.add_argument("--name", action="append", default=[], help="this mutant, as it was printed; may be given again")
    parser.add_argument("--tests", nargs="*", default=list(PURE), help="files of tests instead of all pure ones")
    parser.add_argument("--results", type=Path, help="a file that keeps what was killed: the same is not run again while its module is as it was")
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
