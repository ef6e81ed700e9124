"""A database of NVIDIA OSMO's shape: its tables as it makes them, and credentials sealed as it seals them.

For trying the program out beside OSMO without an OSMO, for the demo and for proofs. `python -m validator.emulator.osmo` builds one of any
size. Users get keys of their own, sealed under a master key in a file of OSMO's form.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from joserfc import jwe
from joserfc.jwk import OctKey

TABLES: Final = """
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
CREATE TYPE credential_type AS ENUM ('GENERIC', 'REGISTRY', 'DATA');
CREATE TYPE config_type AS ENUM ('SERVICE', 'WORKFLOW');
CREATE TABLE users (id TEXT PRIMARY KEY, created_at TIMESTAMPTZ NOT NULL DEFAULT now(), created_by TEXT);
CREATE TABLE profile (
    user_name TEXT PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE, slack_notification BOOLEAN, email_notification BOOLEAN,
    bucket TEXT, pool TEXT);
CREATE TABLE ueks (uid TEXT PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE, keys HSTORE);
CREATE TABLE credential (
    user_name TEXT NOT NULL, cred_name TEXT NOT NULL, cred_type credential_type, profile TEXT, payload HSTORE NOT NULL,
    CONSTRAINT credential_pkey PRIMARY KEY (user_name, cred_name), CONSTRAINT unique_cred UNIQUE (user_name, profile));
CREATE TABLE configs (key TEXT, value TEXT, type config_type, PRIMARY KEY (key, type));
CREATE TABLE pools (name TEXT PRIMARY KEY, backend TEXT, default_platform TEXT, platforms JSONB);
"""
"""As far as the program looks at them (and beyond, so that it can be seen to look no further)."""
_REGISTRY: Final = jwe.JWERegistry(algorithms=["A256GCMKW", "A256GCM"])


@dataclass(frozen=True, slots=True)
class Stored:
    """One registry credential. `profile` is the registry as OSMO keeps it; `layers`: how often OSMO's reader sealed its username over."""

    user: str
    name: str
    profile: str
    username: str
    secret: str = field(repr=False)
    layers: int = 1


@dataclass(slots=True)
class Osmo:
    """Builds a database and its key file; `connection` is psycopg's, its owner's."""

    connection: Any
    mek_file: Path
    mek: str = "key1"
    _mek: OctKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        raw = secrets.token_bytes(32)
        self._mek = OctKey.import_key({"kty": "oct", "kid": self.mek, "k": _base64url(raw)})
        jwk = json.dumps({"k": base64.b64encode(raw).decode("ascii"), "kid": self.mek, "kty": "oct"})  # as OSMO's guides have it
        text = f"currentMek: {self.mek}\nmeks:\n  {self.mek}: {base64.b64encode(jwk.encode()).decode('ascii')}\n"
        descriptor = os.open(self.mek_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        self.connection.execute(TABLES)

    def fill(self, credentials: Iterable[Stored], *, mail: bool = True) -> int:
        """Store these, in the order of their users; how many they were. Each user is given a key, and asks for mail (`mail`)."""
        number = 0
        users: dict[str, OctKey] = {}
        rows = list[tuple[str, str, str, str, str]]()
        for one in credentials:
            key = users.get(one.user)
            if key is None:
                key = users[one.user] = _new_key()
            username = one.username
            for _ in range(one.layers):
                username = _sealed(username, key)
            rows.append((one.user, one.name, "REGISTRY", one.profile, _hstore({"username": username, "auth": _sealed(one.secret, key)})))
            number += 1
        keys = ((user, _hstore({"current": str(key.kid), str(key.kid): _sealed(_exported(key), self._mek)})) for user, key in users.items())
        with self.connection.cursor() as cursor:
            for table, columns, found in (
                ("users", "id", ((user,) for user in users)),
                ("profile", "user_name, email_notification", ((user, mail) for user in users)),
                ("ueks", "uid, keys", keys),
                ("credential", "user_name, cred_name, cred_type, profile, payload", rows),
            ):
                with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                    for row in found:
                        copy.write_row(row)
        return number

    def set_backend_images(self, registry: str, username: str, secret: str) -> None:
        """The credential that OSMO pulls its own images with, in its settings: the secret alone is sealed, by the master key."""
        value = json.dumps({"credential": {"registry": registry, "username": username, "auth": _sealed(secret, self._mek)}})
        self.connection.execute("INSERT INTO configs (key, value, type) VALUES ('backend_images', %s, 'WORKFLOW')", (value,))


def _new_key() -> OctKey:
    return OctKey.import_key({"kty": "oct", "kid": secrets.token_hex(16), "k": _base64url(secrets.token_bytes(32))})


def _exported(key: OctKey) -> str:
    return json.dumps({"k": _base64url(key.raw_value), "kid": key.kid, "kty": "oct"}, separators=(",", ":"))


def _sealed(text: str, key: OctKey) -> str:
    header = {"alg": "A256GCMKW", "enc": "A256GCM", "kid": key.kid}
    return jwe.encrypt_compact(header, text.encode(), key, registry=_REGISTRY)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _hstore(values: Mapping[str, str]) -> str:
    """As text: the values are JWEs, which need no quoting beyond this."""
    return ", ".join(f'"{name}"=>"{value}"' for name, value in values.items())


__all__ = ["TABLES", "Osmo", "Stored"]
