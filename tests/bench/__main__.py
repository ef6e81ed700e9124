"""`python -m tests.bench [--profile]`: the probe beside bare requests; the last line is one JSON object."""

from __future__ import annotations

import asyncio
import cProfile
import json
import pstats
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.probing import measure, shown


def main() -> None:
    profile = cProfile.Profile()

    @contextmanager
    def profiled() -> Iterator[None]:
        profile.enable()
        yield
        profile.disable()

    wanted = "--profile" in sys.argv[1:]
    lines, figures = shown(asyncio.run(measure(around=profiled if wanted else None)))
    if wanted:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    print("\n".join(lines))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
