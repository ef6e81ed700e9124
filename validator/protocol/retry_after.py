"""How long a `Retry-After` field asks to wait.

Pure and total. RFC 9110, 10.2.3 and 5.6.7; values seen: registries/README.md 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

MIN_WAIT_S: Final = 1.0
MAX_WAIT_S: Final = 24 * 3600.0
"""A registry that asks for a week is not believed."""

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK: Final = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES: Final = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"[a-z]{{3}}, (?P<day>\d\d) (?P<month>[a-z]{{3}}) (?P<year>\d{{4}}) {_CLOCK} GMT",
        rf"[a-z]{{6,9}}, (?P<day>\d\d)-(?P<month>[a-z]{{3}})-(?P<year>\d\d) {_CLOCK} GMT",
        rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
    )
)
_SECONDS: Final = re.compile(r"[0-9]+")


def retry_after_s(values: Sequence[str], now: datetime) -> float | None:
    """Seconds to wait by the first usable of the `Retry-After` fields `values`; None if they say nothing usable.

    A value is whole seconds ("120") or an HTTP date of the three forms; `now` is aware. Negative numbers, garbage and
    past dates are not usable. The result is MIN_WAIT_S to MAX_WAIT_S.
    """
    for value in values:
        text = value.strip(" \t")
        wait = _seconds(text)
        if wait is None and (date := _date(text, now)) is not None and date > now:
            wait = (date - now).total_seconds()
        if wait is not None:
            return min(max(wait, MIN_WAIT_S), MAX_WAIT_S)
    return None


def _seconds(text: str) -> float | None:
    return float(text) if _SECONDS.fullmatch(text) else None


def _date(text: str, now: datetime) -> datetime | None:
    found = next((match for form in _DATES if (match := form.fullmatch(text))), None)
    if found is None or found["month"].lower() not in _MONTHS:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += now.year - now.year % 100
        year -= 100 if year > now.year + 50 else 0
    month = _MONTHS.index(found["month"].lower()) + 1
    try:
        # A leap second is the minute's last.
        return datetime(year, month, int(found["day"]), int(found["hour"]), int(found["minute"]), min(int(found["second"]), 59), tzinfo=UTC)
    except ValueError:
        return None
