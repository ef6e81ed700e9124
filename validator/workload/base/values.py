"""The images that a file names, and why a file cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from validator.errors import ConfigError
from validator.protocol.base import shown_text

MAX_IMAGES: Final = 1000
"""Of one file: aliases make many of few, and each costs the registry a question."""

MAX_IMAGE: Final = 4096
"""Characters of an image as written, its templates included."""


class Kind(StrEnum):
    """What wrote the file's grammar."""

    OSMO = "osmo"
    KUBERNETES = "kubernetes"
    COMPOSE = "compose"


class UnreadableWorkload(ConfigError):
    """The operator's file names no images that we could tell. One sentence: file, line, what, what to do; nothing that stands in the file."""

    def __init__(self, file: str, line: int | None, what: str) -> None:
        where = "standard input" if file == "-" else shown_text(file)
        super().__init__(f"{where}{'' if line is None else f', line {line}'}: {what}")
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One image that a file names.

    `image` is as written, templates expanded where they could be. `task` is the task's, container's or service's name, "" where
    it has none. `line` counts from 1 in the file, where the image's value stands. `group` is an index of `Workload.groups`.
    `platform` ("linux/arm64") is what the file itself demands for it; `platform_name` an OSMO platform, whose meaning only
    OSMO's pools know. `unrendered` is the variable for which the file has no value: then `image` still holds a template.
    """

    image: str
    file: str
    task: str = ""
    line: int | None = None
    group: int = 0
    platform: str | None = None
    platform_name: str | None = None
    unrendered: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullGroup:
    """Images that share their pull secrets: an OSMO group (osmo.md 3.2), a pod, a compose service.

    `name` is for people ("training", "Deployment/web"). `namespace` and `pull_secrets` are a pod's, as written; those of its
    service account are only in the cluster.
    """

    name: str = ""
    namespace: str | None = None
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The images of one file, in its order. `whole` is False where an unexpanded template may name more of them."""

    kind: Kind
    named: tuple[Named, ...] = ()
    groups: tuple[PullGroup, ...] = ()
    whole: bool = True
