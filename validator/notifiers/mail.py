"""Mail by SMTP, from apprise's mail URLs: it knows at each step whether the relay has taken the message.

Why not apprise's own sending: it says only "failed", be it a refused connection or a connection lost after the last byte,
and both are not the same for a message that is to be sent once. Its URLs are read by it, with all its providers and modes.
Ours also carries both parts, text and HTML, and a Message-ID that stays the same. RFC 5321, 5322, 3834.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

from pydantic import SecretStr

from validator.notifiers.base import Handed, Letter, Outcome, is_one_address
from validator.notifiers.urls import filled, loaded, wants_address

_ERRORS: Final = (OSError, smtplib.SMTPException)
_SENDER: Final = "validator"
_PLACE: Final = "nobody@address.invalid"
"""Stands for the user's address while apprise reads the URL: no text of a user's is ever parsed there as a list of addresses."""
_POLICY: Final = policy.SMTP.clone(max_line_length=78)
_NO_SUCH_BOX: Final = re.compile(r"5\.[12]\.\d+\b")
_IN_A_ROW: Final = 3
"""So many policy refusals in a row, and it is the relay, not its recipients."""


class Mail:
    """Implements `Channel` by one mail URL. One connection serves many letters; `close` ends it."""

    def __init__(self, name: str, template: SecretStr) -> None:
        self.name = name
        self._template = template
        self._smtp: smtplib.SMTP | None = None
        self._to: tuple[Any, ...] = ()
        self._denials = 0
        self._busy = threading.Lock()

    def unreachable(self, user: str, address: str | None) -> str | None:
        """No address, or a text that is not one address."""
        if not user or not wants_address(self._template):
            return None
        if address is None:
            return "no address is known"
        return None if is_one_address(address) else "its address is not one mail address"

    async def send(self, letter: Letter) -> Outcome:
        """Hand it to the relay."""
        return await asyncio.to_thread(self._alone, letter)

    async def close(self) -> None:
        """Say goodbye to the relay; a letter under way ends where it is."""
        if self._busy.locked() and self._smtp is not None and self._smtp.sock is not None:
            with suppress(OSError):
                self._smtp.sock.shutdown(socket.SHUT_RDWR)
            return
        await asyncio.to_thread(self._hang_up)

    def _alone(self, letter: Letter) -> Outcome:
        with self._busy:
            return self._send(letter)

    def _send(self, letter: Letter) -> Outcome:
        wanted = wants_address(self._template) and bool(letter.user)
        if wanted and (letter.address is None or not is_one_address(letter.address)):
            return Outcome(Handed.REFUSED, "its address is not one mail address")
        plugin = loaded(filled(self._template, letter.user, _PLACE))
        if plugin is None:
            return Outcome(Handed.NOT_TAKEN, "the URL cannot be used", down=True)
        to, cc, bcc = (
            tuple(letter.address or address if address == _PLACE else address for address in some)
            for some in ([address for _, address in plugin.targets], sorted(plugin.cc), sorted(plugin.bcc))
        )
        if not to:
            return Outcome(Handed.NOT_TAKEN, "the URL names no recipient", down=True)
        try:
            message = _message(plugin, letter, to, cc)
        except (ValueError, IndexError):
            return Outcome(Handed.REFUSED, "its address or subject cannot be written in a header")
        outcome = self._hand_over(plugin, [*to, *cc, *bcc], message)
        self._denials = self._denials + 1 if outcome.handed is Handed.NOT_TAKEN else 0
        return Outcome(outcome.handed, outcome.detail, outcome.down or self._denials >= _IN_A_ROW)

    def _hand_over(self, plugin: Any, to: list[str], message: bytes) -> Outcome:
        sender, utf8 = plugin.from_addr[1], not all(address.isascii() for address in (plugin.from_addr[1], *to))
        try:
            smtp, new = self._connected(plugin)
        except smtplib.SMTPAuthenticationError:
            return Outcome(Handed.NOT_TAKEN, "the relay refuses our login", down=True)
        except _ERRORS as error:
            return Outcome(Handed.NOT_TAKEN, f"no connection to the relay ({type(error).__name__})", down=True)
        options = ["SMTPUTF8"] if utf8 else []
        if utf8 and not smtp.has_extn("smtputf8"):
            return Outcome(Handed.REFUSED, "the relay cannot carry an address beyond ASCII")
        try:
            code, _ = smtp.mail(sender, options)
        except _ERRORS:  # a relay may end a connection that it holds open
            self._drop()
            if new:
                return Outcome(Handed.NOT_TAKEN, "the relay ended the connection", down=True)
            return self._hand_over(plugin, to, message)
        if code != 250:
            self._reset(smtp)
            return Outcome(Handed.NOT_TAKEN, f"the relay refuses our sender ({code})", down=True)
        try:
            return self._to_everybody(smtp, to, message)
        except _ERRORS:
            self._drop()
            return Outcome(Handed.NOT_TAKEN, "the relay ended the connection", down=True)

    def _to_everybody(self, smtp: smtplib.SMTP, to: list[str], message: bytes) -> Outcome:
        """RCPT to DATA; raises while the relay has surely taken nothing."""
        refusals = [refusal for refusal in ((address, *smtp.rcpt(address)) for address in to) if refusal[1] not in (250, 251)]
        if len(refusals) == len(to):
            self._reset(smtp)
            return _refused(*refusals[0][1:])
        code, said = smtp.docmd("DATA")
        if code != 354:
            self._reset(smtp)
            return _refused(code, said)
        smtp.send(message)  # what fails here lacks the last bytes, which say that it is whole
        try:
            code, said = smtp.getreply()
        except _ERRORS:
            self._drop()
            return Outcome(Handed.UNCLEAR, "the connection broke before the relay answered")
        if code == 250:
            return Outcome(Handed.TAKEN, f"{len(refusals)} of {len(to)} recipients were refused" if refusals else "")
        self._reset(smtp)
        return Outcome(Handed.NOT_TAKEN if 400 <= code < 500 else Handed.REFUSED, f"the relay refuses the message ({code})")

    def _connected(self, plugin: Any) -> tuple[smtplib.SMTP, bool]:
        """The relay, greeted and logged in; True if it was connected just now."""
        to = (plugin.smtp_host, plugin.port, plugin.secure_mode, plugin.user, plugin.password)
        if self._smtp is not None and self._to == to:
            return self._smtp, False
        self._hang_up()
        context = ssl.create_default_context()
        if not plugin.verify_certificate:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        name = socket.gethostname()
        own = name if "." in name else "[127.0.0.1]"  # RFC 5321, 4.1.3: a host without a name of its own
        timeout = float(plugin.socket_connect_timeout or 15)
        smtp: smtplib.SMTP
        if plugin.secure_mode == "ssl":
            smtp = smtplib.SMTP_SSL(plugin.smtp_host, plugin.port, own, timeout=timeout, context=context)
        else:
            smtp = smtplib.SMTP(plugin.smtp_host, plugin.port, own, timeout=timeout)
        self._smtp, self._to = smtp, to
        try:
            if plugin.secure_mode == "starttls":
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if plugin.user and plugin.password:
                smtp.login(plugin.user, plugin.password)
        except _ERRORS:
            self._drop()
            raise
        return smtp, True

    def _reset(self, smtp: smtplib.SMTP) -> None:
        try:
            smtp.rset()
        except _ERRORS:
            self._drop()

    def _hang_up(self) -> None:
        if self._smtp is not None:
            with suppress(*_ERRORS):
                self._smtp.quit()
        self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None


def _refused(code: int, said: bytes) -> Outcome:
    """A refusal of one recipient: for good where there is no such box; else it may be our right to send that is lacking."""
    text = said.decode("ascii", "replace")
    gone = code in (550, 551, 552, 553) and ("5.7." not in text) and (_NO_SUCH_BOX.search(text) is not None or "5." not in text[:2])
    return Outcome(Handed.REFUSED if gone else Handed.NOT_TAKEN, f"the relay refuses the recipient ({code})")


def _message(plugin: Any, letter: Letter, to: Sequence[str], cc: Sequence[str]) -> bytes:
    """The whole mail as SMTP sends it, its end too; raises ValueError for what no header can hold."""
    named, sender = plugin.from_addr
    message = EmailMessage(policy=_POLICY)
    message["From"] = _mailbox(sender, named if named and named != plugin.app_id else _SENDER)
    message["To"] = [_mailbox(address) for address in to]
    if cc:
        message["Cc"] = [_mailbox(address) for address in cc]
    if plugin.reply_to:
        message["Reply-To"] = [_mailbox(address) for address in sorted(plugin.reply_to)]
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.at.astimezone(UTC))
    message["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    for name, value in plugin.headers.items():
        if name.lower() not in _OURS:
            message[name] = value
    message.set_content(letter.text, cte="quoted-printable")
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    utf8 = not all(address.isascii() for address in (sender, *to, *cc))
    whole = message.as_bytes(policy=_POLICY.clone(utf8=utf8))
    return re.sub(rb"(?m)^\.", b"..", whole).removesuffix(b"\r\n") + b"\r\n.\r\n"


def _mailbox(address: str, named: str = "") -> Address:
    """An address for a header, also one beyond ASCII; raises ValueError."""
    local, _, domain = address.rpartition("@")
    return Address(display_name=named, username=local, domain=domain)


_OURS: Final = frozenset({
    "from", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "auto-submitted", "content-type", "content-transfer-encoding",
    "mime-version",
})  # fmt: skip
