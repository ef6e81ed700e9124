"""The embedded store: one credential a scope, all or nothing, nothing in clear, nothing left behind."""

from __future__ import annotations

import base64
from contextlib import aclosing
from dataclasses import replace

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from validator.credential import Credential, parse_scope
from validator.errors import UsageError
from validator.ledger import Embedded
from validator.ledger.base.tables import CREDENTIALS as MIGRATED
from validator.sealing import MasterKeys
from validator.stores.base import Outline, UnreadableRow, row_hash
from validator.stores.sqlite import _SOME, CREDENTIALS, SqliteStore


def credential(user: str = "ann", name: str = "ngc", registry: str = "nvcr.io/acme", secret: str = "nvapi-1") -> Credential:
    return Credential(user=user, name=name, scope=parse_scope(registry), username="$oauthtoken", secret=SecretStr(secret), written=registry)


@pytest.fixture
def store(embedded: Embedded) -> SqliteStore:
    return SqliteStore(embedded.database, embedded.keys.master)


async def everything(store: SqliteStore, user: str | None = None) -> list[Credential | UnreadableRow]:
    async with aclosing(store.credentials(user)) as rows:  # type: ignore[type-var]  # an async generator behind its Protocol
        return [row async for row in rows]


async def names(store: SqliteStore) -> list[tuple[str, str, str]]:
    return [(row.user, row.name, str(row.scope)) for row in await everything(store)]


def test_the_stores_table_is_the_one_that_the_migrations_make():
    def shape(table):
        return [(c.name, type(c.type), c.nullable, c.primary_key) for c in table.columns], sorted(
            (type(k).__name__, tuple(c.name for c in k.columns)) for k in table.constraints
        )

    assert shape(CREDENTIALS) == shape(MIGRATED)


async def test_what_is_put_comes_back_with_the_hash_of_its_sealed_row(store, embedded):
    put = await store.put(credential(), proof="nvcr.io/acme/app:1")
    row = await embedded.database.read(_one)
    assert put == replace(credential(), row=row_hash(row.username, row.secret))
    assert await store.get("ann", "ngc") == put
    assert await everything(store) == [put]
    assert await store.proofs() == {("ann", "ngc"): "nvcr.io/acme/app:1"}
    assert await store.get("ann", "other") is None


async def _one(connection):
    return (await connection.execute(select(CREDENTIALS))).one()


async def test_the_same_secret_put_again_is_another_row(store):
    assert (await store.put(credential())).row != (await store.put(credential())).row


async def test_credentials_come_by_user_and_name_beyond_one_page(store):
    wanted = [credential(f"user{i % 7}", f"c{i:03}", f"r{i}.example.org") for i in range(250)]
    await store.put_many([(one, None) for one in wanted])
    found = await names(store)
    assert found == sorted(found)
    assert len(found) == 250
    assert len(await everything(store, "user3")) == len([one for one in wanted if one.user == "user3"])


async def test_another_name_for_the_same_scope_renames_it(store):
    await store.put(credential(name="old"), proof="nvcr.io/acme/a:1")
    await store.put(credential(name="new", secret="nvapi-2"))
    assert await names(store) == [("ann", "new", "nvcr.io/acme")]
    assert await store.proofs() == {}


async def test_the_same_name_for_another_scope_is_an_error_and_changes_nothing(store):
    kept = await store.put(credential())
    with pytest.raises(UsageError, match=r"ann has a credential ngc already, for nvcr\.io/acme"):
        await store.put(credential(registry="nvcr.io/other"))
    assert await everything(store) == [kept]


async def test_a_rename_onto_the_name_of_another_scope_is_an_error(store):
    await store.put_many([(credential(name="a", registry="a.example"), None), (credential(name="b", registry="b.example"), None)])
    with pytest.raises(UsageError):
        await store.put(credential(name="b", registry="a.example"))
    assert await names(store) == [("ann", "a", "a.example"), ("ann", "b", "b.example")]


async def test_a_scope_that_may_not_be_replaced_is_not(store):
    kept = await store.put(credential())
    with pytest.raises(UsageError, match=r"for nvcr\.io/acme already, ngc"):
        await store.put(credential(name="other"), replace_scope=False)
    assert await everything(store) == [kept]


async def test_two_users_may_have_the_same_name_and_scope(store):
    await store.put_many([(credential("ann"), None), (credential("bob"), None)])
    assert [user for user, _, _ in await names(store)] == ["ann", "bob"]


async def test_an_import_with_one_bad_row_stores_none(store):
    kept = await store.put(credential(name="kept", registry="kept.example"))
    rows = [(credential(name="a", registry="a.example"), None), (credential(name="kept", registry="b.example"), None)]
    with pytest.raises(UsageError):
        await store.put_many(rows)
    assert await everything(store) == [kept]


async def test_within_one_import_the_later_line_wins_and_a_name_is_still_one_scopes(store):
    first, second = credential(name="a", registry="a.example"), credential(name="b", registry="a.example", secret="nvapi-2")
    await store.put_many([(first, "a.example/x:1"), (second, None), (credential(name="a", registry="c.example"), None)])
    assert await names(store) == [("ann", "a", "c.example"), ("ann", "b", "a.example")]
    assert await store.proofs() == {}
    with pytest.raises(UsageError):
        await store.put_many([(credential("bob", "n", "a.example"), None), (credential("bob", "n", "b.example"), None)])
    assert await everything(store, "bob") == []


