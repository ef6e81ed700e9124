"""OSMO's rows by the vectors that its own library made: a key file, a user's key under it, values under that."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.unit.test_sealing import MEK, SEALED_EMPTY, SEALED_SECRET, UEK_KID, WRAPPED_UEK
from validator.credential import Credential, parse_scope
from validator.sealing import MasterKeys, seal
from validator.stores.base import UnreadableRow
from validator.stores.osmo.base.master import MasterFile
from validator.stores.osmo.base.rows import Stored, opened


def key_file(path: Path, name: str = "key1", **more: object) -> MasterFile:
    """OSMO's, with this one key, beside what else its service is told there."""
    text = base64.b64encode(json.dumps(MEK).encode()).decode()
    path.write_text(json.dumps({"currentMek": name, "meks": {name: text}, "postgres_password": "not ours", **more}))
    return MasterFile(path)


def row(username: str, auth: str, keys: tuple[tuple[str, str | None], ...] = (("current", UEK_KID), (UEK_KID, WRAPPED_UEK))) -> Stored:
    return Stored("ann", "c", "nvcr.io/acme", username, auth, keys)


def one(stored: Stored, keys: MasterKeys) -> tuple[str, str, tuple[str, ...]] | str:
    [found] = opened([stored], keys, ())
    return found.why if isinstance(found, UnreadableRow) else (found.username, found.secret.get_secret_value(), found.flaws)


SECRET = "nvapi-EXAMPLE-not-a-real-key"
VECTORS = {
    "both": (row(SEALED_SECRET, SEALED_SECRET), (SECRET, SECRET, ())),
    "an empty username, which OSMO's library cannot read back": (row(SEALED_EMPTY, SEALED_SECRET), ("", SECRET, ())),
    "a clear username": (row("robot", SEALED_SECRET), ("robot", SECRET, ("plaintext_in_store",))),
    "no username": (row("", SEALED_SECRET), ("", SECRET, ())),
    "its user's key is gone": (row(SEALED_EMPTY, SEALED_SECRET, ()), "its user has no key in OSMO's table `ueks`"),
    "a key that is NULL": (row(SEALED_EMPTY, SEALED_SECRET, (("current", UEK_KID), (UEK_KID, None))), "its user has no key in OSMO's table `ueks`"),
    "its user's key is a text": (
        row(SEALED_EMPTY, SEALED_SECRET, ((UEK_KID, "no JWE"),)), "OSMO's key file does not open its user's key: it is no compact JWE",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stored", "wanted"), VECTORS.values(), ids=VECTORS.keys())
def test_vectors_of_osmos_library_are_read(tmp_path: Path, stored: Stored, wanted: object) -> None:
    assert one(stored, key_file(tmp_path / "mek.yaml").keys()) == wanted


@pytest.mark.parametrize("name", ["key1", "2026-01"])
def test_a_key_is_found_by_the_files_name_and_by_its_own(tmp_path: Path, name: str) -> None:
    """OSMO names new user keys by the JWK's own id, and looks keys up by the file's."""
    keys = key_file(tmp_path / "mek.yaml", name).keys()
    assert one(row(SEALED_EMPTY, SEALED_SECRET), keys) == ("", SECRET, ())
    by_name = json.loads(base64.urlsafe_b64decode(seal_uek(keys).split(".")[0] + "=="))
    assert by_name["kid"] == name
    assert one(row(SEALED_EMPTY, SEALED_SECRET, ((UEK_KID, seal_uek(keys)),)), keys) == ("", SECRET, ())


def seal_uek(keys: MasterKeys) -> str:
    from pydantic import SecretStr

    from validator.sealing import unseal

    return seal(SecretStr(unseal(WRAPPED_UEK, keys).get_secret_value()), keys)


def test_two_scopes_of_one_registry_and_what_nobody_is_to_ask() -> None:
    rows = [
        Stored("ann", name, profile, "u", "s") for name, profile in (("a", "docker.io"), ("b", "index.docker.io/v1"), ("c", "docker.io/acme"), ("d", "ghcr.io"))
    ]  # fmt: skip
    found = opened(rows, MasterKeys("", {}), [parse_scope("docker.io/acme"), parse_scope("ghcr.io")])
    flaws = {one.name: one.flaws for one in found if isinstance(one, Credential)}
    clear = "plaintext_in_store"
    assert flaws == {
        "a": ("duplicate_scope", clear), "b": ("duplicate_scope", clear), "c": ("disabled_by_operator", clear), "d": ("disabled_by_operator", clear),
    }  # fmt: skip
    assert [(one.written, str(one.scope)) for one in found] == [
        ("", "docker.io"), ("index.docker.io/v1", "docker.io"), ("", "docker.io/acme"), ("ghcr.io", "ghcr.io"),
    ]  # fmt: skip


@pytest.mark.parametrize("profile", [None, "", "docker.io/", " registry-1.docker.io "])
def test_no_registry_is_docker_hub_as_it_is_for_osmo(profile: str | None) -> None:
    [found] = opened([Stored("ann", "c", profile, "u", "s")], MasterKeys("", {}), ())
    assert (str(found.scope), found.written) == ("docker.io", "")


@pytest.mark.parametrize("profile", ["user:password@reg.test", "reg test", "https://", "ftp://reg.test"])
def test_a_text_that_names_no_registry_is_told_to_the_operator_and_asked_nowhere(profile: str) -> None:
    [found] = opened([Stored("ann", "c", profile, "u", "s")], MasterKeys("", {}), ())
    assert isinstance(found, UnreadableRow)
