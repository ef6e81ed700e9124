"""Slack, Teams, webhooks and a hundred more, by apprise: it escapes plain text for its service, and says little of what failed."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any, Final

from pydantic import SecretStr

from validator.notifiers.base import Handed, Letter, Outcome, is_carried
from validator.notifiers.urls import filled, loaded, quiet, wants_address, wants_user

_TIMEOUT_S: Final = 45.0
_STATUS: Final = re.compile(r"error=([1-5][0-9][0-9])\b")
# requests' names for a connection that never was; all else may have carried the message.
_NO_CONNECTION: Final = re.compile(r"NewConnectionError|ConnectTimeout|NameResolutionError|SSLError|CERTIFICATE_VERIFY_FAILED|ProxyError")
_CUT: Final = "\n\n… and more; `validator status` shows all."
_SHOUT: Final = re.compile(r"@(?=(everyone|here|channel|all|room)\b)", re.IGNORECASE)


class Chat:
    """Implements `Channel` by one URL of apprise's."""

    def __init__(self, name: str, template: SecretStr) -> None:
        self.name = name
        self._template = template

    def unreachable(self, user: str, address: str | None) -> str | None:
        """A name or address that the URL has a place for must be one that no service reads as two."""
        if not user:
            return None
        if wants_user(self._template) and not is_carried(user):
            return "its name cannot be written in this URL"
        if wants_address(self._template) and (address is None or not is_carried(address)):
            return "no address is known" if address is None else "its address cannot be written in this URL"
        return None

    async def send(self, letter: Letter) -> Outcome:
        """Post it."""
        return await asyncio.to_thread(self._send, letter)

    async def close(self) -> None:
        """Nothing is open."""

    def _send(self, letter: Letter) -> Outcome:
        plugin = loaded(filled(self._template, letter.user, letter.address))
        if plugin is None:
            return Outcome(Handed.NOT_TAKEN, "the URL cannot be used", down=True)
        from apprise import Apprise, NotifyFormat

        plugin.redirects = False  # a POST that is led elsewhere becomes a GET there, and its 200 would be no yes to the message
        post, text = Apprise(), _SHOUT.sub("@\u200b", _fitted(letter.text, getattr(plugin, "body_maxlen", 0)))  # nobody's name calls a whole room
        post.add(plugin)
        with quiet(logging.DEBUG):
            result = post.notify(title=letter.subject, body=text, body_format=NotifyFormat.TEXT, timeout=_TIMEOUT_S, log_level=logging.DEBUG)
        said = " ".join(str(entry.message) for entry in result.logs())
        return outcome_of(result.status.name, said, targets=_targets(plugin))


def _fitted(text: str, most: int) -> str:
    """Cut at a line's end to what the service takes at most, with room for what escaping adds; 0 = no limit."""
    room = most * 4 // 5 - len(_CUT)
    return text if not most or len(text) <= room else text[:room].rpartition("\n")[0] + _CUT


def _targets(plugin: Any) -> int:
    try:
        return len(plugin)
    except TypeError:
        return 1


def outcome_of(status: str, said: str, *, targets: int) -> Outcome:
    """What apprise's result means; of its words only a status and the kind of a failure are read, and none is shown.

    A service with several targets may have served one before it failed: then nothing is sure.
    """
    if status == "SUCCESS":
        return Outcome(Handed.TAKEN)
    if targets > 1:
        return Outcome(Handed.UNCLEAR, "one of its targets failed")
    answered = _STATUS.search(said)
    if answered is not None:
        code = int(answered[1])
        sure = 400 <= code < 500 or code == 503
        return Outcome(Handed.NOT_TAKEN if sure else Handed.UNCLEAR, f"the service answered {code}", down=sure)
    if _NO_CONNECTION.search(said):
        return Outcome(Handed.NOT_TAKEN, "no connection to the service", down=True)
    return Outcome(Handed.UNCLEAR, "the service gave no clear answer")
