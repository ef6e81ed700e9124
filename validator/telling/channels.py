"""The channels that the settings name, by whom they are for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from validator.config import Notices
from validator.errors import ConfigError
from validator.ledger.notices import Kind, Place
from validator.notifiers.base import Channel
from validator.notifiers.chat import Chat
from validator.notifiers.log import LogChannel
from validator.notifiers.mail import Mail
from validator.notifiers.urls import filled, loaded, scheme_of, wants_address
from validator.notifiers.webhook import Webhook


@dataclass(frozen=True, slots=True)
class Channels:
    """Each of them by name. Users and operator always have one: the log, where no URL is given."""

    users: Mapping[str, Channel]
    operator: Mapping[str, Channel]
    machines: Mapping[str, Channel] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by who sends: a channel has one letter at a time, and is closed only between two."""

    def at(self, place: Place) -> Channel | None:
        """The channel there, if the settings name one."""
        kind, name = place
        of = {Kind.USER: self.users, Kind.OPERATOR: self.operator, Kind.MACHINE: self.machines}
        return of[kind].get(name)

    @property
    def places(self) -> tuple[Place, ...]:
        """All of them."""
        of = ((Kind.USER, self.users), (Kind.OPERATOR, self.operator), (Kind.MACHINE, self.machines))
        return tuple((kind, name) for kind, channels in of for name in channels)

    async def close(self) -> None:
        """Close all."""
        for channels in (self.users, self.operator, self.machines):
            for channel in channels.values():
                await channel.close()


async def channels_of(notices: Notices, say: Callable[[str], None] | None = None) -> Channels:
    """Those that the settings name. Raises ConfigError for a URL that apprise does not know; it says which, never the URL.

    `say` hears, in words, what is told where no URL is given.
    """
    users = await asyncio.to_thread(_of_urls, notices.urls, "notices.urls")
    operator = await asyncio.to_thread(_of_urls, notices.operator, "notices.operator")
    log: dict[str, Channel] = {"log": LogChannel(say)}
    hook = notices.webhook
    machines: dict[str, Channel] = {"webhook": Webhook(hook.url, hook.secret_file)} if hook is not None else {}
    return Channels(users or log, operator or log, machines)


def _of_urls(urls: Sequence[SecretStr], where: str) -> dict[str, Channel]:
    found: dict[str, Channel] = {}
    for number, url in enumerate(urls, 1):
        scheme = scheme_of(url)
        service = loaded(filled(url, "user", "user@example.org"))
        if service is None:
            raise ConfigError(f"{where}: URL {number} ({scheme}:) is none that can be used; compare apprise's words on {scheme}: URLs.")
        of_scheme = sum(name.partition("-")[0] == scheme for name in found)
        name = f"{scheme}-{of_scheme + 1}" if of_scheme else scheme
        if _is_plain_mail(service):
            if wants_address(url) and [address for _, address in service.targets] != ["user@example.org"]:
                raise ConfigError(f"{where}: URL {number} ({scheme}:) names more recipients than {{address}}; give each a URL of its own.")
            found[name] = Mail(name, url)
        else:
            found[name] = Chat(name, url)
    return found


def _is_plain_mail(service: object) -> bool:
    """True for mail that we send ourselves; a mail that is to be encrypted is left to apprise."""
    return type(service).__name__ == "NotifyEmail" and getattr(service, "pgp_mode", "no") == "no"
