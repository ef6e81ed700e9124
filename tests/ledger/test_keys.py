"""The master key's file and the fingerprint key: made once, never replaced, and a clear word where they are wrong."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from validator.credential import Credential, parse_scope
from validator.errors import StoreError
from validator.ledger import open_embedded
from validator.sealing import make_master_keys
from validator.stores.sqlite import SqliteStore


async def test_the_keys_are_the_same_the_next_time(opener):
    async with opener() as first, opener() as second:
        pass
    secret = SecretStr("x")
    async with opener() as third:
        made = {one.keys.fingerprinter.of("nvcr.io", "u", secret) for one in (first, second, third)}
    assert len(made) == 1
    assert first.keys.master.text() == third.keys.master.text()


@pytest.mark.of_a_file
async def test_a_missing_master_key_is_one_sentence_and_no_new_one_is_made(opener, tmp_path):
    async with opener():
        pass
    key = tmp_path / "home" / "master.key"
    key.unlink()
    with pytest.raises(StoreError, match=r"master\.key is missing, and .*validator\.db holds rows sealed by it; put the file back"):
        async with opener():
            pass
    assert not key.exists()


async def test_a_missing_master_key_beside_credentials_alone_is_not_replaced_either(opener, tmp_path):
    async with opener() as embedded:
        scope = parse_scope("nvcr.io")
        store = SqliteStore(embedded.database, embedded.keys.master)
        await store.put(Credential(user="u", name="n", scope=scope, username="u", secret=SecretStr("s")))
        await embedded.database.write(lambda c: c.exec_driver_sql("DELETE FROM sealed_keys"))
    (tmp_path / "home" / "master.key").unlink()
    with pytest.raises(StoreError, match="is missing"):
        async with opener():
            pass
    assert not (tmp_path / "home" / "master.key").exists()


async def test_another_databases_master_key_is_one_sentence_and_stays(opener, tmp_path):
    async with opener():
        pass
    key = tmp_path / "home" / "master.key"
    key.unlink()
    make_master_keys(key)
    wrong = key.read_bytes()
    with pytest.raises(StoreError, match=r"does not open .*: it is another database's key; put back the one") as caught:
        async with opener():
            pass
    assert "\n" not in str(caught.value)
    assert key.read_bytes() == wrong


async def test_a_master_key_that_others_may_read_is_refused(opener, tmp_path):
    async with opener():
        pass
    (tmp_path / "home" / "master.key").chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        async with opener():
            pass


async def test_a_broken_link_for_a_master_key_is_not_written_through(tmp_path):
    key = tmp_path / "master.key"
    key.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is missing"):
        async with open_embedded(tmp_path / "validator.db", key):
            pass
    assert not (tmp_path / "elsewhere").exists()


async def test_a_key_file_made_beforehand_is_taken(tmp_path):
    made = make_master_keys(tmp_path / "mine.key")
    async with open_embedded(tmp_path / "validator.db", tmp_path / "mine.key") as embedded:
        assert embedded.keys.master.text() == made.text()


async def test_the_fingerprint_key_is_not_in_the_database_in_clear(opener):
    async with opener() as embedded:
        sealed = await embedded.database.read(lambda c: c.exec_driver_sql("SELECT name, sealed FROM sealed_keys"))
        [(name, token)] = sealed.all()
    assert name == "fingerprint"
    assert token.count(".") == 4


async def test_an_ephemeral_ledger_leaves_the_key_file_alone(tmp_path):
    async with open_embedded(None, tmp_path / "master.key") as embedded:
        assert not embedded.ledger.durable
    assert not (tmp_path / "master.key").exists()


async def test_reading_only_makes_no_key(opener, tmp_path):
    async with opener() as embedded:
        await embedded.database.write(lambda c: c.exec_driver_sql("DELETE FROM sealed_keys"))
    (tmp_path / "home" / "master.key").unlink()
    with pytest.raises(StoreError, match="nothing was ever stored"):
        async with opener(read_only=True):
            pass
    assert not (tmp_path / "home" / "master.key").exists()
