"""How OSMO's users want to be told, as they have said to OSMO: `osmo profile set notifications email|slack true`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from validator.stores.base import Wish
from validator.stores.osmo.base.reading import Reader

Wishes = Mapping[str, Wish]

_WISHES: Final = "SELECT user_name, coalesce(email_notification, false), coalesce(slack_notification, false) FROM public.profile"


async def wishes_of(reader: Reader, users: Sequence[str] | None) -> Wishes:
    """By user; one who is not there has said nothing, and is told nothing (osmo.md section 6)."""
    rows = await reader.rows(_WISHES) if users is None else await reader.rows(f"{_WISHES} WHERE user_name = ANY(%s)", (list(users),))
    return {str(user): Wish(mail=bool(mail), chat=bool(chat)) for user, mail, chat in rows}
