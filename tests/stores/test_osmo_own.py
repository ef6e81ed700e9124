"""The credential of OSMO's own images, in OSMO's settings as OSMO has it there: read, put in its place, and hidden from nobody's rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from tests.stores.osmo_house import House, sealed
from tests.stores.test_osmo_store import Opener, all_of, flipped, opened, plain
from validator.credential import BACKEND_IMAGES, OSMOS_OWN, Credential
from validator.stores.base import UnreadableRow, row_hash
from validator.stores.osmo import SETTINGS_S, OsmoStore
from validator.stores.osmo.base import reading

__all__ = ["opened"]

PLACE = (OSMOS_OWN, BACKEND_IMAGES)
CANARY = "CANARY-9f3c-kestrel"


async def places(store: OsmoStore, user: str | None = None) -> list[tuple[str, str]]:
    async with aclosing(store.outlines(user)) as rows:
        return [(one.user, one.name) async for one in rows]


@pytest.mark.parametrize("clear", [False, True], ids=["sealed by the master key", "in clear until OSMO reads it"])
async def test_it_is_one_credential_more_and_nothing_is_written(house: House, opened: Opener, clear: bool) -> None:
    house.backend_images("https://nvcr.io/osmo/", "$oauthtoken", "nvapi-own", clear=clear)
    before = house.dump()
    async with opened() as store:
        [one] = await all_of(store)
        found = [one, *await all_of(store, OSMOS_OWN), await store.get(*PLACE), *await store.some([PLACE]), *await store.as_kubelet("ann")]
        outline = (await store.standing([PLACE, ("ann", "c")]))[PLACE]
        assert await places(store) == await places(store, OSMOS_OWN) == [PLACE]
        assert (await places(store, "ann"), await all_of(store, "ann")) == ([], [])
    assert isinstance(one, Credential)
    assert [plain(same) for same in found if same is not None] == [(*PLACE, "nvcr.io/osmo", "$oauthtoken", "nvapi-own")] * 5
    assert (one.written, one.flaws) == ("nvcr.io/osmo", ("plaintext_in_store",) if clear else ())
    [[value]] = house.connection.execute("SELECT value FROM configs").fetchall()
    assert one.row == outline.row == row_hash("$oauthtoken", json.loads(value)["credential"]["auth"])
    assert house.dump() == before


async def test_it_has_its_place_by_user_and_name_whatever_the_page(house: House, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    users = ["!first", "#second", "ann", "bob"]
    for user in users:
        for name in ("a", "b"):
            house.add(user, name, f"{name}.test")
    house.backend_images("nvcr.io")
    wanted = sorted([PLACE, *((user, name) for user in users for name in ("a", "b"))])
    for page in (1, 3, 4, 500):
        monkeypatch.setattr(reading, "PAGE", page)
        async with opened() as store:
            assert await places(store) == [(one.user, one.name) for one in await all_of(store)] == wanted
    house.connection.execute("DELETE FROM credential WHERE user_name > '('")
    async with opened() as store:
        assert await places(store) == wanted[:5], "after the last user's page"


UNUSED: dict[str, Any] = {
    "no credential": {"init": "nvcr.io/x:1"}, "null": {"credential": None}, "no registry": {"credential": {"username": "u", "auth": "s"}},
    "no username": {"credential": {"registry": "nvcr.io", "username": "", "auth": "s"}},
    "no secret": {"credential": {"registry": "nvcr.io", "username": "u", "auth": ""}},
}  # fmt: skip


@pytest.mark.parametrize("value", UNUSED.values(), ids=UNUSED.keys())
async def test_what_osmo_does_not_use_is_none(house: House, opened: Opener, value: Any) -> None:
    house.put_backend_images(json.dumps(value))
    async with opened() as store:
        assert (await all_of(store), await store.standing([PLACE]), await store.as_kubelet("ann")) == ([], {}, ())


FORM = "OSMO's setting `backend_images` has not the form that is known"


def member(house: House, **members: Any) -> str:
    held = {"registry": "nvcr.io", "username": "u", "auth": sealed(CANARY, house.meks["key1"]), **members}
    return json.dumps({"credential": held})


BROKEN: dict[str, tuple[Callable[[House], str], str]] = {
    "no JSON": (lambda house: '{"credential": {"auth": "' + CANARY, FORM),
    "a list": (lambda house: f'["{CANARY}"]', FORM),
    "nothing": (lambda house: "null", FORM),
    "too deep": (lambda house: "[" * 100_000, FORM),
    "a text": (lambda house: json.dumps({"credential": CANARY}), FORM),
    "a number in it": (lambda house: member(house, auth=5), FORM),
    "half a character": (lambda house: member(house, username="\ud800"), FORM),
    "no registry": (lambda house: member(house, registry="a b"), "it holds a character that no registry's name has"),
    "a userinfo": (
        lambda house: member(house, registry=f"https://u:{CANARY}@nvcr.io/x"),
        "it holds a username or a digest; give the registry's host and path alone",
    ),
    "an unknown key": (lambda house: member(house, auth=sealed(CANARY, other(house))), "its key key9 is not in OSMO's key file"),
    "a flipped bit": (lambda house: member(house, auth=flipped(sealed(CANARY, house.meks["key1"]), 3)), "it does not open with its key: damaged, or sealed by another (key key1)"),
    "cut off": (lambda house: member(house, auth=sealed(CANARY, house.meks["key1"])[:60]), "it is cut off or damaged"),
    "sealed over": (
        lambda house: member(house, auth=sealed(sealed(CANARY, house.meks["key1"]), house.meks["key1"])),
        "OSMO has sealed its secret over and sends what it sealed: the operator has to set it anew",
    ),
    "a username that OSMO does not open": (
        lambda house: member(house, username=sealed("u", house.meks["key1"])),
        "its username is sealed, and OSMO opens none in its settings: the operator has to set it anew",
    ),
}  # fmt: skip


def other(house: House) -> Any:
    """A master key that is not in the file."""
    current = house.current
    house.add_mek("key9")
    house.current = current
    house.write_file("key9")
    return house.meks["key9"]


@pytest.mark.parametrize(("value", "why"), BROKEN.values(), ids=BROKEN.keys())
async def test_what_cannot_be_read_is_one_clause_and_hides_nobody(house: House, opened: Opener, value: Any, why: str) -> None:
    house.add("ann", "c", "nvcr.io")
    house.put_backend_images(value(house))
    async with opened() as store:
        own, ann = await all_of(store)
        assert plain(ann) == ("ann", "c", "nvcr.io", "u", "s")
        assert isinstance(own, UnreadableRow)
        assert ((own.user, own.name), own.why) == (PLACE, why)
        assert (await store.get(*PLACE), await places(store)) == (own, [PLACE, ("ann", "c")])
        assert [one.name for one in await store.as_kubelet("ann")] == ["c", BACKEND_IMAGES]
        assert "CANARY" not in repr(own)


async def test_it_is_written_after_the_users_own_rows_and_takes_none_of_their_places(house: House, opened: Opener) -> None:
    house.add("ann", "z", "nvcr.io", auth="first")
    house.add("ann", "a", "https://nvcr.io", auth="last")
    house.backend_images("nvcr.io", auth="own")
    house.backend_images("nvcr.io", auth="newest")
    async with opened() as store:
        for user, wanted in (("ann", ["a", BACKEND_IMAGES]), ("bob", [BACKEND_IMAGES]), (OSMOS_OWN, [BACKEND_IMAGES])):
            assert [one.name for one in await store.as_kubelet(user)] == wanted
        house.backend_images("nvcr.io", auth="renewed")
        own = (await store.as_kubelet("ann"))[-1]
        assert plain(own) == (*PLACE, "nvcr.io", "u", "renewed"), "at once: nobody is told that a pull fails that works"


async def test_for_sweeps_it_is_read_once_a_minute_and_for_its_verdict_at_once(house: House, opened: Opener) -> None:
    ticks = 0.0
    house.backend_images("nvcr.io", auth="old")
    async with opened() as store:
        store._monotonic = lambda: ticks
        [before] = [one async for one in store.outlines()]
        house.backend_images("nvcr.io", auth="new")
        assert [one async for one in store.outlines()] == [before]
        assert (await store.standing([PLACE]))[PLACE].row != before.row, "what was heard of the old one is not said of the new"
        house.backend_images("nvcr.io", auth="newer")
        ticks += SETTINGS_S
        [after] = await all_of(store)
    assert plain(after) == (*PLACE, "nvcr.io", "u", "newer")


async def test_what_the_operator_wants_unchecked_goes_for_it_too_and_no_user_has_its_name(house: House, opened: Opener) -> None:
    house.add(OSMOS_OWN, BACKEND_IMAGES, "reg.test", auth="of somebody")
    house.backend_images("nvcr.io/osmo", auth="own")
    house.disable("nvcr.io/osmo")
    async with opened() as store:
        [one] = await all_of(store)
        assert plain(one) == (*PLACE, "nvcr.io/osmo", "u", "own")
        assert isinstance(one, Credential)
        assert (one.flaws, await places(store)) == (("disabled_by_operator",), [PLACE])
