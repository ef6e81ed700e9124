"""The master key is changed while a sweep runs: nobody is called dead for it, nothing is lost, the next night knows everybody."""

from __future__ import annotations

from pathlib import Path

from tests.emulated.night import a_night, said
from validator.ledger import open_embedded
from validator.ledger.keys import key_ids
from validator.rotation import Rotated, rotate
from validator.stores.sqlite import SqliteStore

MANY = 30


async def test_a_sweep_goes_on_and_kills_nobody(tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    done: list[Rotated] = []

    async def meanwhile(line: str) -> None:
        if "login" in line and line.endswith(" s7") and not done:
            async with open_embedded(tmp_path / "validator.db", key) as other:
                done.append(await rotate(other.database, key, forget=True))

    async with a_night(tmp_path) as night:
        night.store = SqliteStore(night.opened.database, night.opened.keys.master, night.opened.keys.file)
        for number in range(MANY):
            await night.keep(f"user{number:02}", f"key{number:02}", f"s{number}", 200, username=f"n{number}")
        first = await night.sweep()
        assert {said(row) for row in first.values()} == {"valid (login_accepted)"}
        night.world.on = meanwhile
        second = await night.sweep(after_h=25)
        night.world.on = None
        assert (len(done), done[0].rows, done[0].unreadable) == (1, MANY + 1, 0)
        assert {said(row) for row in second.values()} <= {"valid (login_accepted)", "unknown (rotated)"}
        assert (night.happened, night.told.alerts) == ([], [])
        third = await night.sweep(after_h=25)
        assert {(said(row), row.plan.state, row.transition.value) for row in third.values()} == {("valid (login_accepted)", "alive", "none")}
        assert (len(third), night.happened) == (MANY, [])
        assert set(await key_ids(night.opened.database)) == {done[0].current}
