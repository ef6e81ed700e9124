"""Loopback registries that answer as the real ones do: for the demo, for tests, and for anybody's own CI.

`python -m validator.emulator` runs them alone. Each knows accounts, keys and repositories in states, and no test case
and no verdict; it imports nothing of `validator.protocol`, because one misreading on both sides would prove nothing.

Beside these are `plain` (any registry's generic ways, with presets such as Harbor's and Gitea's), `quay`, `google`, `aws`, `azure`,
`artifactory`, `clouds` and `hostile`, which the command does not start.

`EMULATED` holds the classes of the vendors in the order in which they are started; it and each class by its name are
imported when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from validator.emulator.base import Emulated
    from validator.emulator.dockerhub import DockerHub
    from validator.emulator.ghcr import Ghcr
    from validator.emulator.gitlab import Gitlab
    from validator.emulator.ngc import Ngc

    EMULATED: tuple[type[Emulated], ...]

__all__ = ["EMULATED", "DockerHub", "Ghcr", "Gitlab", "Ngc"]

_MODULES: Final = {"Ngc": "ngc", "DockerHub": "dockerhub", "Ghcr": "ghcr", "Gitlab": "gitlab"}


def __getattr__(name: str) -> Any:
    if name == "EMULATED":
        return tuple(__getattr__(one) for one in _MODULES)
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
