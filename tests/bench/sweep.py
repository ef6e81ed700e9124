"""`python -m tests.bench.sweep`: a sweep's benchmark; the last line is one JSON object.

(a) `--credentials` of four registries, each at `--per-second`, and a tenth of them for the memory; (b) `--unthrottled` with no
pace, beside the same logins by nothing but aiohttp.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.crowd import HOSTS, crowds
from tests.bench.probing import Rate
from tests.bench.sweeping import DEAD_EVERY, Swept, as_after_a_night, bare, scaled, settings_of, sweep, unthrottled


def options(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sweep")
    parser.add_argument("--credentials", type=int, default=100_000)
    parser.add_argument("--per-second", type=float, default=250, help="of each registry; all waits are shorter by as much")
    parser.add_argument("--unthrottled", type=int, default=20_000, help="credentials of the sweep without a pace")
    parser.add_argument("--in-flight", type=int, default=8, help="of each registry")
    return parser.parse_args(words)


async def night(number: int, pace: dict[str, Any], dead_every: int) -> Swept:
    """One sweep of a store of its own."""
    with tempfile.TemporaryDirectory(prefix="validator-bench-") as name:
        async with crowds(number // len(HOSTS)) as registries:
            said = settings_of(Path(name), registries.settings, pace)
            await as_after_a_night(said, number)
            await registries.counts(f"dead {dead_every}")
            return await sweep(Path(name), said, registries, number)


async def logins(number: int, width: int) -> Rate:
    """Of bare aiohttp, at registries of their own."""
    async with crowds(number // len(HOSTS)) as registries:
        return await bare(registries.settings, number, width)


def lines(swept: Swept, per_second: float) -> list[str]:
    """For people."""
    bound_s = swept.bound_s(per_second)
    return [
        f"{swept.credentials} credentials: {swept.wall_s:.1f} s from start to end, bound {bound_s:.1f} s, ratio {swept.wall_s / bound_s:.3f}; "
        f"first to last request {swept.asking_s:.1f} s, ratio {swept.asking_s / bound_s:.3f}",
        f"  requests {swept.requests} ({swept.per_credential:.4f} each), {swept.refused} refused; states {swept.states}",
        f"  CPU {swept.cpu_s:.1f} s ({swept.cpu_s / swept.credentials * 1e6:.0f} us each), peak {swept.peak_mib:.0f} MiB",
    ]


def figures(whole: Swept, tenth: Swept, quick: Swept, plain: Rate, per_second: float) -> dict[str, Any]:
    """The last line. `quick` is the sweep without a pace, `plain` the bare logins."""
    bound_s, per_s = whole.bound_s(per_second), quick.credentials / quick.wall_s
    return {
        "credentials": whole.credentials,
        "makespan_s": round(whole.wall_s, 1),
        "bound_s": round(bound_s, 1),
        "makespan_over_bound": round(whole.wall_s / bound_s, 4),
        "asking_over_bound": round(whole.asking_s / bound_s, 4),
        "requests_per_credential": round(whole.per_credential, 4),
        "peak_mib": round(whole.peak_mib, 1),
        "peak_over_tenth": round(whole.peak_mib / tenth.peak_mib, 3),
        "ratio_to_bare": round(per_s / plain.per_s, 4),
        "credentials_per_s": round(per_s, 1),
        "bare_per_s": round(plain.per_s, 1),
        "cpu_us": round(whole.cpu_s / whole.credentials * 1e6, 1),
        "bare_cpu_us": round(plain.cpu_us, 1),
        "states": whole.states,
    }


async def measure(asked: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """All parts, one after another."""
    pace = scaled(asked.per_second, asked.in_flight)
    told = [f"pace of each of {len(HOSTS)} registries: {pace}"]
    tenth, whole = [await night(number, pace, DEAD_EVERY) for number in (asked.credentials // 10, asked.credentials)]
    told += lines(tenth, asked.per_second) + lines(whole, asked.per_second)
    quick = await night(asked.unthrottled, unthrottled(asked.in_flight), 0)
    plain = await logins(asked.unthrottled, asked.in_flight * len(HOSTS))
    found = figures(whole, tenth, quick, plain, asked.per_second)
    each = f"CPU {quick.cpu_s / quick.credentials * 1e6:.0f} us each"
    told += [f"without a pace: {found['credentials_per_s']} credentials a second, {each}, peak {quick.peak_mib:.0f} MiB"]
    told += [f"bare aiohttp: {found['bare_per_s']} a second, CPU {plain.cpu_us:.0f} us each; ratio {found['ratio_to_bare']}"]
    return told, found


def main(words: list[str] | None = None) -> None:
    """Print what was measured."""
    told, figures = asyncio.run(measure(options(words)))
    print("\n".join(told))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
