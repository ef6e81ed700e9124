"""`python -m tests.bench.preflight`: a pre-flight's benchmark; the last line is one JSON object.

The service runs in a process of its own (`--in-process`: without it), the registries in another, the load comes from this one.
`--seconds S`, `--requests N`, `--rounds N` and `--identical N` make it shorter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from typing import Any

from tests.bench.preflighting import (
    DELAY_MS,
    IMAGES,
    OVERHEAD_MS,
    PACE,
    REGISTRIES,
    Cold,
    Colds,
    Hanging,
    Identical,
    Left,
    Opener,
    Warm,
    hanging,
    identical,
    in_process,
    left_over,
    middle,
    site,
    warm,
)
from tests.bench.serving import over_http


def options(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.preflight")
    parser.add_argument("--rounds", type=int, default=7, help="cold requests, each with a ledger of its own")
    parser.add_argument("--rps", type=int, default=200, help="warm requests a second")
    parser.add_argument("--seconds", type=float, default=60, help="for so long")
    parser.add_argument("--identical", type=int, default=1000, help="requests that ask the same at once")
    parser.add_argument("--deadline", type=float, default=1.0, help="seconds, with a registry that hangs")
    parser.add_argument("--requests", type=int, default=10_000, help="requests after which nothing may be left over")
    parser.add_argument("--settles", type=float, default=30, help="seconds for idle connections to end, before files are counted")
    parser.add_argument("--default-pace", action="store_true", help="the pace that a registry without a name is asked at, as shipped")
    parser.add_argument("--in-process", action="store_true", help="without the service around it")
    return parser.parse_args(words)


async def measure(asked: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """All parts, one after the other: lines for people, and the figures."""
    opener: Opener = in_process if asked.in_process else over_http
    pace: dict[str, Any] = {} if asked.default_pace else PACE
    async with site(pace) as of:
        colds = Colds(of)
        for _ in range(asked.rounds - 1):
            async with opener(of) as service:
                await colds.ask(service)
        async with opener(of) as service:
            await colds.ask(service)
            steady = await warm(of, service, asked.rps, asked.seconds)
            same = await identical(of, service, asked.identical)
            late = await hanging(of, service, asked.deadline)
            left = await left_over(of, service, asked.requests, asked.settles)
        if opener is not in_process:  # tasks can be counted from within alone
            async with in_process(of) as service:
                left = replace(left, tasks=(await left_over(of, service, asked.requests, asked.settles)).tasks)
    first = colds.all()
    head = f"{'in process' if asked.in_process else 'validator serve'}: {IMAGES} images over {REGISTRIES} registries, {DELAY_MS} ms each way; pace {pace or 'as shipped'}"
    return [head, *lines(first, steady, same, late, left)], figures(first, steady, same, late, left)


def lines(first: Cold, steady: Warm, same: Identical, late: Hanging, left: Left) -> list[str]:
    """For people."""
    right = late.said == {"pullable (pull_ok)": REGISTRIES - 1, "unknown (deadline)": 1}
    return [
        f"cold      median {middle(first.ms):.0f} ms, {min(first.ms):.0f} to {max(first.ms):.0f} (processor {middle(first.cpu_ms):.0f} ms), "
        f"bound {first.bound_ms:.0f} ms = {first.depth} x {2 * DELAY_MS} + {OVERHEAD_MS}; {first.requests} requests",
        f"warm      p50 {steady.percentile(0.5):.1f} ms, p99 {steady.percentile(0.99):.1f} ms, most {max(steady.ms):.1f} ms at {steady.rps:.0f} "
        f"requests/s for {steady.seconds:.0f} s; {steady.errors} errors; {steady.requests} requests to registries",
        f"identical {same.asked} at once: {same.conversations} conversation(s), {same.ms:.0f} ms",
        f"hanging   answered after {late.ms:.0f} ms of {late.deadline_ms:.0f}: {'as it should' if right else 'WRONG'}: {late.said}",
        f"left over after {left.requests} requests: tasks {left.tasks[0]} -> {left.tasks[1]}, open files {left.files[0]} -> {left.files[1]}",
    ]  # fmt: skip


def figures(first: Cold, steady: Warm, same: Identical, late: Hanging, left: Left) -> dict[str, Any]:
    """The keys of the work order, and some more."""
    return {
        "cold_ms": round(middle(first.ms), 1),
        "cold_bound_ms": round(first.bound_ms, 1),
        "depth": first.depth,
        "requests": first.requests,
        "warm_p99_ms": round(steady.percentile(0.99), 2),
        "warm_rps": round(steady.rps, 1),
        "errors": steady.errors,
        "identical_conversations": same.conversations,
        "cold_max_ms": round(max(first.ms), 1),
        "cold_min_ms": round(min(first.ms), 1),
        "cold_cpu_ms": round(middle(first.cpu_ms), 1),
        "warm_p50_ms": round(steady.percentile(0.5), 2),
        "hanging": late.said,
        "hanging_ms": round(late.ms, 1),
        "tasks_left": left.tasks[1] - left.tasks[0],
        "files_left": left.files[1] - left.files[0],
    }


def main(words: list[str] | None = None) -> None:
    """Measure and print."""
    said, found = asyncio.run(measure(options(words)))
    print("\n".join(said))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
