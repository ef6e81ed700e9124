"""How long a `Retry-After` field, or a vendor's own, asks to wait.

Pure and total. RFC 9110, 10.2.3 and 5.6.7; values seen: registries/README.md 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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


_RESETS: Final = (("x-ratelimit-remaining", "x-ratelimit-reset"), ("ratelimit-remaining", "ratelimit-reset"))
_EPOCH: Final = 1_000_000_000.0
"""A number this large is an instant in epoch seconds, a smaller one a wait."""


def limit_resets_s(fields: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait after a 403 or 429 without `Retry-After`, by the vendors' own fields (names in lower case); None if they tell none.

    Docker Hub's `X-Retry-After` is an instant (dockerhub.md 7); a limit with nothing remaining ends at its reset, an instant at GitHub
    and GitLab (ghcr.md 5, gitlab.md 6). The result is MIN_WAIT_S to MAX_WAIT_S.
    """
    told = [fields.get("x-retry-after", "")]
    told += [fields.get(reset, "") for remaining, reset in _RESETS if fields.get(remaining, "").partition(";")[0].strip() == "0"]
    for text in told:
        number = _seconds(text.strip(" \t"))
        if number is not None:
            wait = number - now.timestamp() if number >= _EPOCH else number
            if wait > 0:
                return min(max(wait, MIN_WAIT_S), MAX_WAIT_S)
    return None


def asked_to_wait_s(status: int, fields: Sequence[tuple[str, str]], at: float) -> float | None:
    """Seconds to wait by an answer's fields (names in lower case) at `at`, in epoch seconds: `Retry-After`, after a 403 or 429 else the
    vendors' own.
    """
    values = [value for name, value in fields if name == "retry-after"]
    if not values and status not in (403, 429):
        return None
    now = datetime.fromtimestamp(at, UTC)
    asked = retry_after_s(values, now)
    return limit_resets_s(dict(fields), now) if asked is None and status in (403, 429) else asked


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
