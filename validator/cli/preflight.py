"""`validator preflight`: will these images be pulled with what a user has stored?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from validator.cli.base.options import (
    AllowPrivate,
    CaFile,
    Ephemeral,
    Leave,
    PlainHttp,
    RealmHost,
    ReportFormat,
    ReportFormatOption,
    read_settings,
)
from validator.cli.base.running import guarded, leave, put, read_input, run, say

if TYPE_CHECKING:
    from validator.config import Settings
    from validator.preflight import Foretelling, Wanted
    from validator.workload import Workload


class Puller(StrEnum):
    """Who will pull the images."""

    KUBELET = "kubelet"
    DOCKER = "docker"


class Unknown(StrEnum):
    """What an image that nothing is known of means for the exit code."""

    REPORT = "report"
    ALLOW = "allow"
    BLOCK = "block"


def preflight(
    images: Annotated[list[str] | None, typer.Argument(help="Images, as a workflow names them.", metavar="IMAGE...")] = None,
    workflow: Annotated[
        list[str] | None,
        typer.Option("--workflow", help="An OSMO workflow, Kubernetes manifest or compose file; -: standard input. May be repeated.", metavar="FILE"),
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="The arguments are files, each as with --workflow: so pre-commit names them.")] = False,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A template's value. May be repeated.", metavar="NAME=VALUE")] = None,
    set_string: Annotated[list[str] | None, typer.Option("--set-string", help="The same, never a number.", metavar="NAME=VALUE")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Whose credentials.", metavar="NAME")] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", help="The nodes' platform, such as linux/amd64, or its name in the settings.", metavar="P")
    ] = None,
    deadline: Annotated[float | None, typer.Option("--deadline", help="Seconds; what is not known by then is unknown.", metavar="S")] = None,
    as_: Annotated[
        Puller, typer.Option("--as", help="Who pulls; docker takes identity tokens and credential helpers of a docker config, too.")
    ] = Puller.KUBELET,
    on_unknown: Annotated[Unknown | None, typer.Option("--on-unknown", help="Exit code for unknown: 3, 0 or 1.")] = None,
    format_: ReportFormatOption = ReportFormat.TEXT,
    plain_http: PlainHttp = None,
    allow_private: AllowPrivate = None,
    realm_host: RealmHost = None,
    ca_file: CaFile = None,
    ephemeral: Ephemeral = False,
) -> None:
    """Say for every IMAGE whether a cluster will pull it with this user's credentials, and if not, why."""
    allowed = Leave(plain_http or (), allow_private or (), realm_host or (), ca_file or ())
    named, workflows = images or [], workflow or []
    if files:
        named, workflows = [], [*workflows, *named]
    asked = guarded(lambda: _asked(named, workflows, set_ or [], set_string or [], platform, deadline, allowed))
    shown, code = run(lambda: _preflight(asked, user, on_unknown, format_, as_docker=as_ is Puller.DOCKER, ephemeral=ephemeral))
    put(shown)
    leave(code)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line asks: the images of arguments and files by what platforms' names mean, and the settings of this run."""

    wanted: Callable[[Mapping[str, Sequence[str]]], tuple[Wanted, ...]]
    settings: Settings
    deadline_s: float


def _asked(
    images: list[str], files: list[str], values: list[str], strings: list[str], platform: str | None, deadline: float | None, allowed: Leave
) -> _Asked:  # fmt: skip
    """Read the files before anything is asked. Raises UsageError and ConfigError, one sentence each."""
    from validator.errors import UsageError
    from validator.postgres import is_postgres
    from validator.preflight import Wanted
    from validator.preflight.wanted import given_platforms, wanted_in

    if not images and not files:
        raise UsageError("name at least one image, or a file with --workflow.")
    if deadline is not None and not 0 < deadline <= 3600:
        raise UsageError("--deadline must be more than 0 and at most 3600 seconds.")
    given, texts = _pairs(values, "--set"), _pairs(strings, "--set-string")
    workloads = [_workload(file, given, texts) for file in dict.fromkeys(files)]
    named = [*images, *(one.image for workload in workloads for one in workload.named if one.unrendered is None)]
    settings = read_settings(allowed, _hosts(named))

    def wanted(names: Mapping[str, Sequence[str]]) -> tuple[Wanted, ...]:
        default = given_platforms(platform, names)
        made = [Wanted(image=image, platforms=default) for image in images]
        first_group = 1
        for workload in workloads:
            made += wanted_in(workload, names, default, first_group=first_group)
            first_group += max(len(workload.groups), 1)
        return tuple(made)

    if not is_postgres(settings.store):  # OSMO's names are known when its database is open
        wanted(settings.preflight.platforms)
    return _Asked(wanted, settings, deadline if deadline is not None else settings.preflight.deadline_s)


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    from validator.errors import UsageError

    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} must be NAME=VALUE.")
        pairs[name] = value
    return pairs


