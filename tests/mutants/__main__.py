"""`make mutants`: would the tests notice? One small fault at a time is made in what decides, and the tests are run; the last line is one JSON object.

    python -m tests.mutants [--mutants 150] [--seed 20261127] [--minutes 60] [--tests pure] [--only validator/verdict] [--name FILE:NUMBER]

The faults are a seeded sample of all (`mutate.py`). The pure tests are run first, those of the fault's own module before the others; what
they let pass is given to the cases of the registry that it is about. What both let pass is a survivor, and is printed.

Own code, as mutmut makes faults in functions alone and cosmic-ray neither in texts nor in rows: what a registry's answer means stands in
tables at a module's level. And no fault is ever written to the tree: other runs go on beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from tests.mutants.mutate import Mutant, mutants

ROOT: Final = Path(__file__).parents[2]
DECIDES: Final = ("validator/credential.py", "validator/protocol", "validator/verdict", "validator/status", "validator/providers")
PURE: Final = (
    "tests/unit/protocol", "tests/unit/providers", "tests/unit/test_status.py", "tests/unit/registry/test_client.py",
    "tests/unit/test_preflight.py", "tests/unit/test_preflight_answers.py", "tests/unit/sweep", "tests/property/test_protocol_laws.py",
    "tests/property/test_realm_laws.py", "tests/property/test_token_laws.py", "tests/property/test_status_walk.py",
    "tests/property/test_verdict_laws.py",
)  # fmt: skip
SLOW: Final = ("the_long_run", "usual_laws", "linear_time", "more_deaths_are_never_likelier", "one_answer_to_every_secret")
"""Tests that are about other things, and take seconds."""
OWN: Final[dict[str, tuple[str, ...]]] = {
    "validator/protocol/": ("tests/unit/protocol",), "validator/status/": ("tests/unit/test_status.py", "tests/property/test_status_walk.py"),
    "validator/providers/": ("tests/unit/providers",), "validator/verdict/": ("tests/unit/providers", "tests/unit/registry/test_client.py"),
    "validator/credential.py": ("tests/unit/test_preflight.py",),
}  # fmt: skip
"""The tests of a part that are likeliest to notice."""
CASES: Final[dict[str, tuple[str, ...]]] = {
    "validator/providers/ngc.py": ("test_ngc", "test_ngc_", "test_vendor_lives"), "validator/providers/dockerhub.py": ("test_dockerhub", "test_vendor"),
    "validator/providers/ghcr.py": ("test_ghcr",), "validator/providers/gitlab.py": ("test_gitlab",),
    "validator/providers/base.py": ("test_costs", "test_gen", "test_other"), "validator/providers/plan.py": ("test_costs", "test_gen", "test_other"),
    "validator/providers/generic.py": ("test_gen", "test_other"), "validator/providers/__init__.py": ("test_gen", "test_other"),
    "validator/providers/questions.py": ("test_costs", "test_gen"), "validator/providers/login_questions.py": ("test_costs", "test_gen", "test_n"),
    "validator/providers/image_questions.py": ("test_costs", "test_img", "test_gen", "test_n"), "validator/providers/": ("test_other",),
    "validator/protocol/manifest.py": ("test_img", "test_gen_image", "test_net_odd"), "validator/protocol/reference.py": ("test_img", "test_kube"),
    "validator/protocol/realm.py": ("test_sec_realms", "test_sec_addresses", "test_net_names"), "validator/protocol/": ("test_gen", "test_net", "test_sec"),
    "validator/credential.py": ("test_kube", "test_osmo", "test_gen_login"), "validator/status/": ("test_vendor_lives", "test_gitlab_lives"),
    "validator/verdict/image.py": ("test_gen_image", "test_img", "test_ghcr", "test_gitlab", "test_dockerhub"),
    "validator/verdict/": ("test_gen", "test_img", "test_net", "test_ghcr", "test_gitlab", "test_ngc", "test_dockerhub", "test_other"),
}  # fmt: skip
"""The cases that are about a part: of the longest beginning of its path, by the beginnings of their files."""


@dataclass(frozen=True)
class Fate:
    """What became of a mutant: "pure" or "cases" noticed it, or it "survived"; `by` the first test that failed."""

    mutant: Mutant
    noticed: str
    by: str
    seconds: float


def modules(only: str = "") -> list[str]:
    """The files of what decides."""
    found = [path for each in DECIDES for path in ([ROOT / each] if each.endswith(".py") else sorted((ROOT / each).glob("*.py")))]
    return [name for path in found if (name := str(path.relative_to(ROOT))).startswith(only)]


@cache
def _every(only: str) -> tuple[Mutant, ...]:
    return tuple(one for name in modules(only) for one in mutants(name, (ROOT / name).read_text(encoding="utf-8")))


def sample(size: int, seed: int, only: str = "") -> tuple[list[Mutant], int]:
    """A seeded sample of all mutants, and how many there are."""
    every = _every(only)
    return Random(f"mutants {seed}").sample(every, min(size, len(every))), len(every)


def _longest(table: dict[str, tuple[str, ...]], module: str) -> tuple[str, ...]:
    return table[max((each for each in table if module.startswith(each)), key=len)]


def pure_tests(module: str, kind: str = "pure") -> list[str]:
    """The pure tests, those of the module's own part first, or these alone ("own")."""
    own = _longest(OWN, module)
    return [*own] if kind == "own" else [*own, *(one for one in PURE if one not in own)]


