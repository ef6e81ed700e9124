"""Seals secrets as JWE under a master key, and names secrets by keyed fingerprints; knows no store.

Compact JWE, A256GCMKW with A256GCM, as NVIDIA OSMO writes it (osmo.md section 2); nothing else is read. A fingerprint is
an HMAC: whoever holds the database alone can neither read a secret nor try guesses against it.

The master key file is YAML or JSON: `current: KID` names the key that seals, `keys:` lists JWKs (`kty: oct`, `kid`, `k` of
32 bytes in base64url; standard base64 is understood too). Older keys stay in the list as long as rows of theirs exist.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NewType

import yaml
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import SecretStr

from validator.errors import StoreError
from validator.jwe import opened

Fingerprint = NewType("Fingerprint", str)
"""HMAC-SHA256, hex, of (host, username, secret) or of (host, username)."""

ALGORITHM: Final = "A256GCMKW"
ENCRYPTION: Final = "A256GCM"
KEY_BYTES: Final = 32
MAX_TOKEN: Final = 64 * 1024
"""The longest JWE that is decoded, in characters: a vendor's longest token has 4 KiB."""

_REGISTRY: Final = jwe.JWERegistry(algorithms=[ALGORITHM, ENCRYPTION])
_KID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAX_FILE: Final = 1024 * 1024


class Why(StrEnum):
    """Why a sealed text cannot be opened."""

    NOT_SEALED = "it is no compact JWE"
    TOO_LONG = "it is longer than 64 KiB"
    NOT_ALLOWED = "it is not sealed by A256GCMKW with A256GCM alone"
    UNKNOWN_KEY = "its key is not among ours"
    BROKEN = "it does not open with its key: damaged, or sealed by another"
    NOT_TEXT = "what it seals is not UTF-8 text"


class Unreadable(ValueError):
    """A sealed text that cannot be opened; `reason` says why, `kid` names its key where it names one; never a value."""

    def __init__(self, reason: Why, kid: str = "") -> None:
        super().__init__(f"{reason} (key {kid})" if kid else str(reason))
        self.reason = reason
        self.kid = kid


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """Keys by their id; `current` seals, each of them opens."""

    current: str
    by_kid: Mapping[str, OctKey] = field(repr=False)

    @classmethod
    def read(cls, current: str, jwks: Iterable[Mapping[str, Any]]) -> MasterKeys:
        """From JWK mappings; raises ValueError (a clause without any key in it) if one cannot be used."""
        keys: dict[str, OctKey] = {}
        for number, jwk in enumerate(jwks, start=1):
            kid, text = jwk.get("kid"), jwk.get("k")
            if jwk.get("kty") != "oct" or not isinstance(kid, str) or not _KID.fullmatch(kid) or not isinstance(text, str):
                raise ValueError(f"key {number} is not a JWK with kty: oct and a kid and k in quotes")
            if kid in keys:
                raise ValueError(f"two keys have the id {kid}")
            keys[kid] = OctKey.import_key({"kty": "oct", "kid": kid, "k": _key_text(text, kid)})
        if current not in keys:
            raise ValueError("`current` names none of its keys")
        return cls(current, MappingProxyType(keys))

    @classmethod
    def made(cls) -> MasterKeys:
        """One new random key."""
        kid = secrets.token_hex(8)
        return cls.read(kid, [{"kty": "oct", "kid": kid, "k": _base64url(secrets.token_bytes(KEY_BYTES))}])

    def with_new(self) -> MasterKeys:
        """These and one new random key, which seals from now on."""
        new = MasterKeys.made()
        return MasterKeys(new.current, MappingProxyType({**new.by_kid, **self.by_kid}))

    def only(self, kids: Iterable[str]) -> MasterKeys:
        """The current key and those of `kids`."""
        return MasterKeys(self.current, MappingProxyType({kid: key for kid, key in self.by_kid.items() if kid == self.current or kid in set(kids)}))

    def raw(self, kid: str) -> bytes | None:
        """The key `kid`, in clear; None if it is not among them."""
        return self.by_kid[kid].raw_value if kid in self.by_kid else None

    def text(self) -> str:
        """The text of the key file. It holds the keys in clear."""
        jwks = [{"kty": "oct", "kid": kid, "k": _base64url(key.raw_value)} for kid, key in self.by_kid.items()]
        return json.dumps({"current": self.current, "keys": jwks}, indent=2) + "\n"


