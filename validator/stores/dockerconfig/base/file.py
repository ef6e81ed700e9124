"""The file itself: which of its forms it has, and what is wrong with it in one sentence."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from validator.errors import StoreError
from validator.protocol.base import shown_text
from validator.stores.dockerconfig.base.manifest import pull_secrets
from validator.stores.dockerconfig.base.values import Config, Fields, NoConfig, old_source_of, read_json, source_of

MOST: Final = 1024 * 1024
"""The most that Kubernetes lets a Secret hold; a person's config has a few kilobytes."""

_CONFIG_FIELDS: Final = frozenset({"auths", "credsstore", "credhelpers", "httpheaders"})
_ENTRY_FIELDS: Final = frozenset({"auth", "username", "password"})


def read_config(path: Path) -> Config:
    """The file at `path`; raises StoreError, one sentence."""
    raw = _read_file(path)
    try:
        return _config(raw, path)
    except NoConfig as error:
        raise StoreError(f"the docker config {path} cannot be used: {error}.") from None


def _read_file(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:  # it refuses a folder itself
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise IsADirectoryError
            raw = file.read(MOST + 1)
    except IsADirectoryError:
        raise StoreError(f"the docker config {path} is not a file; name one by dockerconfig:PATH.") from None
    except FileNotFoundError:
        raise StoreError(f"there is no docker config {path}; log in by `docker login` first, or name another by dockerconfig:PATH.") from None
    except PermissionError:
        raise StoreError(f"the docker config {path} may not be read by this user; give it the right to.") from None
    except OSError as error:
        raise StoreError(f"the docker config {path} cannot be read: {error.strerror}.") from None
    if len(raw) > MOST:
        raise StoreError(f"the docker config {path} is longer than 1 MiB: it is another file.")
    return raw


def _config(raw: bytes, path: Path) -> Config:
    try:
        document = read_json(raw)
    except NoConfig:
        if b"kind:" not in raw:
            raise
        document = None
    if not isinstance(document, Fields):
        return Config(sources=pull_secrets(raw.decode("utf-8", "replace")), kubernetes=True)
    if document.get("kind") is not None and document.get("apiversion") is not None:
        return Config(sources=pull_secrets(raw.decode("utf-8", "replace")), kubernetes=True)
    name = shown_text(path.name)
    if _is_old_form(document):
        return Config(sources=(old_source_of(name, document),))
    source = source_of(name, document)
    if _is_of_kubernetes(path):
        return Config(sources=(source,), kubernetes=True)
    store, named = document.get("credsstore"), document.get("credhelpers")
    programs = {key: program for key, program in named.pairs if isinstance(program, str)} if isinstance(named, Fields) else {}
    return Config(sources=(source,), store_program=store if isinstance(store, str) else "", programs=programs)


def _is_old_form(document: Fields) -> bool:
    """True for `~/.dockercfg`: registries at the top, each with its pair."""
    if any(key.lower() in _CONFIG_FIELDS for key, _ in document.pairs):
        return False
    return any(isinstance(value, Fields) and _ENTRY_FIELDS & {key.lower() for key, _ in value.pairs} for _, value in document.pairs)


def _is_of_kubernetes(path: Path) -> bool:
    """True for a file that stands in a pod as a Secret was mounted: by its name, or by the folder `..data` that such files are linked to."""
    if path.name in (".dockerconfigjson", ".dockercfg"):
        return True
    return any(part.startswith("..") and len(part) > 2 for part in Path(os.path.realpath(path)).parts)
