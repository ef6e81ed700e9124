"""The images that a file or a command line names, as a pre-flight wants them: their groups, platforms and places. Pure but for templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from validator.errors import UsageError
from validator.preflight.base import Place, Wanted
from validator.protocol.manifest import Platform, parse_platform
from validator.workload import Named, Workload

MORE: Final = "{{...}}"
"""What stands for the images that a file may name besides, where its template could not be expanded."""

Names = Mapping[str, Sequence[str]]
"""`preflight.platforms` of the settings."""


def given_platforms(text: str | None, names: Names) -> tuple[Platform, ...]:
    """What `--platform` means: a name of the settings, or a platform itself; none if it is not given. Raises UsageError."""
    if text is None:
        return ()
    if text in names:
        return tuple(parse_platform(one) for one in names[text])
    try:
        return (parse_platform(text),)
    except ValueError as error:
        raise UsageError(f"--platform: {error}, or a name of preflight.platforms in the settings.") from None


def wanted_in(workload: Workload, names: Names, default: tuple[Platform, ...] = (), *, first_group: int = 0) -> tuple[Wanted, ...]:
    """The images of one file. A platform that the file demands for a task goes before `default`; its groups begin at `first_group`."""
    wanted = tuple(
        Wanted(
            image=one.image, group=first_group + one.group, platforms=_platforms(one, names) or default,
            place=Place(file=one.file, line=one.line, task=one.task), unrendered=one.unrendered,
        )
        for one in workload.named
    )  # fmt: skip
    if workload.whole:
        return wanted
    place = Place(file=workload.named[0].file) if workload.named else None
    return (*wanted, Wanted(image=MORE, group=first_group, place=place, unrendered="?"))


def _platforms(named: Named, names: Names) -> tuple[Platform, ...]:
    """What the task's nodes are, if that is known. One that no registry's index could name judges nothing."""
    if named.platform_name is not None:
        return tuple(parse_platform(one) for one in names.get(named.platform_name, ()))
    try:
        return (parse_platform(named.platform),) if named.platform is not None else ()
    except ValueError:
        return ()
