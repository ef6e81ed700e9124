"""Asks the command line about a scripted registry."""

from __future__ import annotations

from typing import Any, Final

from tests.cases.running import Cli, Result
from tests.cases.scripted import REPOSITORY, SECRET, USERNAME, Scripted

IMAGE: Final = f"{REPOSITORY}:1"


async def ask_image(
    cli: Cli, registry: Scripted, *more: str, own: bool = True, reference: str = IMAGE, secret: str = SECRET, platform: str | None = None, **said: Any
) -> Result:
    """One check with an image; `own`: the image's repository is what the credential was stored for."""
    cli.registries = registry.settings(**said)
    scope = f"{registry.host}/{REPOSITORY}" if own else registry.host
    wanted = ("--platform", platform) if platform is not None else ()
    return await cli.check(scope, USERNAME, secret, "--image", f"{registry.host}/{reference}", *wanted, *more)
