"""OSMO's database as OSMO makes it, and rows that jwcrypto seals, the library that OSMO itself uses: an independent writer.

The definitions are OSMO's facts, not ours; nothing of `validator.sealing` is used here.
"""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from jwcrypto import jwe, jwk  # type: ignore[import-untyped]  # it ships no types

from validator.emulator.osmo import TABLES

__all__ = ["PLUS", "TABLES", "House", "sealed"]

PLUS: Final = base64.b64encode(bytes.fromhex("fbefbeff") * 8).decode()
"""A key that standard base64 writes with `+`, `/` and `=`, as OSMO's guides make them."""


def sealed(text: str, key: Any) -> str:
    """`text` as OSMO stores it."""
    header = {"alg": "A256GCMKW", "enc": "A256GCM", "kid": key["kid"]}
    token = jwe.JWE(text.encode(), json.dumps(header))
    token.add_recipient(key)
    return str(token.serialize(compact=True))


@dataclass(slots=True)
class House:
    """One database of OSMO's shape, and its key file."""

    connection: psycopg.Connection[Any]
    file: Path
    url: str = ""
    meks: dict[str, Any] = field(default_factory=dict)
    current: str = "key1"
    keys: dict[str, Any] = field(default_factory=dict)

    def settings(self, **osmo: Any) -> dict[str, Any]:
        """What a program's settings are to say of it."""
        return {"store": self.url, "key_file": str(self.file.with_name("master.key")), "osmo": {"mek_file": str(self.file), **osmo}}

    def add_mek(self, name: str, k: str | None = None) -> None:
        """One more master key, the current one from now on."""
        raw = k or base64.b64encode(uuid.uuid4().bytes + uuid.uuid4().bytes).decode()
        self.meks[name] = jwk.JWK(kty="oct", kid=name, k=raw)
        self.current = name
        self.write_file()

    def write_file(self, *leave_out: str) -> None:
        """The key file, which is OSMO's settings file too."""
        texts = {name: {"k": key.export(as_dict=True)["k"], "kid": name, "kty": "oct"} for name, key in self.meks.items() if name not in leave_out}
        lines = [f"  {name}: {base64.b64encode(json.dumps(jwk_).encode()).decode()}" for name, jwk_ in texts.items()]
        self.file.write_text("\n".join([f"currentMek: {self.current}", "meks:", *lines, "postgres_password: not-for-us", ""]))

    def user(self, name: str, *, mail: bool | None = None, chat: bool | None = None, profile: bool = True) -> Any:
        """The user's key; a new user gets the rows that OSMO makes, in its order."""
        if name not in self.keys:
            kid = uuid.uuid4().hex
            key = jwk.JWK.generate(kty="oct", size=256, kid=kid)
            self.keys[name] = key
            self.connection.execute("INSERT INTO users (id) VALUES (%s)", (name,))
            if profile:
                values = (name, chat, mail)
                self.connection.execute("INSERT INTO profile (user_name, slack_notification, email_notification) VALUES (%s, %s, %s)", values)
            self.put_keys(name, {"current": kid, kid: sealed(key.export(), self.meks[self.current])})
        return self.keys[name]

    def put_keys(self, user: str, keys: dict[str, str]) -> None:
        """The user's row of keys, over what was there."""
        statement = "INSERT INTO ueks VALUES (%s, hstore(%s::text[], %s::text[])) ON CONFLICT (uid) DO UPDATE SET keys = excluded.keys"
        self.connection.execute(statement, (user, list(keys), list(keys.values())))

    def seal(self, user: str, text: str, layers: int = 1) -> str:
        """Sealed under the user's key; sealed over as OSMO's reader does."""
        for _ in range(layers):
            text = sealed(text, self.user(user))
        return text

    def add(self, user: str, name: str, profile: str | None, username: str = "u", auth: str = "s", *, kind: str = "REGISTRY") -> None:
        """What `osmo credential set` stores."""
        self.add_as_it_is(user, name, profile, {"username": self.seal(user, username), "auth": self.seal(user, auth)}, kind=kind)

    def add_as_it_is(self, user: str, name: str, profile: str | None, payload: dict[str, str | None], *, kind: str = "REGISTRY") -> None:
        """A row with exactly this payload."""
        self.user(user)
        statement = "INSERT INTO credential VALUES (%s, %s, %s::credential_type, %s, hstore(%s::text[], %s::text[]))"
        self.connection.execute(statement, (user, name, kind, profile, list(payload), list(payload.values())))

    def set(self, user: str, name: str, **payload: str) -> None:
        """OSMO writes these values of a row anew."""
        for key, value in payload.items():
            statement = "UPDATE credential SET payload = payload || hstore(%s, %s) WHERE user_name = %s AND cred_name = %s"
            self.connection.execute(statement, (key, self.seal(user, value), user, name))

    def disable(self, *scopes: str) -> None:
        """OSMO's operator wants these unchecked."""
        value = json.dumps({"disable_registry_validation": list(scopes)})
        self.connection.execute("INSERT INTO configs VALUES ('credential_config', %s, 'WORKFLOW')", (value,))

    def backend_images(self, registry: str, username: str = "u", auth: str = "s", *, clear: bool = False) -> None:
        """OSMO's setting of the credential of its own images, over what was there; `clear`: as it is until OSMO reads it next."""
        token = auth if clear else sealed(auth, self.meks[self.current])
        self.put_backend_images(json.dumps({"init": "i", "credential": {"registry": registry, "username": username, "auth": token}}))

    def put_backend_images(self, value: str) -> None:
        """The setting with exactly this text."""
        statement = "INSERT INTO configs VALUES ('backend_images', %s, 'WORKFLOW') ON CONFLICT (key, type) DO UPDATE SET value = excluded.value"
        self.connection.execute(statement, (value,))

    def dump(self) -> list[Any]:
        """Everything that is OSMO's, to see that nobody wrote it."""
        tables = ("users", "profile", "ueks", "credential", "configs", "pools")
        return [self.connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]
