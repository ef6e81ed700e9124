"""Apprise's URLs: filled in for one user, read by apprise, and never shown; apprise is imported when the first is needed."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from pydantic import SecretStr

_NAMED: Final = {"{user}", "{address}"}
_LOCK: Final = threading.Lock()


def wants_address(template: SecretStr) -> bool:
    """True if the URL has a place for a user's address."""
    return "{address}" in template.get_secret_value()


def wants_user(template: SecretStr) -> bool:
    """True if the URL has a place for a user's name."""
    return "{user}" in template.get_secret_value()


def filled(template: SecretStr, user: str, address: str | None) -> SecretStr:
    """The URL for one user; every character of a value that could end a part of it is percent-encoded."""
    text = template.get_secret_value()
    for place, value in (("{user}", user), ("{address}", address or "")):
        text = text.replace(place, quote(value, safe=""))
    return SecretStr(text)


def loaded(url: SecretStr) -> Any:
    """The service that the URL is of, or None if apprise knows none or cannot use it. Blocks: call it in a thread."""
    with quiet():
        make, asset = _apprise()
        return make(url.get_secret_value(), asset=asset)


@cache
def _apprise() -> tuple[Any, Any]:
    """How it reads a URL, and its settings: nothing is kept on disk. All of its services are read once; some are of older times."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise, AppriseAsset
        from apprise.common import PersistentStoreMode

        asset = AppriseAsset(storage_mode=PersistentStoreMode.MEMORY, async_mode=False, secure_logging=True)
        Apprise.instantiate("json://localhost", asset=asset)
        return Apprise.instantiate, asset


def scheme_of(template: SecretStr) -> str:
    """The URL's scheme, lower-case: all of it that is ever shown."""
    return template.get_secret_value().partition("://")[0].lower()


@contextmanager
def quiet(level: int = logging.CRITICAL + 1) -> Iterator[None]:
    """Apprise logs whole URLs: while this is open nothing of it reaches a handler of ours; results may still quote from `level`."""
    logger = logging.getLogger("apprise")
    with _LOCK:
        before = logger.level, logger.propagate
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            logger.addHandler(logging.NullHandler())
        logger.setLevel(level)
        logger.propagate = False
        try:
            yield
        finally:
            logger.setLevel(before[0])
            logger.propagate = before[1]
