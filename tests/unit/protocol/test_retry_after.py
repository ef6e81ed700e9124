"""`Retry-After`, RFC 9110 10.2.3: cases.md NET-15 to NET-18."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from validator.protocol.retry_after import asked_to_wait_s, limit_resets_s, retry_after_s

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)

CASES: dict[str, tuple[list[str], float | None]] = {
    "NET-15 seconds": (["120"], 120),
    "NET-16 seconds": (["30"], 30),
    "NET-16 a date in 1 h": (["Mon, 23 Nov 2026 13:00:00 GMT"], 3600),
    "RFC 850": (["Monday, 23-Nov-26 13:00:00 GMT"], 3600),
    "asctime": (["Mon Nov 23 13:00:00 2026"], 3600),
    "asctime, one digit": (["Tue Nov 24 12:00:00 2026"], 86400),
    "any case": (["mon, 23 nov 2026 12:00:10 gmt"], 10),
    "leap second": (["Mon, 23 Nov 2026 12:00:60 GMT"], 59),
    "blanks": ([" 7\t"], 7),
    "NET-17 negative": (["-5"], None),
    "NET-17 word": (["soon"], None),
    "NET-17 past date": (["Mon, 23 Nov 2026 11:59:59 GMT"], None),
    "this very second": (["Mon, 23 Nov 2026 12:00:00 GMT"], None),
    "two digits of a year long past": (["Sunday, 06-Nov-94 08:49:37 GMT"], None),
    "NET-17 none": ([], None),
    "empty": ([""], None),
    "fraction": (["1.5"], None),
    "plus": (["+5"], None),
    "other digits": (["٥"], None),
    "day that is none": (["Mon, 31 Feb 2027 13:00:00 GMT"], None),
    "month that is none": (["Mon, 23 Foo 2026 13:00:00 GMT"], None),
    "year 0": (["Mon, 23 Nov 0000 13:00:00 GMT"], None),
    "other zone": (["Mon, 23 Nov 2026 13:00:00 CET"], None),
    "zero": (["0"], 1),
    "NET-18 a year": (["999999999"], 86400),
    "leading zeros": (["0" * 5000 + "9"], 9),
    "5000 digits": (["9" * 5000], 86400),
    "a date in a year": (["Tue, 23 Nov 2027 12:00:00 GMT"], 86400),
    "first usable of two": (["soon", "9", "5"], 9),
}


@pytest.mark.parametrize(("values", "expected"), CASES.values(), ids=CASES.keys())
def test_a_wait_is_read_and_bounded(values: list[str], expected: float | None) -> None:
    assert retry_after_s(values, NOW) == expected


MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@pytest.mark.parametrize("month", MONTHS)
def test_every_month_has_a_name(month: str) -> None:
    """A second before the instant that the field names."""
    now = datetime(2027, MONTHS.index(month) + 1, 1, 11, 59, 59, tzinfo=UTC)
    for text in (f"Tue, 01 {month} 2027 12:00:00 GMT", f"Tuesday, 01-{month}-27 12:00:00 GMT", f"Tue {month}  1 12:00:00 2027"):
        assert retry_after_s([text], now) == 1


ASKED: dict[str, tuple[int, list[tuple[str, str]], float | None]] = {
    "a field, whatever the status": (503, [("retry-after", "7")], 7), "with 200": (200, [("retry-after", "7")], 7), "another field": (503, [("x-retry-after", "7")], None), "a vendor's, 429": (429, [("x-retry-after", "7")], 7),
    "a vendor's, 403": (403, [("ratelimit-remaining", "0"), ("ratelimit-reset", "9")], 9), "a vendor's, 401": (401, [("ratelimit-remaining", "0"), ("ratelimit-reset", "9")], None),
    "the standard's first": (429, [("x-retry-after", "9"), ("retry-after", "7")], 7), "the standard's odd": (429, [("x-retry-after", "9"), ("retry-after", "soon")], 9), "odd, 503": (503, [("x-retry-after", "9"), ("retry-after", "soon")], None), "none": (429, [], None),
}  # fmt: skip


@pytest.mark.parametrize(("status", "fields", "wait"), ASKED.values(), ids=ASKED.keys())
def test_which_field_is_believed_after_which_status(status: int, fields: list[tuple[str, str]], wait: float | None) -> None:
    assert asked_to_wait_s(status, fields, NOW.timestamp()) == wait


def test_now_may_be_in_any_zone() -> None:
    assert retry_after_s(["Mon, 23 Nov 2026 13:00:00 GMT"], NOW.astimezone(timezone(timedelta(hours=9)))) == 3600


LIMITS = {
    "Docker Hub's instant": ({"x-retry-after": f"{int(NOW.timestamp()) + 90}"}, 90.0),
    "GitHub's, spent": ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{int(NOW.timestamp()) + 1800}"}, 1800.0),
    "GitHub's, not spent": ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": f"{int(NOW.timestamp()) + 1800}"}, None),
    "GitLab's": ({"ratelimit-remaining": "0", "ratelimit-reset": f"{int(NOW.timestamp()) + 30}"}, 30.0),
    "a wait in seconds": ({"ratelimit-remaining": "0", "ratelimit-reset": "45"}, 45.0),
    "with a window": ({"ratelimit-remaining": "0;w=60", "ratelimit-reset": "45"}, 45.0),
    "over already": ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{int(NOW.timestamp()) - 5}"}, None),
    "never believed for a week": ({"x-retry-after": f"{int(NOW.timestamp()) + 700_000}"}, 86_400.0),
    "no number": ({"x-retry-after": "soon", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "-1"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("fields", "expected"), LIMITS.values(), ids=LIMITS.keys())
def test_what_a_vendors_own_field_says(fields: dict[str, str], expected: float | None) -> None:
    assert limit_resets_s(fields, NOW) == expected
