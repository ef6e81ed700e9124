"""What a sweep logs for machines: it, its lanes, each change; no secret."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from tests.emulated.night import HOST, a_night


async def test_a_sweep_its_lanes_and_each_change_are_events(tmp_path: Path) -> None:
    async with a_night(tmp_path) as night:
        await night.keep("ada", "key", "s1-canary", 200, 401, 401, 200, username="a")
        await night.keep("bob", "other", "s2-canary", 200, username="b")
        told, last = [], list[MutableMapping[str, Any]]()
        for _ in range(3):
            with capture_logs() as logs:
                await night.sweep(after_h=24)
            last = logs
            told.append([(one["event"], one.get("credential")) for one in logs if not one["event"].startswith("notice_")])
            assert "canary" not in str(logs)
    whole = [("sweep_started", None), ("lane_started", None)], [("lane_finished", None), ("sweep_finished", None)]
    assert told[0] == [*whole[0], *whole[1]], "that a new one works is no news"
    assert told[1] == [*whole[0], ("status_changed", "key"), ("credential_died", "key"), *whole[1]], "suspect, then dead"
    assert told[2] == [*whole[0], ("credential_recovered", "key"), *whole[1]]
    assert next(one for one in last if one["event"] == "credential_recovered")["after"] == "alive"
    assert {**next(one for one in last if one["event"] == "lane_finished"), "registry": HOST, "credentials": 2, "quarantined": False} in last