def case_tests(module: str) -> list[str]:
    """The cases that are about a module."""
    found = [path for each in _longest(CASES, module) for path in sorted((ROOT / "tests" / "cases").glob(f"{each}*.py"))]
    return list(dict.fromkeys(str(path.relative_to(ROOT)) for path in found))


def noticed(mutant: Mutant | None, tests: Iterable[str], limit_s: float) -> str:
    """The first test that fails with this fault, "too late" where they take too long; "" where all pass."""
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n0",
        "--tb=no",
        "-p",
        "tests.mutants.loading",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    environment = {**os.environ, "MUTANT": mutant.name if mutant else "", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*line, "-k", f"not ({' or '.join(SLOW)})", *tests],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=limit_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "too late"
    if done.returncode == 0:
        return ""
    failed = [text.split(" ")[1] for text in done.stdout.splitlines() if text.startswith(("FAILED", "ERROR"))]
    return next(iter(failed), "it cannot be imported")


def fate(mutant: Mutant, limit_s: float, tests: str) -> Fate:
    """What becomes of one."""
    began = time.monotonic()
    by, kind = noticed(mutant, pure_tests(mutant.module, tests), limit_s), "pure"
    if not by and tests == "all":
        by, kind = noticed(mutant, case_tests(mutant.module), 3 * limit_s), "cases"
    return Fate(mutant, kind if by else "survived", by, time.monotonic() - began)


def fates(chosen: list[Mutant], processes: int, until: float, limit_s: float, tests: str) -> Iterator[Fate]:
    """The fates of as many as can be begun in time, as they come."""

    def one(mutant: Mutant) -> Fate | None:
        return fate(mutant, limit_s, tests) if time.monotonic() < until else None

    with ThreadPoolExecutor(processes) as pool:
        yield from (found for done in as_completed([pool.submit(one, mutant) for mutant in chosen]) if (found := done.result()) is not None)


def main(arguments: list[str]) -> int:
    """Sample, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--mutants", type=int, default=150)
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="the beginning of a file's path")
    parser.add_argument("--name", default="", help="one mutant, as it was printed")
    parser.add_argument("--tests", choices=("own", "pure", "all"), default="all", help="those of a fault's own part; the pure ones; the cases too")
    told = parser.parse_args(arguments)
    began, limit_s = time.monotonic(), 300.0
    chosen, every = sample(told.mutants, told.seed, told.only)
    if told.name:
        module, _, number = told.name.rpartition(":")
        chosen = [mutants(module, (ROOT / module).read_text(encoding="utf-8"))[int(number)]]
    if first := noticed(None, pure_tests(chosen[0].module, told.tests), limit_s):
        raise SystemExit(f"the tests fail without any fault: {first}")
    counted: Counter[str] = Counter()
    survivors = []
    # the last minutes are for those that were begun
    for one in fates(chosen, told.processes, began + max(0.5, told.minutes - 8) * 60, limit_s, told.tests):
        counted[one.noticed] += 1
        if one.noticed == "survived":
            survivors.append(f"{one.mutant.name} line {one.mutant.line}: {one.mutant.what}")
        print(f"{one.noticed:8} {one.mutant.name} line {one.mutant.line}: {one.mutant.what} ({one.by or 'nobody'}, {one.seconds:.0f} s)", flush=True)
    made = counted.total()
    killed = made - counted["survived"]
    figures = {"all": every, "mutants": made, "killed": killed, "killed_by_pure": counted["pure"], "killed_by_cases": counted["cases"]}
    score = {"score": round(killed / made, 3) if made else None, "survivors": survivors}
    print(json.dumps({**figures, **score, "seed": told.seed, "seconds": round(time.monotonic() - began)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
