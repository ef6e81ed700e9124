"""`validator explain`: the history of one stored credential, in words."""

from __future__ import annotations

from typing import Annotated

import typer

from validator.cli.base.options import read_settings, this_user
from validator.cli.base.running import put, run


def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The credential's name; `validator credential list` shows them.")],
    user: Annotated[str | None, typer.Option("--user", help="Whose credential; else yours.", metavar="NAME")] = None,
) -> None:
    """Tell what happened to a stored credential: when, by what evidence, and what to do."""
    put(run(lambda: _explained(name, this_user(user))))


async def _explained(name: str, user: str) -> str:
    from validator.app import open_store
    from validator.cli.base.story import Story
    from validator.errors import UsageError
    from validator.probe.reach import provider_of

    settings = read_settings()
    async with open_store(settings) as opened:
        ledger = opened.ledger
        found = await opened.store.standing([(user, name)])
        if (user, name) not in found:
            raise UsageError(f"{user} has no credential of that name; `validator credential list` shows the names.")
        stored = found[user, name]
        statuses = [row for row in await ledger.statuses.between(user, user) if (row.key.scope, row.key.row) == (stored.scope, stored.row)]
        quarantined = await ledger.lanes.quarantined(stored.scope.host)
        story = Story(
            user=user, name=name, registry=str(stored.scope), row=stored.row, status=statuses[-1] if statuses else None,
            events=await ledger.history.of(user, scope=stored.scope), provider=provider_of(settings, stored.scope.host, None),
            quarantined=quarantined[0].since if quarantined else None,
        )  # fmt: skip
    return story.text()