def _workload(file: str, values: dict[str, str], strings: dict[str, str]) -> Workload:
    from validator.errors import UsageError
    from validator.workload import MAX_BYTES, read_workload

    try:
        if file == "-":
            text = read_input(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                text = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"--workflow {file} cannot be read: {error.strerror}; correct the path.") from None
    except ValueError:
        raise UsageError("--workflow names no file that there can be; correct the path.") from None
    return read_workload(text, file, values=values, strings=strings)


async def _preflight(
    asked: _Asked, user: str | None, on_unknown: Unknown | None, format_: ReportFormat, *, as_docker: bool, ephemeral: bool
) -> tuple[str, int]:  # fmt: skip
    from validator.app import auths_key, held_as_docker, held_by, open_app
    from validator.cli.base.options import this_user
    from validator.config import AuthsKey
    from validator.preflight import Preflight

    owner, settings = this_user(user), asked.settings
    started = time.monotonic()
    async with open_app(settings, ephemeral=ephemeral, must_keep=False) as app:
        if app.opened.warning:
            say(f"validator: {app.opened.warning}")
        wanted = asked.wanted(app.settings.preflight.platforms)
        held = await (held_as_docker(app.opened, owner, _domains(wanted)) if as_docker else held_by(settings, app.opened, owner))
        keys = AuthsKey.AS_WRITTEN if as_docker else auths_key(settings)
        async with Preflight(app.probe, keys, makes_controls=False) as preflight:
            told = await preflight.foretell(wanted, held, deadline_s=asked.deadline_s)
    took_ms = (time.monotonic() - started) * 1000
    return _written(told, took_ms, format_), _code(told, Unknown(on_unknown or settings.preflight.on_unknown.value))


def _written(told: Foretelling, took_ms: float, format_: ReportFormat) -> str:
    from validator import __version__
    from validator.preflight.shown import findings, foretelling_json, foretelling_text
    from validator.reporting import junit, sarif

    match format_:
        case ReportFormat.TEXT:
            return foretelling_text(told)
        case ReportFormat.JSON:
            return json.dumps(foretelling_json(told, took_ms))
        case ReportFormat.JUNIT:
            return junit("preflight", findings(told))
        case ReportFormat.SARIF:
            return sarif("preflight", __version__, findings(told))
        case never:
            assert_never(never)


def _domains(wanted: Sequence[Wanted]) -> tuple[str, ...]:
    """The registries of the images, as they are written."""
    from validator.protocol.reference import InvalidReference, parse_reference

    domains: list[str] = []
    for one in wanted:
        with suppress(InvalidReference):
            domains.append(parse_reference(one.image).domain)
    return tuple(dict.fromkeys(domains))


def _hosts(images: list[str]) -> tuple[str, ...]:
    from validator.credential import UnreadableRegistry, canonical_host
    from validator.protocol.reference import InvalidReference, parse_reference

    hosts: list[str] = []
    for image in images:
        try:
            hosts.append(canonical_host(parse_reference(image).domain))
        except (InvalidReference, UnreadableRegistry):
            continue
    return tuple(dict.fromkeys(hosts))


def _code(told: Foretelling, on_unknown: Unknown) -> int:
    from validator.cli.base.show import exit_of_image, worst
    from validator.errors import Exit
    from validator.verdict import ImageOutcome

    meaning = {Unknown.REPORT: Exit.CANNOT_TELL, Unknown.ALLOW: Exit.GOOD, Unknown.BLOCK: Exit.BAD}[on_unknown]
    codes = [meaning if one.verdict.outcome is ImageOutcome.UNKNOWN else exit_of_image(one.verdict.outcome) for one in told.images]
    return int(worst(*codes))
