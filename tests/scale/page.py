"""Writes `docs/scale.md` from what was simulated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.scale.night import Simulated, of_host

NIGHTS: Final = ((1_000_000, 1000), (100_000, 1000), (20_000, 100))
"""Credentials, and one in how many has died since the night before."""
SEED: Final = (10_000, 6, 600)
"""Credentials of the night that is also swept in real time, how many times as quick, and one in how many is dead."""
NIGHT_H: Final = 8
_HEAD: Final = """# How many credentials a night takes

A sweep asks each registry no faster than its vendor bears, from one address; more processes at one store share one pace. This page is
written by `make scale`: the program's own lanes, plans, pace, failure budgets and ledger sweep simulated registries on a virtual clock, with
every provider's own numbers. Each secret was proven the night before, and one in so many has died since; an answer takes 0.1 s; vendors
that are asked about good keys once a week (GitHub, GitLab) are asked about a seventh of them. Replaced are clocks, `sleep`, the throttle
behind the ledger's slots, the transport and the store; a checkpoint is made once a virtual minute, and a slow lane reads its plan by pages.

Of the night of a million each registry was simulated for itself: lanes do not depend on each other.
"""
_WORDS: Final = """## What it says

- **The pace decides where few die.** {usual}
- **The failure budget decides where many die.** {stressed}
- A refusal is believed when it comes a second time, and suspects have a quarter of each window: NGC confirms five deaths an hour, 40 in a
  night of eight hours, Docker Hub two in ten minutes. What is left over is listed, keeps its status, and comes first in the next sweep.
- GitHub is asked before a key of `ghcr.io` is called dead, and bears five bad keys in a quarter of an hour: the next wait their turn, three
  minutes apart. Where a turn is more than `sweep.wait_s` away (half an hour), the verdict is `unknown (ambiguous_refusal)` for the night.
- A control gets stale after a day, and is made where at least half of a window is left. A lane of more than a day meets the hour in which less
  is left: what is accepted until then is `unprovable (control_missing)`, and its status stays as it was.
- Higher numbers in `registries.HOST.pace` are yours to set where a vendor told you that they are fine. A second address with a ledger of its own
  doubles everything; two ledgers at one address break every limit on this page.
"""


def hours(seconds: float) -> str:
    """For people."""
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def spoken(seconds: int) -> str:
    """A window."""
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def table(simulated: Simulated) -> list[str]:
    """A row for each registry."""
    lines = [
        "| registry | credentials | requests | refused logins | most refused in a window | makespan | asked in the first 8 h | not judged |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for lane in simulated.lanes:
        most = ", ".join(f"{had} of {may} in {spoken(window)}" for window, (had, may) in lane.most_refused.items())
        unjudged = ", ".join(f"{count:,} {reason}" for reason, count in sorted(lane.unjudged.items(), key=str)) or "0"
        lines.append(
            f"| {lane.host} | {lane.credentials:,} | {sum(lane.requests.values()):,} | {lane.refused:,} | {most} | {hours(lane.makespan_s)} | "
            f"{lane.in_a_night:,} | {unjudged} |"
        )
    return lines


def by_pace(simulated: Simulated) -> str:
    """What Docker Hub and NGC take in a night, in words."""
    told = []
    for host, name in (("docker.io", "Docker Hub"), ("nvcr.io", "NGC")):
        lane = of_host(simulated.lanes, host)
        per_h = lane.logins / max(lane.makespan_s, 1.0) * 3600
        told.append(f"{name}: {lane.credentials:,} credentials in {hours(lane.makespan_s)}, so about {per_h * NIGHT_H:,.0f} in {NIGHT_H} hours")
    return f"One in {simulated.dead_every:,} newly dead: {'; '.join(told)}."


def differences(one: Simulated, other: Simulated) -> dict[str, dict[str, float]]:
    """By registry and figure, in per cent of the first."""
    found: dict[str, dict[str, float]] = {}
    for lane in one.lanes:
        beside = of_host(other.lanes, lane.host)
        pairs: dict[str, tuple[float, float]] = {
            "makespan": (lane.makespan_s, beside.makespan_s),
            "requests": (sum(lane.requests.values()), sum(beside.requests.values())),
            "refused": (lane.refused, beside.refused),
            **{f"most refused in {window} s": (had, beside.most_refused[window][0]) for window, (had, _) in lane.most_refused.items()},
        }
        found[lane.host] = {name: 100.0 * abs(a - b) / a if a else 100.0 * bool(b) for name, (a, b) in pairs.items()}
    return found


def worst_apart(virtual: Simulated, real: Simulated) -> float:
    """In per cent."""
    return round(max(value for values in differences(virtual, real).values() for value in values.values()), 2)


def longer(virtual: Simulated, real: Simulated) -> str:
    """Where nothing but a makespan is further apart than was aimed at: whose."""
    apart = differences(virtual, real)
    late = [host for host, values in apart.items() if values["makespan"] > 2]
    counts = [value for values in apart.values() for name, value in values.items() if name != "makespan"]
    small = "whose small burst cannot catch up with what a busy machine delays"
    return f": the makespan of {', '.join(late)}, {small}" if late and max(counts) <= 2 else ""


def compared(virtual: Simulated, real: Simulated) -> list[str]:
    """The two beside each other."""
    apart, worst = differences(virtual, real), worst_apart(virtual, real)
    aim = "" if worst <= 2 else ", more than the 2 % that were aimed at"
    lines = [
        "## The simulation against real time",
        "",
        f"{virtual.credentials:,} credentials, once on the virtual clock and once in real time, both {virtual.factor} times as quick as the providers'",
        f"numbers (rates, windows and waits alike), one in {virtual.dead_every} dead, in the same order; a makespan is from a lane's first request to its end.",
        f"No figure is further apart than {worst:.1f} %{aim}{longer(virtual, real)}.",
        "",
        "| registry | makespan, s | requests | refused logins | most refused in a window | furthest apart |",
        "|---|---|---|---|---|---|",
    ]
    for lane in virtual.lanes:
        beside = of_host(real.lanes, lane.host)
        most = ", ".join(f"{had} and {beside.most_refused[window][0]} of {may} in {window} s" for window, (had, may) in lane.most_refused.items())
        lines.append(
            f"| {lane.host} | {lane.makespan_s:.1f} and {beside.makespan_s:.1f} | {sum(lane.requests.values())} and {sum(beside.requests.values())} | "
            f"{lane.refused} and {beside.refused} | {most} | {max(apart[lane.host].values()):.1f} % |"
        )
    return lines


def limits(simulated: Sequence[Simulated]) -> str:
    """Whether any window had more refused logins than it may."""
    above = [f"{lane.host} ({one.credentials:,})" for one in simulated for lane in one.lanes if not lane.within]
    return f"Above a limit: {', '.join(above)}." if above else "No window ever had more refused logins than the registry's limit."


def page(nights: Sequence[Simulated], virtual: Simulated, real: Simulated) -> str:
    """The whole of it."""
    lines = [_HEAD]
    for one in nights:
        dead = ", ".join(f"{count:,} {state}" for state, count in sorted(one.states.items()))
        lines += [f"## {one.credentials:,} credentials, one in {one.dead_every:,} newly dead", "", *table(one), ""]
        lines += [f"At its end: {dead}; {one.told:,} messages. {limits([one])}", ""]
    usual, stressed = (by_pace(one) for one in (nights[0], nights[-1]))
    lines += [_WORDS.format(usual=usual, stressed=stressed), *compared(virtual, real), "", limits([virtual, real])]
    return "\n".join(lines) + "\n"