def _key_text(text: str, kid: str) -> str:
    """`k` as strict base64url without padding: OSMO's guides write it in standard base64 (osmo.md section 2)."""
    plain = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise ValueError(f"`k` of key {kid} is not base64") from None
    if len(raw) != KEY_BYTES:
        raise ValueError(f"`k` of key {kid} has {len(raw)} bytes, not {KEY_BYTES}")
    return _base64url(raw)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def load_master_keys(path: Path) -> MasterKeys:
    """The keys of the file at `path`; raises StoreError: missing, readable by others, or not of the form above."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"the master key {path} is not a file; name the key file by `key_file`")
        if found.st_mode & 0o077:
            raise StoreError(f"the master key file {path} may be read or written by others; do `chmod 600 {path}`")
        if found.st_size > _MAX_FILE:
            raise StoreError(f"the master key file {path} is longer than 1 MiB: it is another file")
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise StoreError(f"the master key file {path} is missing; put it back, or name it by `key_file`") from None
    except OSError as error:
        raise StoreError(f"the master key file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StoreError(f"the master key file {path} is not UTF-8 text") from None
    return _read_file(text, path)


def _read_file(text: str, path: Path) -> MasterKeys:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):  # their words quote the line, and the line is a key
        raise StoreError(f"the master key file {path} is neither YAML nor JSON") from None
    form = "it needs `current: KID` and `keys:`, a list of JWKs"
    if not isinstance(document, dict) or set(document) != {"current", "keys"}:
        raise StoreError(f"the master key file {path} cannot be used: {form}")
    current, jwks = document["current"], document["keys"]
    if not isinstance(current, str) or not isinstance(jwks, list) or not all(isinstance(jwk, dict) for jwk in jwks):
        raise StoreError(f"the master key file {path} cannot be used: {form}")
    try:
        return MasterKeys.read(current, jwks)
    except ValueError as error:
        raise StoreError(f"the master key file {path} cannot be used: {error}") from None


def make_master_keys(path: Path) -> MasterKeys:
    """Make the file at `path` (0600, its folder 0700) with one new key; a file that is there is never replaced.

    Where another process makes it at the same moment, one of the two files wins whole and both get its keys. Raises
    StoreError if it cannot be written. That no sealed row exists is the caller's to know.
    """
    keys = MasterKeys.made()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _make_folder(path.parent)
        draft.touch(mode=0o600, exist_ok=False)
        try:
            draft.write_text(keys.text(), encoding="utf-8")
            path.hardlink_to(draft)  # unlike a rename it fails if the file is there
        finally:
            draft.unlink()
    except FileExistsError:
        return load_master_keys(path)
    except OSError as error:
        raise StoreError(f"the master key file {path} cannot be made: {error.strerror}") from None
    return keys


def _make_folder(folder: Path) -> None:
    """Make what is missing of `folder`, each 0700; `parents=True` would give the parents the umask's mode."""
    for part in (*reversed(folder.parents), folder):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)


def seal(text: SecretStr, keys: MasterKeys) -> str:
    """`text` as a compact JWE under the current key; raises StoreError if it is too long or no UTF-8 text."""
    try:
        plain = text.get_secret_value().encode("utf-8")
    except UnicodeEncodeError:
        raise StoreError("the text to be sealed is not UTF-8; give it as UTF-8") from None
    if len(plain) > MAX_TOKEN // 2:
        raise StoreError("the text to be sealed is longer than 32 KiB; no registry's secret is")
    header = {"alg": ALGORITHM, "enc": ENCRYPTION, "kid": keys.current}
    return jwe.encrypt_compact(header, plain, keys.by_kid[keys.current], registry=_REGISTRY)


