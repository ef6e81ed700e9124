"""A database of OSMO's shape for trials: what it holds is what the store reads, and jwcrypto, OSMO's own library, reads it too."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest
import yaml
from jwcrypto import jwe, jwk  # type: ignore[import-untyped]  # it ships no types

from tests.postgres.server import Postgres
from validator.config import Settings
from validator.credential import BACKEND_IMAGES, OSMOS_OWN, Credential
from validator.emulator.osmo.__main__ import made_up, main
from validator.stores.osmo import open_osmo


def opened(token: str, key: jwk.JWK) -> str:
    found = jwe.JWE()
    found.deserialize(token, key)
    return str(found.payload.decode())


async def test_what_is_built_is_read_by_the_store_and_by_osmos_own_library(postgres: Postgres, tmp_path: Path) -> None:
    name, file = postgres.database(), tmp_path / "mek.yaml"
    words = ["--dsn", f"host={postgres.folder} user=postgres dbname={name}", "--mek-file", str(file), "--users", "4", "--credentials", "9"]
    assert main([*words, "--registry", "nvcr.io", "--registry", "ghcr.io", "--registry", "reg.test", "--backend-images", "nvcr.io/osmo"]) == 0
    wanted = {(one.user, one.profile): one.secret for one in made_up(4, 9, ["nvcr.io", "ghcr.io", "reg.test"], "validator")}
    settings = Settings(osmo={"mek_file": file})  # type: ignore[arg-type]  # pydantic makes it one
    async with open_osmo(postgres.server(name), settings.osmo, {}) as store, aclosing(store.credentials()) as rows:
        own, *read = [row async for row in rows]
    assert (own.user, own.name, str(own.scope)) == (OSMOS_OWN, BACKEND_IMAGES, "nvcr.io/osmo")
    assert {(one.user, one.scope.host): one.secret.get_secret_value() for one in read if isinstance(one, Credential)} == wanted
    document = yaml.safe_load(file.read_text())
    mek = jwk.JWK(**json.loads(base64.b64decode(document["meks"][document["currentMek"]])))
    with postgres.connect(name) as connection:
        [(keys, payload)] = connection.execute(
            "SELECT hstore_to_json(u.keys), hstore_to_json(c.payload) FROM ueks u JOIN credential c ON c.user_name = u.uid "
            "WHERE u.uid = 'user-000003@example.org' AND c.profile = 'nvcr.io'"
        ).fetchall()
        [(setting,)] = connection.execute("SELECT value FROM configs").fetchall()
    uek = jwk.JWK(**json.loads(opened(keys[keys["current"]], mek)))
    assert isinstance(own, Credential)
    assert opened(json.loads(setting)["credential"]["auth"], mek) == own.secret.get_secret_value()
    assert [opened(payload[part], uek) for part in ("username", "auth")] == ["$oauthtoken", wanted["user-000003@example.org", "nvcr.io"]]
    assert main(words) == 2, "it is not empty"
    postgres.drop(name)


@pytest.mark.usefixtures("at_length", "postgres")
@pytest.mark.timeout(240)
def test_the_demo_beside_osmo_tells_the_truth(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "validator", "demo", "--osmo"], capture_output=True, text=True, check=False, timeout=220)
    assert (done.returncode, "402 of 402 agree" in done.stdout) == (0, True), done.stdout[-3000:] + done.stderr
