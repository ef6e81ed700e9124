"""What a sweep found is read in pages, by user and name, and counted in one go."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.ledger.conftest import Opener
from validator.ledger.plans import Phase, PlanRow
from validator.ledger.reports import LEFT_OVER, NOTABLE, UNREADABLE, Found, Summary
from validator.sealing import Fingerprint

NOW = datetime(2026, 11, 27, 3, 4, 5, tzinfo=UTC)


def row(
    user: str, sweep: str = "s", name: str = "key", phase: Phase = Phase.DONE, verdict: str | None = "valid", state: str = "alive",
    transition: str = "none", left_over: str | None = None,
) -> PlanRow:  # fmt: skip
    return PlanRow(
        sweep=sweep, user=user, name=name, host="reg.test", path="acme", row="r", fingerprint=Fingerprint(user), place=7, phase=phase, verdict=verdict,
        reason=None if verdict is None else "login_accepted", level="login", state=state, transition=transition,
        checked_at=None if verdict is None else NOW, left_over=left_over,
    )  # fmt: skip


async def test_a_row_is_shown_as_it_was_found(opener: Opener) -> None:
    async with opener() as embedded:
        await embedded.ledger.plans.add([row("ann", transition="recovered"), row("ann", sweep="another")])
        assert [one async for one in embedded.ledger.reports.rows("s")] == [
            Found("ann", "key", "reg.test", "valid", "login_accepted", "login", "alive", "recovered", NOW, None)
        ]


async def test_a_report_of_many_pages_has_each_row_once_in_its_order(opener: Opener) -> None:
    rows = [row(f"user {number // 2:04d}", name=f"key {number % 2}") for number in range(2500)]
    async with opener() as embedded:
        await embedded.ledger.plans.add(rows[::-1])
        found = [(one.user, one.name) async for one in embedded.ledger.reports.rows("s")]
    assert found == [(one.user, one.name) for one in rows]


async def test_its_rows_are_chosen_by_what_became_of_them(opener: Opener) -> None:
    rows = [
        row("as ever"), row("died", verdict="invalid", state="dead", transition="died"), row("dead for long", verdict="invalid", state="dead"),
        row("doubted", verdict="invalid", state="suspect"), row("works again", transition="recovered"),
        row("unread", verdict="unknown", left_over="unreadable"), row("no room", verdict="unknown", left_over="budget_spent"),
        row("never asked", phase=Phase.WAITING, verdict=None, state="never_checked"),
    ]  # fmt: skip
    async with opener() as embedded:
        await embedded.ledger.plans.add(rows)
        reports = embedded.ledger.reports
        assert [one.user async for one in reports.rows("s", LEFT_OVER)] == ["never asked", "no room", "unread"]
        assert [one.user async for one in reports.rows("s", UNREADABLE)] == ["unread"]
        assert [one.user async for one in reports.rows("s", NOTABLE)] == ["dead for long", "died", "doubted", "no room", "unread", "works again"]


async def test_it_is_counted_by_verdict_by_what_was_left_and_by_what_is_bad(opener: Opener) -> None:
    rows = [
        row("a"), row("b"), row("c", verdict="invalid", state="dead"), row("d", verdict="forbidden", state="impaired"),
        row("e", verdict="unknown", left_over="unreadable"), row("f", verdict="unknown", state="dead", left_over="budget_spent"),
        row("g", phase=Phase.WAITING, verdict=None, state="suspect"), row("h", sweep="another", verdict="invalid", state="dead"),
    ]  # fmt: skip
    async with opener() as embedded:
        await embedded.ledger.plans.add(rows)
        assert await embedded.ledger.reports.summary("s") == Summary({"forbidden": 1, "invalid": 1, "unknown": 2, "valid": 2}, left_over=3, bad=3)
        assert await embedded.ledger.reports.summary("none") == Summary({}, 0, 0)
