"""`python -m tests.scale`: simulate the nights of `docs/scale.md`, and write it. Half an hour; the last line is one JSON object.

`--keep FOLDER` holds what was simulated: what is there is not simulated again. `--only NAME` makes one of them and writes no page.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from tests.scale.kept import apart, kept
from tests.scale.night import Simulated, real, simulated, together
from tests.scale.page import NIGHTS, SEED, page, worst_apart

APART: Final = 500_000
"""From so many on each registry is simulated for itself."""
PAGE: Final = Path(__file__).parents[2] / "docs" / "scale.md"


def makers(folder: Path, told: Callable[[str], None]) -> dict[str, Callable[[], Simulated]]:
    """Each by its name."""

    def night(number: int, dead: int) -> Simulated:
        return together(apart(folder, number, dead)) if number >= APART else simulated(number, dead_every=dead, told=told)

    found: dict[str, Callable[[], Simulated]] = {f"{number}-{dead}": partial(night, number, dead) for number, dead in NIGHTS}
    number, factor, dead = SEED
    return found | {
        "virtual": lambda: simulated(number, factor=factor, dead_every=dead, told=told),
        "real": lambda: real(number, factor=factor, dead_every=dead, told=told),
    }


def main(words: list[str] | None = None) -> None:
    """Print how far it is, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale")
    parser.add_argument("--keep", type=Path, default=None)
    parser.add_argument("--only", default="")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        folder = asked.keep or Path(name)
        folder.mkdir(exist_ok=True)
        found = {}
        for which, make in makers(folder, lambda text: print(text, flush=True)).items():
            if asked.only in ("", which):
                print(which, flush=True)
                found[which] = kept(folder / f"{which}.json", make)
    if asked.only:
        return
    nights = [found[f"{number}-{dead}"] for number, dead in NIGHTS]
    asked.page.write_text(page(nights, found["virtual"], found["real"]))
    above = sum(not lane.within for night in found.values() for lane in night.lanes)
    print(
        json.dumps(
            {
                "nights": [night.credentials for night in nights],
                "lanes_above_a_limit": above,
                "apart_percent": worst_apart(found["virtual"], found["real"]),
            }
        )
    )


if __name__ == "__main__":
    main()
