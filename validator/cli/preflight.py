"""`validator preflight`: will these images be pulled with what a user has stored?"""

from __future__ import annotations

import json
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from validator.cli.base.options import AllowPrivate, CaFile, Ephemeral, Format, FormatOption, Leave, PlainHttp, RealmHost, read_settings
from validator.cli.base.running import fail, leave, put, run, say

if TYPE_CHECKING:
    from validator.preflight import Foretelling


class Unknown(StrEnum):
    """What an image that nothing is known of means for the exit code."""

    REPORT = "report"
    ALLOW = "allow"
    BLOCK = "block"


def preflight(
    images: Annotated[list[str] | None, typer.Argument(help="Images, as a workflow names them.", metavar="IMAGE...")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Whose credentials.", metavar="NAME")] = None,
    platform: Annotated[str | None, typer.Option("--platform", help="The nodes' platform, such as linux/amd64.", metavar="P")] = None,
    deadline: Annotated[float | None, typer.Option("--deadline", help="Seconds; what is not known by then is unknown.", metavar="S")] = None,
    on_unknown: Annotated[Unknown | None, typer.Option("--on-unknown", help="Exit code for unknown: 3, 0 or 1.")] = None,
    format_: FormatOption = Format.TEXT,
    plain_http: PlainHttp = None,
    allow_private: AllowPrivate = None,
    realm_host: RealmHost = None,
    ca_file: CaFile = None,
    ephemeral: Ephemeral = False,
) -> None:
    """Say for every IMAGE whether a cluster will pull it with this user's credentials, and if not, why."""
    from validator.errors import UsageError

    if not images:
        fail(UsageError("name at least one image."))
    if deadline is not None and not 0 < deadline <= 3600:
        fail(UsageError("--deadline must be more than 0 and at most 3600 seconds."))
    allowed = Leave(plain_http or (), allow_private or (), realm_host or (), ca_file or ())
    shown, code = run(lambda: _preflight(images, user, platform, deadline, on_unknown, allowed, ephemeral=ephemeral))
    put(json.dumps(shown) if format_ is Format.JSON else _text(shown))
    leave(code)


async def _preflight(
    images: list[str], user: str | None, platform: str | None, deadline: float | None, on_unknown: Unknown | None, allowed: Leave, *, ephemeral: bool
) -> tuple[dict[str, Any], int]:  # fmt: skip
    from validator.app import open_app, open_kept
    from validator.cli.base.options import this_user
    from validator.errors import UsageError
    from validator.preflight import Preflight, Wanted, foretelling_json
    from validator.protocol.manifest import parse_platform

    try:
        platforms = (parse_platform(platform),) if platform is not None else ()
    except ValueError as error:
        raise UsageError(f"--platform: {error}.") from None
    owner = this_user(user)
    settings = read_settings(allowed, _hosts(images))
    started = time.monotonic()
    async with open_app(settings, ephemeral=ephemeral, must_keep=False) as app:
        if app.opened.warning:
            say(f"validator: {app.opened.warning}")
        async with open_kept(settings, app.opened) as store:
            held = [one async for one in store.credentials(owner)]
        async with Preflight(app.probe, settings.preflight.auths_key) as preflight:
            told = await preflight.foretell(
                [Wanted(image=image, platforms=platforms) for image in images],
                held,
                deadline_s=deadline if deadline is not None else settings.preflight.deadline_s,
            )
    shown = foretelling_json(told, (time.monotonic() - started) * 1000)
    return shown, _code(told, Unknown(on_unknown or settings.preflight.on_unknown.value))


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


def _text(shown: dict[str, Any]) -> str:
    from validator.verdict.words import HINTS

    lines = [f"{shown['outcome']}"]
    for image in shown["images"]:
        via = f" via {image['via']}" if image["via"] else ""
        lines.append(f"{image['image']}: {image['outcome']} ({image['reason']}){via}")
        if image["outcome"] != "pullable":
            lines += [f"  {image['cause']}", f"  What to do: {image['advice']}."]
        lines += [f"  Note: {text}" for hint, text in HINTS.items() if hint.value in image["hints"]]
    return "\n".join(lines)
