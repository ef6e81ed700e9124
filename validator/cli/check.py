"""`validator check`: one username and secret, and an image if one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from validator.cli.base.options import AllowPrivate, CaFile, Ephemeral, Format, FormatOption, Leave, PlainHttp, RealmHost, read_settings
from validator.cli.base.running import fail, guarded, leave, put, run, say


def check(
    registry: Annotated[str, typer.Argument(help="Host, or host/path, as you write it for `docker login`.", metavar="REGISTRY[/PATH]")],
    username: Annotated[str, typer.Option("--username", "-u", help="The username.")],
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read the secret from standard input.")] = False,
    secret_file: Annotated[Path | None, typer.Option("--secret-file", help="Read the secret from a file.", metavar="FILE")] = None,
    image: Annotated[str | None, typer.Option("--image", help="Also say whether this image can be pulled with it.", metavar="REF")] = None,
    platform: Annotated[str | None, typer.Option("--platform", help="The node's platform, such as linux/amd64.", metavar="P")] = None,
    format_: FormatOption = Format.TEXT,
    explain: Annotated[bool, typer.Option("--explain", help="Show each exchange with the registry.")] = False,
    plain_http: PlainHttp = None,
    allow_private: AllowPrivate = None,
    realm_host: RealmHost = None,
    ca_file: CaFile = None,
    ephemeral: Ephemeral = False,
) -> None:
    """Say whether one username and secret work at REGISTRY, and why not."""
    from pydantic import SecretStr

    from validator.cli.base.secret import from_file, from_stdin, prompted
    from validator.errors import UsageError

    if secret_stdin and secret_file is not None:
        fail(UsageError("give --secret-stdin or --secret-file, not both."))
    allowed = Leave(plain_http or (), allow_private or (), realm_host or (), ca_file or ())
    secret: SecretStr = guarded(lambda: from_stdin() if secret_stdin else from_file(secret_file) if secret_file is not None else prompted())
    shown, code = run(lambda: _check(registry, username, secret, image, platform, allowed, ephemeral=ephemeral))
    if format_ is Format.JSON:
        import json

        put(json.dumps(shown))
    else:
        from validator.cli.base.show import check_text

        put(check_text(shown, explain=explain))
    leave(code)


async def _check(
    registry: str, username: str, secret: Any, image: str | None, platform: str | None, allowed: Leave, *, ephemeral: bool
) -> tuple[dict[str, Any], int]:  # fmt: skip
    from datetime import UTC, datetime

    from validator.app import open_app
    from validator.cli.base.show import check_json, exit_of, exit_of_image, worst
    from validator.credential import Credential, UnreadableRegistry, parse_scope
    from validator.errors import UsageError
    from validator.probe import Inquiry
    from validator.protocol.manifest import parse_platform
    from validator.protocol.reference import InvalidReference, parse_reference
    from validator.shown import invalid_image_json, unreadable_json
    from validator.verdict import ImageOutcome, Outcome

    try:
        wanted = parse_platform(platform) if platform is not None else None
    except ValueError as error:
        raise UsageError(f"--platform: {error}.") from None
    try:
        scope = parse_scope(registry)
    except UnreadableRegistry as error:
        return unreadable_json(str(error), username, datetime.now(UTC)), int(exit_of(Outcome.MISCONFIGURED))
    reference, broken = None, ""
    if image is not None:
        try:
            reference = parse_reference(image)
        except InvalidReference as error:
            broken = str(error)
        else:
            if not scope.covers(_folded(reference.domain), reference.repository):
                raise UsageError(f"--image must lie in {scope}; the image is {reference.name}.")
    settings = read_settings(allowed, (scope.host,))
    credential = Credential(user="", name="", scope=scope, username=username, secret=secret, written=registry)
    async with open_app(settings, ephemeral=ephemeral, must_keep=False) as app:
        if app.opened.warning:
            say(f"validator: {app.opened.warning}")
        probed = await app.probe.ask(Inquiry(host=scope.host, credential=credential, image=reference, platform=wanted))
    code = exit_of(probed.verdict.outcome)
    shown = check_json(probed, str(scope), datetime.now(UTC), str(reference) if reference is not None else None)
    if probed.verdict.image is not None:
        code = worst(code, exit_of_image(probed.verdict.image.outcome))
    if broken:
        shown["image"] = invalid_image_json(image or "", broken)
        code = worst(code, exit_of_image(ImageOutcome.NOT_FOUND))
    return shown, int(code)


def _folded(domain: str) -> str:
    from validator.credential import UnreadableRegistry, canonical_host

    try:
        return canonical_host(domain)
    except UnreadableRegistry:
        return domain
