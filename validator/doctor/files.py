"""The files that the settings name, and the settings' own: who may read and write them. None is opened here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from validator.config import Settings
from validator.doctor.base import Finding, found


def look_at_files(settings: Settings, source: Path | None) -> list[Finding]:
    """The findings; `source` is the settings' file, None for none."""
    code = "settings_default" if source is None else "settings_open" if _mode(source) & stat.S_IWOTH else "settings_read"
    return [found(code, str(source or "")), *(finding for name, path in _secret_files(settings) for finding in _secret(name, path))]


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _secret_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Each file that holds a secret of the operator's, by its setting; the master key is the store's to look at."""
    network, webhook, tls = settings.network, settings.notices.webhook, settings.api.tls
    if network.proxy_auth_file is not None:
        yield "network.proxy_auth_file", network.proxy_auth_file
    if webhook is not None and webhook.secret_file is not None:
        yield "notices.webhook.secret_file", webhook.secret_file
    if tls.key_file is not None:
        yield "api.tls.key_file", tls.key_file
    for host, said in settings.registries.items():
        if said.canary is not None:
            yield f"registries.{host}.canary.secret_file", said.canary.secret_file


def _secret(name: str, path: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield found("file_missing", str(path), setting=name, why=(error.strerror or "unreadable").lower())
        return
    if not stat.S_ISREG(mode) or not os.access(path, os.R_OK, effective_ids=True):
        yield found("file_missing", str(path), setting=name, why="this user may not read it" if stat.S_ISREG(mode) else "it is no file")
    elif mode & (stat.S_IRWXO | stat.S_IWGRP):  # a group that may read is how containers are given secrets
        yield found("file_open", str(path), setting=name)