def unseal(token: str, keys: MasterKeys) -> SecretStr:
    """The text that `seal` sealed, under the key that its header names; raises Unreadable.

    Only A256GCMKW with A256GCM, no `zip`, no `crit`; every part must be in its one canonical encoding, so that no
    changed character goes unnoticed.
    """
    if len(token) > MAX_TOKEN:
        raise Unreadable(Why.TOO_LONG)
    plain = opened(token, keys.raw)
    try:
        return SecretStr((judged(token, keys) if plain is None else plain).decode("utf-8"))
    except UnicodeDecodeError:
        raise Unreadable(Why.NOT_TEXT, key_id(token)) from None


def judged(token: str, keys: MasterKeys) -> bytes:
    """What `token` seals, by joserfc, in whatever form it is; raises Unreadable."""
    header = _header(token)
    named = header.get("kid")
    kid = named if isinstance(named, str) and _KID.fullmatch(named) else ""
    if header.get("alg") != ALGORITHM or header.get("enc") != ENCRYPTION or "zip" in header or "crit" in header:
        raise Unreadable(Why.NOT_ALLOWED, kid)
    if kid not in keys.by_kid:
        raise Unreadable(Why.UNKNOWN_KEY, kid)
    try:
        return jwe.decrypt_compact(token, keys.by_kid[kid], registry=_REGISTRY).plaintext or b""
    except (JoseError, ValueError, TypeError, KeyError):  # joserfc raises all four for a header made by hand
        raise Unreadable(Why.BROKEN, kid) from None


def key_id(token: str) -> str:
    """The id of the key that `token` names, "" if it names none."""
    try:
        named = _header(token).get("kid") if len(token) <= MAX_TOKEN else None
    except Unreadable:
        return ""
    return named if isinstance(named, str) and _KID.fullmatch(named) else ""


def _header(token: str) -> dict[str, Any]:
    parts = token.split(".")
    try:
        raws = [base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True) for part in parts]
        canonical = len(parts) == 5 and all(_base64url(raw) == part for raw, part in zip(raws, parts, strict=True))
        header = json.loads(raws[0]) if canonical else None
    except (binascii.Error, ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise Unreadable(Why.NOT_SEALED)
    return header


_NAMES: Final = 1024


class Fingerprinter:
    """Names secrets by HMAC under a key of its own, so that equal ones are known as equal without being kept."""

    def __init__(self, key: SecretStr | bytes) -> None:
        raw = key.get_secret_value().encode("utf-8") if isinstance(key, SecretStr) else key
        if len(raw) < KEY_BYTES:
            raise ValueError(f"a fingerprint key has at least {KEY_BYTES} bytes")
        self._begun = HMAC(raw, SHA256())
        self._names: dict[tuple[str, str], Fingerprint] = {}

    def of(self, host: str, username: str, secret: SecretStr) -> Fingerprint:
        """The name of this secret of this username at this host."""
        return self._hmac("secret", host, username, secret.get_secret_value())

    def name(self, host: str, username: str) -> Fingerprint:
        """The name of a username at a host, for its failure budget; the last ones are remembered, for a login asks for it three times."""
        found = self._names.get((host, username))
        if found is None:
            if len(self._names) >= _NAMES:
                self._names.clear()
            found = self._names[host, username] = self._hmac("name", host, username)
        return found

    def mark(self, text: str) -> str:
        """A proof that this program wrote `text` (a session of the dashboard); compare it by `hmac.compare_digest`."""
        return str(self._hmac("mark", text))

    def _hmac(self, *parts: str) -> Fingerprint:
        """Each part with its length before it: ("ab", "c") and ("a", "bc") differ."""
        raws = [part.encode("utf-8", "surrogatepass") for part in parts]
        digest = self._begun.copy()
        digest.update(b"".join([len(raw).to_bytes(8, "big") + raw for raw in raws]))
        return Fingerprint(digest.finalize().hex())
