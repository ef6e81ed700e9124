"""What was simulated, in files: what is there is not simulated again."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.scale.night import Lane, Simulated, simulated
from tests.scale.world import HOSTS


def kept(path: Path, make: Callable[[], Simulated]) -> Simulated:
    """What is in the file, or made and put there."""
    if not path.exists():
        path.write_text(json.dumps(asdict(make())))
    found: dict[str, Any] = json.loads(path.read_text())
    lanes = tuple(Lane(**{**lane, "most_refused": {int(w): tuple(n) for w, n in lane["most_refused"].items()}}) for lane in found.pop("lanes"))
    return Simulated(**{**found, "lanes": lanes})


def apart(folder: Path, number: int, dead: int) -> list[Simulated]:
    """A night too large for one process: each registry in a process of its own, as many at once as there are processors."""
    names = {host: folder / f"{number}-{dead}-{host}.json" for host in HOSTS}
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return list(processes.map(_one_registry, names.values(), names, repeat(number), repeat(dead)))


def _one_registry(path: Path, host: str, number: int, dead: int) -> Simulated:
    return kept(path, lambda: simulated(number, dead_every=dead, told=lambda text: print(text, flush=True), hosts=[host]))
