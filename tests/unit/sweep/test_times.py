"""When a schedule is due: time zones, summer time, and that forwards and backwards agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validator.sweep.base.times import Schedule

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
EXPRESSIONS = ["0 2 * * *", "30 2 * * *", "*/15 * * * *", "0 * * * *", "15 3 * * 0", "0 0 1 * *", "59 1 * * MON-FRI", "30 1,2,3 * * *"]
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
]
NEAR = st.builds(lambda at, minutes: at + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-240, 240))
INSTANTS = NEAR | st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))

NEXT = {
    "tomorrow": ("0 2 * * *", "UTC", "2026-11-23T02:00:00+00:00", "2026-11-24T02:00:00+00:00"),
    "in a zone": ("0 2 * * *", "Europe/Berlin", "2026-11-23T02:00:00+00:00", "2026-11-24T01:00:00+00:00"),
    "a night without that hour": ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00+00:00", "2026-03-29T01:00:00+00:00"),
    "in the second of two equal hours": ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00+00:00", "2026-10-26T01:30:00+00:00"),
    "a night that has it twice: once": ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:31:00+00:00", "2026-10-26T01:30:00+00:00"),
}


@pytest.mark.parametrize(("expression", "zone", "after", "due"), NEXT.values(), ids=NEXT.keys())
def test_it_is_due_when_its_zone_says_so(expression, zone, after, due):
    assert Schedule(expression, zone).next_at(datetime.fromisoformat(after)) == datetime.fromisoformat(due)


def test_it_may_be_due_a_little_later():
    schedule = Schedule("0 2 * * *", late=timedelta(seconds=137))
    assert schedule.next_at(datetime(2026, 11, 23, 2, 1, tzinfo=UTC)) == datetime(2026, 11, 23, 2, 2, 17, tzinfo=UTC)
    assert schedule.last_at(datetime(2026, 11, 23, 2, 2, tzinfo=UTC)) == datetime(2026, 11, 22, 2, 2, 17, tzinfo=UTC)


@given(INSTANTS, st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), st.integers(0, 3600))
def test_backwards_and_forwards_agree(at, expression, zone, late):
    schedule = Schedule(expression, zone, timedelta(seconds=late))
    last = schedule.last_at(at)
    assert last <= at < schedule.next_at(last)
    assert schedule.last_at(last) == last
    assert schedule.next_at(last - timedelta(seconds=1)) == last
    assert schedule.last_at(schedule.next_at(at)) == schedule.next_at(at)


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_nights_has_one_each(zone):
    schedule, at, nights = Schedule("30 2 * * *", zone), datetime(2026, 1, 1, tzinfo=UTC), 0
    while (at := schedule.next_at(at)) < datetime(2027, 1, 1, tzinfo=UTC):
        nights += 1
    assert nights in (365, 366)
