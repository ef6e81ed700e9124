"""OSMO's rows as jwcrypto seals them, read as they stand: what is opened, what is told apart, and that nothing is written."""

from __future__ import annotations

import base64
import json
import re
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.postgres.server import Postgres
from tests.stores.osmo_house import House, sealed
from validator.config import Settings
from validator.credential import Credential, RegistryScope, osmo_scope, parse_scope
from validator.emulator.osmo import Osmo
from validator.emulator.osmo.__main__ import made_up
from validator.errors import ConfigError, StoreError, StoreLost
from validator.postgres import server_of
from validator.stores.base import Outline, UnreadableRow, Wish, row_hash
from validator.stores.osmo import OsmoStore, mek_path, open_osmo
from validator.stores.osmo.base import reading

Opener = Callable[..., AbstractAsyncContextManager[OsmoStore]]


@pytest.fixture
def opened(house: House) -> Opener:
    """Opens the store as the program does."""

    def one(**osmo: Any) -> AbstractAsyncContextManager[OsmoStore]:
        settings = Settings(**house.settings(**osmo))
        assert settings.store is not None
        return open_osmo(server_of(settings.store, {}), settings.osmo, {})

    return one


async def all_of(store: OsmoStore, user: str | None = None) -> list[Credential | UnreadableRow]:
    async with aclosing(store.credentials(user)) as rows:
        return [row async for row in rows]


def plain(one: Credential | UnreadableRow) -> tuple[str, str, str, str, str] | str:
    if isinstance(one, UnreadableRow):
        return one.why
    return one.user, one.name, str(one.scope), one.username, one.secret.get_secret_value()


