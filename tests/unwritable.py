"""A folder that this process may not write, also where it runs as root, which may write everything."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NOBODY: Final = 65534


@contextmanager
def reachable() -> Iterator[Path]:
    """A folder that every user can reach: pytest's own are for one alone."""
    home = Path(tempfile.mkdtemp(prefix="validator-life-"))
    home.chmod(0o777)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def kept_in(folder: Path) -> dict[str, str]:
    """The settings of a store and key in this folder."""
    return {"store": f"sqlite:///{folder}/validator.db", "key_file": str(folder / "master.key")}


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """While this is open, nothing in `folder` can be written; root is nobody meanwhile, who owns what is in it."""
    root = os.geteuid() == 0
    inside = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in inside}
    for path in inside:
        if root:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(modes[path] & 0o555)
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for path, mode in modes.items():
            if root:
                os.chown(path, 0, 0)
            path.chmod(mode)
