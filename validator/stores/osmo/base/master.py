"""OSMO's master keys (MEKs), as its file holds them, and read anew when it changed (osmo.md section 2).

The file is OSMO's settings file too, with passwords in it: what is not about keys is never looked at, and nothing of it is
repeated in an error.
"""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog
import yaml
from joserfc.jwk import OctKey

from validator.errors import StoreError
from validator.sealing import MasterKeys, Unreadable, unseal

_MOST: Final = 1024 * 1024
_MARK = tuple[int, int, int]


class MasterFile:
    """The keys of the file at `path`. A file that cannot be read any more leaves those of before, and is tried again."""

    def __init__(self, path: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> None:
        self.path = path
        self._read = read
        self.version = 0
        """Another one for another content."""
        self._mark: _MARK | None = None
        self._keys: MasterKeys | None = None
        self._said = ""

    def keys(self) -> MasterKeys:
        """What the file holds now. Raises StoreError, one sentence, if it cannot be read and never could."""
        try:
            mark = _mark_of(self.path)
            if self._keys is None or mark != self._mark:
                self._keys, self._mark, self._said = _read_keys(self.path, self._read(self.path)), mark, ""
                self.version += 1
        except OSError as error:
            self._keep(StoreError(f"OSMO's key file {self.path} cannot be read: {error.strerror}; name it by `osmo.mek_file`"))
        except StoreError as error:
            self._keep(error)
        assert self._keys is not None
        return self._keys

    def _keep(self, error: StoreError) -> None:
        if self._keys is None:
            raise error from None
        if str(error) != self._said:
            self._said = str(error)
            structlog.get_logger().warning("key_file_unreadable", why=str(error))


def _mark_of(path: Path) -> _MARK:
    """Another one for another content; a secret that is mounted into a pod is swapped by a link to another folder."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"OSMO's key file {path} is not a file; name it by `osmo.mek_file`")
    if found.st_size > _MOST:
        raise StoreError(f"OSMO's key file {path} is longer than 1 MiB: it is another file")
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read_keys(path: Path, raw: bytes) -> MasterKeys:
    form = f"OSMO's key file {path} cannot be used: it needs `currentMek: NAME` and `meks: {{NAME: BASE64 of a JWK}}`"
    try:
        document = yaml.safe_load(raw.decode("utf-8"))
    except (yaml.YAMLError, RecursionError, ValueError):  # their words quote the line, and the line is a key
        raise StoreError(f"OSMO's key file {path} is not YAML") from None
    if not isinstance(document, dict) or not isinstance(document.get("currentMek"), str) or not isinstance(document.get("meks"), dict):
        raise StoreError(form)
    current, jwks = document["currentMek"], dict[str, dict[str, Any]]()
    for number, (name, text) in enumerate(document["meks"].items(), start=1):
        jwk = _jwk(text)
        if jwk is None or not isinstance(name, str):
            raise StoreError(f"{form}; its key {number} is none")
        kid = jwk.get("kid")
        jwks[name] = {**jwk, "kid": name}
        if isinstance(kid, str):
            jwks.setdefault(kid, jwk)  # OSMO names new keys by the JWK's own id, and looks them up by the file's
    try:
        return MasterKeys.read(current, jwks.values())
    except ValueError as error:
        raise StoreError(f"OSMO's key file {path} cannot be used: {error}") from None


def _jwk(text: object) -> dict[str, Any] | None:
    try:
        found = json.loads(base64.b64decode(text, validate=False)) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def users_keys(keys: Mapping[str, object], sealed_by: MasterKeys) -> tuple[MasterKeys | None, dict[str, str]]:
    """A user's keys (UEKs) out of a row of `ueks`, opened; and for each that does not open, by its id, why (a clause without a value)."""
    opened, faults = dict[str, OctKey](), dict[str, str]()
    for kid, token in keys.items():
        if kid == "current" or not isinstance(token, str):
            continue
        try:
            jwk = json.loads(unseal(token, sealed_by).get_secret_value())
            opened |= MasterKeys.read(kid, [{**jwk, "kid": kid}]).by_kid
        except Unreadable as error:
            faults[kid] = f"OSMO's key file does not open its user's key: {error}"
        except (ValueError, TypeError, RecursionError):
            faults[kid] = "its user's key is no key"
    return (MasterKeys(next(iter(opened)), opened) if opened else None), faults