TEXTS = ["s3cret", "", "pässwörd", "with 'quotes' \"and\" (brackets) => \\ ", "x" * 4096, "a.b.c.d.e", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"]


@pytest.mark.parametrize("text", TEXTS, ids=["plain", "empty", "not ASCII", "what an hstore quotes", "4 KiB", "five parts", "a registry's JWT"])
async def test_what_jwcrypto_sealed_is_read(house: House, opened: Opener, text: str) -> None:
    house.add("ann@example.org", "one", "nvcr.io/acme", text, text)
    async with opened() as store:
        [one] = await all_of(store)
    assert (plain(one), isinstance(one, Credential) and one.flaws) == (("ann@example.org", "one", "nvcr.io/acme", text, text), ())


async def test_only_registry_rows_are_read_by_user_and_name_whatever_the_page(house: House, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    house.add_as_it_is("ann", "data", "s3://x", {"access_key": "k"}, kind="DATA")
    house.add_as_it_is("ann", "generic", None, {"x": "y"}, kind="GENERIC")
    for user in ("Zoë", "ann", "bob"):
        for number, registry in enumerate(("docker.io", "registry-1.docker.io", "nvcr.io", "nvcr.io/acme")):
            house.add(user, f"c{number}", registry)
    found, outlines = list[list[Credential | UnreadableRow]](), list[Outline]()
    for page in (1, 3, 500):
        monkeypatch.setattr(reading, "PAGE", page)
        async with opened() as store:
            found.append(await all_of(store))
            outlines = [one async for one in store.outlines()]
    assert found[0] == found[1] == found[2]
    wanted = [(user, f"c{number}") for user in ("Zoë", "ann", "bob") for number in range(4)]
    assert [(one.user, one.name) for one in found[0]] == wanted
    assert [one.flaws for one in found[0] if isinstance(one, Credential)] == [("duplicate_scope",), ("duplicate_scope",), (), ()] * 3
    assert [(one.user, one.name, one.scope, one.row) for one in outlines] == [
        (c.user, c.name, c.scope, c.row) for c in found[0] if isinstance(c, Credential)
    ]


async def test_some_and_standing_find_what_is_there_and_one_users_are_his_alone(house: House, opened: Opener) -> None:
    for user in ("ann", "bob"):
        house.add(user, "hub", "docker.io")
        house.add(user, "ngc", "nvcr.io")
    house.add_as_it_is("bob", "bad", "no registry", {"username": "u", "auth": "p"})
    async with opened() as store:
        some = await store.some([("bob", "ngc"), ("ann", "hub"), ("ann", "gone")])
        assert sorted((one.user, one.name) for one in some) == [("ann", "hub"), ("bob", "ngc")]
        standing = await store.standing([("bob", "ngc"), ("ann", "gone"), ("bob", "bad")])
        assert {place: str(one.scope) for place, one in standing.items()} == {("bob", "ngc"): "nvcr.io", ("bob", "bad"): "no registry"}
        assert [one.name for one in await all_of(store, "ann")] == ["hub", "ngc"]
        assert (await store.get("ann", "gone"), await store.some([]), await store.standing([])) == (None, [], {})
        bad = await store.get("bob", "bad")
        assert isinstance(bad, UnreadableRow)
        assert (await store.proofs(), "use `osmo credential set`" in store.read_only) == ({}, True)


def flipped(token: str, part: int) -> str:
    parts = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    raw[len(raw) // 2] ^= 1
    parts[part] = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    return ".".join(parts)


def with_header(token: str, **more: Any) -> str:
    header, rest = token.split(".", 1)
    known = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    return base64.urlsafe_b64encode(json.dumps({**known, **more}, separators=(",", ":")).encode()).rstrip(b"=").decode() + "." + rest


SPOILT: dict[str, tuple[Callable[[House, str], str], str]] = {
    "cut in its header": (lambda house, token: token[:25], "it is cut off or damaged"),
    "cut in its key": (lambda house, token: token[: len(token) // 2], "it is cut off or damaged"),
    "cut in its tag": (lambda house, token: token[:-6], "it does not open with its key"),
    "a bit of its key": (lambda house, token: flipped(token, 1), "it does not open with its key"),
    "a bit of its nonce": (lambda house, token: flipped(token, 2), "it does not open with its key"),
    "a bit of its text": (lambda house, token: flipped(token, 3), "it does not open with its key"),
    "a bit of its tag": (lambda house, token: flipped(token, 4), "it does not open with its key"),
    "another algorithm": (lambda house, token: with_header(token, alg="dir"), "it is not sealed by A256GCMKW"),
    "compressed": (lambda house, token: with_header(token, zip="DEF"), "it is not sealed by A256GCMKW"),
    "another user's": (lambda house, token: house.seal("bob", "s"), r"its key [0-9a-f]{32} is not among its user's in OSMO's table `ueks`"),
    "sealed over once": (lambda house, token: sealed(token, house.user("ann")), "OSMO has sealed its secret over"),
    "sealed over too often": (lambda house, token: house.seal("ann", "s", 12), "it is sealed over more than 8 times"),
}


@pytest.mark.parametrize(("spoil", "why"), SPOILT.values(), ids=SPOILT.keys())
async def test_what_cannot_be_opened_is_told_apart_with_its_reason_and_hides_nobody(house: House, opened: Opener, spoil: Any, why: str) -> None:
    house.add("ann", "good", "nvcr.io")
    token = house.seal("ann", "CANARY-9f3c-kestrel")
    house.add_as_it_is("ann", "bad", "docker.io", {"username": house.seal("ann", "u"), "auth": spoil(house, token)})
    async with opened() as store:
        bad, good = await all_of(store, "ann")
    assert isinstance(bad, UnreadableRow)
    assert plain(good) == ("ann", "good", "nvcr.io", "u", "s")
    assert re.search(why, bad.why), bad.why
    assert ("CANARY" in bad.why, token in bad.why, "\n" in bad.why) == (False, False, False)


async def test_a_login_in_a_registrys_text_is_shown_nowhere(house: House, opened: Opener) -> None:
    house.add("ann", "c", "https://ann:CANARY-9f3c-kestrel@nvcr.io/acme")
    async with opened() as store:
        [one], [outline] = await all_of(store), [row async for row in store.outlines()]
    assert isinstance(one, UnreadableRow)
    assert (str(one.scope), str(outline.scope), one.written) == ("***@nvcr.io/acme",) * 3
    assert "CANARY" not in repr((one, outline))


async def test_a_users_key_that_is_missing_or_of_an_unknown_master_key_is_told_with_its_id(house: House, opened: Opener) -> None:
    house.add("ann", "c", "nvcr.io")
    house.add("bob", "c", "nvcr.io")
    house.add_as_it_is("cid", "none", "nvcr.io", {"username": "u"})
    house.add_mek("key2")
    house.add("dan", "c", "nvcr.io")
    house.write_file("key2")
    house.current = "key1"
    house.write_file("key2")
    house.connection.execute("DELETE FROM ueks WHERE uid = 'ann'")
    async with opened() as store:
        said = {one.user: plain(one) for one in await all_of(store)}
    assert said["ann"] == "its user has no key in OSMO's table `ueks`"
    assert said["bob"] == ("bob", "c", "nvcr.io", "u", "s")
    assert said["cid"] == "its payload holds no `auth`"
    assert said["dan"] == "OSMO's key file does not open its user's key: its key is not among ours (key key2)"


@pytest.mark.parametrize("layers", [2, 3, 9])
async def test_a_username_that_osmo_sealed_over_is_lost_and_the_secret_is_not_blamed(house: House, opened: Opener, layers: int) -> None:
    house.add_as_it_is("ann", "c", "nvcr.io", {"username": house.seal("ann", "", layers), "auth": house.seal("ann", "s")})
    async with opened() as store:
        [one] = await all_of(store)
    assert isinstance(one, Credential)
    assert (one.username, one.secret.get_secret_value(), one.flaws) == ("", "s", ("username_lost", "store_damaged"))


async def test_plain_values_are_read_as_they_are_and_nothing_is_ever_written(house: House, opened: Opener) -> None:
    house.add_as_it_is("ann", "plain", "nvcr.io", {"username": "$oauthtoken", "auth": "nvapi-plain"})
    house.add_as_it_is("ann", "no-name", "reg.test", {"auth": house.seal("ann", "s")})
    before = house.dump()
    async with opened() as store:
        rows = await all_of(store)
        await store.as_kubelet("ann")
        await store.some([("ann", "plain")])
        with pytest.raises(StoreError, match="is read-only"):
            await store._reader.rows("DELETE FROM public.credential RETURNING 1")
    assert [(plain(one), one.flaws) for one in rows if isinstance(one, Credential)] == [
        (("ann", "no-name", "reg.test", "", "s"), ()), (("ann", "plain", "nvcr.io", "$oauthtoken", "nvapi-plain"), ("plaintext_in_store",)),
    ]  # fmt: skip
    assert house.dump() == before


async def test_a_row_is_the_hash_of_its_two_values_as_they_stand(house: House, opened: Opener) -> None:
    house.add("ann", "c", "nvcr.io")
    [(username, auth)] = house.connection.execute("SELECT payload -> 'username', payload -> 'auth' FROM credential").fetchall()
    async with opened() as store:
        [one] = await all_of(store)
        assert isinstance(one, Credential)
        assert one.row == row_hash(username, auth)
        house.set("ann", "c", auth="s")
        [again] = await all_of(store)
    assert isinstance(again, Credential)
    assert (again.secret, again.row == one.row) == (one.secret, False), "the same secret sealed anew is another row"


async def test_the_key_file_is_read_anew_when_it_is_swapped_and_a_broken_one_changes_nothing(house: House, opened: Opener) -> None:
    house.add("ann", "c", "nvcr.io")
    async with opened() as store:
        house.file.with_name("other").write_text("currentMek: [")
        house.file.with_name("other").replace(house.file)
        assert plain((await store.as_kubelet("ann"))[0]) == ("ann", "c", "nvcr.io", "u", "s")
        house.add_mek("key2")
        house.add("bob", "c", "nvcr.io")
        house.file.unlink()
        assert plain((await store.some([("bob", "c")]))[0]) == "OSMO's key file does not open its user's key: its key is not among ours (key key2)"
        house.write_file()
        assert plain((await store.some([("bob", "c")]))[0]) == ("bob", "c", "nvcr.io", "u", "s")
        assert plain((await store.as_kubelet("ann"))[0]) == ("ann", "c", "nvcr.io", "u", "s")


SHORT = base64.b64encode(b'{"k":"AAAA","kty":"oct"}').decode()
FILES = {
    "not there": (None, "cannot be read: No such file"),
    "not YAML": ("{", "is not YAML"),
    "something else": ("a: b", "it needs `currentMek: NAME` and `meks:"),
    "no key": ("currentMek: a\nmeks: {a: '!!'}", "its key 1 is none"),
    "a short key": ("currentMek: a\nmeks: {a: " + SHORT + "}", "`k` of key a has 3 bytes, not 32"),
    "no current one": ("currentMek: b\nmeks: {}", "`current` names none of its keys"),
}


@pytest.mark.parametrize(("text", "said"), FILES.values(), ids=FILES.keys())
async def test_a_key_file_that_cannot_be_used_is_one_sentence_at_the_start(house: House, opened: Opener, text: str | None, said: str) -> None:
    if text is None:
        house.file.unlink()
    else:
        house.file.write_text(text)
    with pytest.raises(StoreError, match=re.escape(said)):
        async with opened():
            pass


def test_the_key_file_is_the_settings_else_osmos_own_variable(house: House) -> None:
    settings = Settings(**house.settings())
    assert mek_path(settings.osmo, {"OSMO_MEK_FILE": "/other"}) == house.file
    assert str(mek_path(Settings().osmo, {"OSMO_MEK_FILE": "/other"})) == "/other"
    with pytest.raises(ConfigError, match=r"name it by `osmo\.mek_file`"):
        mek_path(Settings().osmo, {})


async def test_a_pull_secret_has_one_key_a_registry_the_last_row_of_the_table(house: House, opened: Opener) -> None:
    house.add("ann", "z-new", "registry-1.docker.io", auth="first")
    house.add("ann", "a-old", "docker.io", auth="last")
    house.add("ann", "ngc", "NVCR.IO/Acme")
    async with opened() as store:
        held = await store.as_kubelet("ann")
        assert held is not await store.as_kubelet("ann")
        assert sorted((one.name, one.written) for one in held) == [("a-old", ""), ("ngc", "NVCR.IO/Acme")]
        house.set("ann", "a-old", auth="newest")
        [hub] = [one for one in await store.as_kubelet("ann") if one.name == "a-old"]
        assert plain(hub) == ("ann", "a-old", "docker.io", "u", "newest")


SCOPES = {
    "docker.io": "registry-1.docker.io", "": "registry-1.docker.io", " https://nvcr.io:443/acme/ ": "nvcr.io/acme",
    "https://index.docker.io/v1/": "index.docker.io/v1", "NVCR.IO": "NVCR.IO", "reg.test:5000": "reg.test:5000", "docker.io/acme": "registry-1.docker.io/acme",
}  # fmt: skip


@pytest.mark.parametrize(("text", "scope"), SCOPES.items())
def test_a_registry_is_written_as_osmo_writes_it(text: str, scope: str) -> None:
    assert osmo_scope(text) == scope


async def test_what_the_operator_wants_unchecked_is_marked_by_settings_and_by_osmos_own(house: House, opened: Opener) -> None:
    for name, registry in (("a", "nvcr.io/acme"), ("b", "nvcr.io/other"), ("c", "reg.test"), ("d", "ghcr.io")):
        house.add("ann", name, registry)
    house.disable("nvcr.io/acme", "not a registry")
    async with opened(disabled=["reg.test"]) as store:
        flaws = {one.name: one.flaws for one in await all_of(store) if isinstance(one, Credential)}
        assert await store.disabled() == (parse_scope("reg.test"), RegistryScope(parse_scope("nvcr.io").host, "acme"))
    assert flaws == {"a": ("disabled_by_operator",), "b": (), "c": ("disabled_by_operator",), "d": ()}


async def test_how_users_want_to_be_told_is_as_they_told_osmo(house: House, opened: Opener) -> None:
    house.user("mail", mail=True)
    house.user("chat", chat=True, mail=False)
    house.user("said-nothing")
    house.user("no-row", profile=False)
    async with opened() as store:
        assert await store.wishes() == {"mail": Wish(mail=True), "chat": Wish(chat=True), "said-nothing": Wish()}
        assert await store.wishes(["chat", "no-row"]) == {"chat": Wish(chat=True)}


OTHERS = {
    "a column's other type": ("ALTER TABLE credential ALTER COLUMN payload TYPE text", "public.credential.payload of .* is of type text, not hstore"),
    "a column that is gone": ("ALTER TABLE profile DROP COLUMN slack_notification", "public.profile.slack_notification of .* is missing"),
    "a table that is gone": ("DROP TABLE ueks", "has no table public.ueks, so it is none of OSMO's"),
    "no hstore": ("DROP EXTENSION hstore CASCADE", "has no extension hstore, so it is none of OSMO's"),
}


@pytest.mark.parametrize(("statement", "said"), OTHERS.values(), ids=OTHERS.keys())
async def test_another_versions_tables_are_one_sentence_at_the_start(
    postgres: Postgres, osmo_database: str, house: House, statement: str, said: str
) -> None:  # fmt: skip
    name = postgres.database(osmo_database_closed(postgres, osmo_database, house))
    with postgres.connect(name) as connection:
        connection.execute(statement)
    settings = Settings(**{**house.settings(), "store": postgres.url(name)})
    with pytest.raises(StoreError, match=said):
        async with open_osmo(postgres.server(name), settings.osmo, {}):
            pass
    postgres.drop(name)


def osmo_database_closed(postgres: Postgres, name: str, house: House) -> str:
    """A database can be copied only while nobody is connected."""
    house.connection.close()
    return name


async def test_a_lost_connection_is_made_anew_and_a_long_answer_that_is_cut_off_says_so(
    postgres: Postgres, house: House, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(reading, "PAGE", 2)
    for number in range(9):
        house.add("ann", f"c{number}", f"r{number}.test")

    def cut() -> None:
        with postgres.connect() as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'validator'")

    async with opened() as store:
        assert len(await all_of(store)) == 9
        cut()
        assert len(await all_of(store)) == 9
        outlines = store.outlines()
        await anext(outlines)
        cut()
        with pytest.raises(StoreLost, match="went away"):
            await _rest(outlines)
        assert len(await store.some([("ann", "c1")])) == 1


async def _rest(outlines: AsyncGenerator[Outline]) -> None:
    async with aclosing(outlines):
        async for _ in outlines:
            pass


@pytest.mark.usefixtures("at_length")
@pytest.mark.timeout(120)
async def test_twenty_thousand_rows_are_read_in_the_memory_of_a_page(postgres: Postgres, tmp_path: Path) -> None:
    name = postgres.database()
    with postgres.connect(name) as connection:
        Osmo(connection, tmp_path / "mek.yaml").fill(made_up(10_000, 20_000, ["nvcr.io", "ghcr.io"], "memory"))
    settings = Settings.model_validate({"osmo": {"mek_file": tmp_path / "mek.yaml"}})
    async with open_osmo(postgres.server(name), settings.osmo, {}) as store:
        await store.some([("user-000001@example.org", "nvcr")])
        tracemalloc.start()
        number = 0
        async with aclosing(store.credentials()) as rows:
            async for _ in rows:
                number += 1
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (number, peak < 12 * 2**20) == (20_000, True), f"{peak / 2**20:.1f} MiB"
    postgres.drop(name)
