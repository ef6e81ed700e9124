"""Users' own channels: who asked the platform for mail gets mail, who asked for nothing gets nothing, and the operator hears how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.telling.desk import Desk, Said
from validator.errors import StoreLost
from validator.ledger.notices import NoticeState
from validator.notifiers.base import Handed, Outcome
from validator.stores.base import Wish
from validator.telling import Teller
from validator.telling.wishes import Wishes, nobody


@dataclass
class Platform:
    """Where users say what they want."""

    said: dict[str, Wish] = field(default_factory=dict)

    async def ask(self) -> Mapping[str, Wish]:
        return dict(self.said)


@pytest.fixture
def platform() -> Platform:
    return Platform({"mail": Wish(mail=True), "chat": Wish(chat=True), "both": Wish(mail=True, chat=True), "none": Wish()})


def telling(desk: Desk, platform: Platform) -> Teller:
    desk.users = {"mailto": desk.users.get("mailto", Said("mailto")), "slack": desk.users.get("slack", Said("slack"))}
    teller = desk.teller()
    teller.wishes = Wishes(platform.ask)
    return teller


def users(desk: Desk, channel: str) -> list[str]:
    said = desk.users[channel]
    assert isinstance(said, Said)
    return [letter.user for letter in said.letters]


async def test_each_user_is_told_by_the_channels_that_he_asked_for(desk: Desk, platform: Platform) -> None:
    for user in (*platform.said, "unheard-of"):
        await desk.dies(user)
    counts = await telling(desk, platform).tell("one")
    assert (counts.sent, counts.undeliverable) == (4, 0)
    assert (users(desk, "mailto"), users(desk, "slack")) == (["both", "mail"], ["both", "chat"])
    assert sorted(one.user for one in await desk.outbox(NoticeState.MUTED)) == ["none", "unheard-of"]
    [letter] = desk.operator.letters
    assert [one["subject"] for one in letter.facts["alerts"]] == ["(not wanted)"]
    assert "2 users with something to know have asked the platform for no notices" in " ".join(letter.text.split())


async def test_what_is_asked_for_later_is_told_of_what_comes_then(desk: Desk, platform: Platform) -> None:
    await desk.dies("none")
    await telling(desk, platform).tell("one")
    platform.said["none"] = Wish(mail=True)
    await desk.dies("none", "hub", "docker.io")
    await telling(desk, platform).tell("two")
    assert users(desk, "mailto") == ["none"]


async def test_who_wants_none_any_more_gets_nothing_that_waits(desk: Desk, platform: Platform) -> None:
    teller = telling(desk, platform)
    desk.users["mailto"].outcomes = [Outcome(Handed.NOT_TAKEN, "not now")]  # type: ignore[attr-defined]  # it is `Said`
    await desk.dies("mail")
    await teller.tell("one")
    platform.said["mail"] = Wish()
    desk.wall = desk.wall.replace(hour=12)
    await telling(desk, platform).deliver()
    assert (users(desk, "mailto"), [one.user for one in await desk.outbox(NoticeState.MUTED)]) == (["mail"], ["mail"])


async def test_by_setting_nobody_is_told_or_everybody(desk: Desk, platform: Platform) -> None:
    await desk.dies("none")
    teller = telling(desk, platform)
    teller.wishes = Wishes(nobody)
    assert (await teller.tell("one")).sent == 0
    await desk.dies("unheard-of")
    teller.wishes = Wishes()
    await teller.tell("two")
    assert users(desk, "mailto") == users(desk, "slack") == ["unheard-of"]


async def test_where_users_cannot_be_asked_nobody_is_told_wrongly_and_nothing_is_lost(desk: Desk, platform: Platform) -> None:
    async def away() -> Mapping[str, Wish]:
        raise StoreLost("the database is gone")

    await desk.dies("mail")
    teller = telling(desk, platform)
    teller.wishes = Wishes(away)
    with pytest.raises(StoreLost):
        await teller.tell("one")
    assert users(desk, "mailto") == []
    await telling(desk, platform).tell("one")
    assert users(desk, "mailto") == ["mail"]