async def test_an_import_of_nothing_is_nothing(store):
    await store.put_many([])
    assert await everything(store) == []


async def test_delete_removes_one_and_says_whether_it_was_there(store):
    await store.put_many([(credential(name="a", registry="a.example"), None), (credential(name="b", registry="b.example"), None)])
    assert [await store.delete("ann", "a"), await store.delete("ann", "a"), await store.delete("bob", "b")] == [True, False, False]
    assert await names(store) == [("ann", "b", "b.example")]


def file_bytes(embedded: Embedded) -> bytes:
    folder = embedded.database.path.parent
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("validator.db"))


async def test_neither_secret_nor_username_is_in_the_files_in_clear(store, embedded):
    secret, username = "S3cret-of-the-Test-0815", "Someb0dys-Name"
    await store.put(replace(credential(), secret=SecretStr(secret), username=username))
    held = file_bytes(embedded)
    for text_ in (secret, username):
        for form in (text_.encode(), base64.b64encode(text_.encode()).rstrip(b"="), text_.encode().hex().encode()):
            assert form not in held


async def test_of_a_deleted_or_replaced_row_no_byte_stays_in_the_files(store, embedded):
    await store.put(credential())
    sealed = (await embedded.database.read(_one)).secret.encode()
    assert sealed in file_bytes(embedded)
    await store.put(credential(secret="nvapi-2"))
    second = (await embedded.database.read(_one)).secret.encode()
    await store.delete("ann", "ngc")
    held = file_bytes(embedded)
    assert [part in held for part in (sealed, second, sealed[-60:], second[-60:])] == [False] * 4


async def test_one_row_that_does_not_open_hides_no_other(store, embedded):
    await store.put_many([(credential(name="a", registry="a.example"), None), (credential(name="b", registry="b.example"), None)])
    await embedded.database.write(lambda c: c.execute(text("UPDATE credentials SET secret = 'plain' WHERE name = 'a'")))
    broken, good = await everything(store)
    assert broken == UnreadableRow(user="ann", name="a", scope=parse_scope("a.example"), why="it is no compact JWE", written="a.example")
    assert isinstance(good, Credential)
    assert await store.get("ann", "a") == broken


async def test_a_store_reads_what_older_keys_sealed(store, embedded):
    await store.put(credential())
    old, new = embedded.keys.master, MasterKeys.made()
    both = MasterKeys(new.current, {**old.by_kid, **new.by_kid})
    found = await SqliteStore(embedded.database, both).get("ann", "ngc")
    assert isinstance(found, Credential)
    assert found.secret.get_secret_value() == "nvapi-1"
    lost = await SqliteStore(embedded.database, new).get("ann", "ngc")
    assert isinstance(lost, UnreadableRow)
    assert "its key is not among ours" in lost.why


async def test_outlines_are_of_all_rows_beyond_one_page_and_open_no_secret(store, embedded):
    await store.put_many([(credential(f"user{i:04}", "c", "r.example.org"), None) for i in range(1003)])
    await store.put(credential(), proof="nvcr.io/acme/app:1")
    stranger = SqliteStore(embedded.database, MasterKeys.made())
    async with aclosing(stranger.outlines()) as rows:  # type: ignore[type-var]  # an async generator behind its Protocol
        found = [row async for row in rows]
    assert len(found) == 1004
    assert [one.user for one in found] == sorted(one.user for one in found)
    ann = await store.get("ann", "ngc")
    assert isinstance(ann, Credential)
    assert found[0] == Outline("ann", "ngc", ann.scope, ann.row, "nvcr.io/acme/app:1")
    async with aclosing(store.outlines("user0007")) as rows:
        assert [row.user async for row in rows] == ["user0007"]


async def test_some_are_found_by_their_places_and_the_others_are_not_there(store):
    await store.put_many([(credential("ann", f"c{i}", f"r{i}.example.org"), None) for i in range(5)])
    await store.put(credential("o'hara", "c1", "x.example.org"))
    wanted = [("ann", "c1"), ("o'hara", "c1"), ("ann", "gone"), ("nobody", "c1")]
    assert sorted((one.user, one.name) for one in await store.some(wanted)) == [("ann", "c1"), ("o'hara", "c1")]
    standing = await store.standing(wanted)
    assert set(standing) == {("ann", "c1"), ("o'hara", "c1")}
    assert standing["ann", "c1"].row == next(one.row for one in await store.some([("ann", "c1")]) if isinstance(one, Credential))
    assert (await store.some([]), await store.standing([])) == ([], {})


async def test_places_are_looked_up_by_the_primary_key(store, embedded):
    async def plan(connection):
        return (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {_SOME.compile(dialect=connection.dialect)}", ("[]", "$[0]", "$[1]"))).all()

    steps = [row[3] for row in await embedded.database.read(plan)]
    assert any("SEARCH credentials" in step and "user=? AND name=?" in step for step in steps), steps
