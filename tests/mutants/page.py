"""What a run of mutants came to, and the page `docs/mutants.md` of it."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.mutants.mutate import Mutant

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "mutants.md"
KINDS: Final = Path(__file__).parent / "survivors.json"
"""Why a survivor may live: kind -> what is argued of it, and the survivors by `FILE: what`."""


@dataclass(frozen=True)
class Fate:
    """What became of a mutant: `by` is the first test that failed; "" where it survived, for the reason that `why` has."""

    mutant: Mutant
    by: str
    why: str
    seconds: float

    @property
    def told(self) -> str:
        """How it is known whatever its number is then."""
        return f"{self.mutant.module}: {self.mutant.what}"


def room(module: str) -> str:
    """`validator/protocol`, `validator/credential.py`."""
    return "/".join(module.split("/")[:2])


def interval(killed: int, made: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share that was sampled."""
    if not made:
        return 0.0, 1.0
    z, share = 1.96, killed / made
    middle = (share + z * z / (2 * made)) / (1 + z * z / made)
    half = z * math.sqrt(share * (1 - share) / made + z * z / (4 * made * made)) / (1 + z * z / made)
    return max(0.0, middle - half), min(1.0, middle + half)


def figures(ended: Sequence[Fate], every: int, seed: int) -> dict[str, Any]:
    """The last line of a run."""
    made, killed = len(ended), sum(1 for one in ended if one.by)
    low, high = interval(killed, made) if made < every else (killed / made if made else 0.0,) * 2
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    for one in ended:
        rooms[room(one.mutant.module)].update(["made", "killed" if one.by else "survived"])
    return {
        "all": every, "mutants": made, "killed": killed, "score": round(killed / made, 4) if made else None, "low": round(low, 4), "high": round(high, 4),
        "rooms": {name: {"mutants": count["made"], "killed": count["killed"]} for name, count in sorted(rooms.items())},
        "survivors": sorted(f"{one.mutant.name} line {one.mutant.line}: {one.mutant.what}" for one in ended if not one.by), "seed": seed,
    }  # fmt: skip


def kinds() -> dict[str, dict[str, Any]]:
    """The arguments, by kind."""
    found: dict[str, dict[str, Any]] = json.loads(KINDS.read_text(encoding="utf-8")) if KINDS.exists() else {}
    return found


def write(ended: Sequence[Fate], figured: dict[str, Any]) -> None:
    """The page, whole."""
    PAGE.write_text("\n".join(_lines(ended, figured)) + "\n", encoding="utf-8")


def _lines(ended: Sequence[Fate], figured: dict[str, Any]) -> Iterable[str]:
    yield from (
        HEAD.strip().format(**figured, share=_percent(figured["score"]), least=_percent(figured["low"]), most=_percent(figured["high"])).splitlines()
    )
    yield from ("", "| part | faults made | noticed | share |", "|---|---|---|---|")
    for name, count in figured["rooms"].items():
        yield f"| `{name}` | {count['mutants']} | {count['killed']} | {_percent(count['killed'] / count['mutants'])} |"
    living = {one.told: one for one in ended if not one.by}
    yield from ("", "## What nobody noticed", "")
    for kind, said in kinds().items():
        mine = [living.pop(name) for name in said["survivors"] if name in living]
        if mine:
            yield from (f"### {kind}", "", said["argument"], "", *_rows(mine), "")
    if living:
        yield from ("### Not argued", "", "A test is wanted for each.", "", *_rows(living.values()))


def _rows(fates: Iterable[Fate]) -> Iterable[str]:
    for one in sorted(fates, key=lambda fate: (fate.mutant.module, fate.mutant.line)):
        yield f"- `{one.mutant.module}` line {one.mutant.line}: {one.mutant.what.replace('|', '/')}"


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.1f} %"


HEAD: Final = """
# Would the tests notice?

Written by `python -m tests.mutants --write` (`make mutants` runs it without the page). Small faults are made in what decides
(`protocol/`, `credential.py`, `verdict/`, `status/`, `providers/`), one at a time and never in the tree: a comparison turned, `and` for `or`,
a condition left out or denied, another number or text, nothing returned, a statement left out, a row or an entry of a table or a condition of
a row left out. The pure tests, those without a network, run until one fails. No fault are what decides nothing: annotations, docstrings,
names of answers' rows, what is raised, and the sentences that people read (causes, advice). A test that takes ten times as long as it does, by
its own CPU time, has noticed, too.

Of {all} faults a sample of {mutants} (seed {seed}) was made: **{killed} were noticed, {share}** (95 % interval {least} to {most}).
"""
