"""The words of a digest: subject, plain text and HTML for a user, plain text for the operator. Pure but for its one template.

Nothing here says "your key": it may be a robot's. Texts of users (names, registries) are cleaned and cut; HTML is escaped by
the template, chats by apprise.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from validator.notifiers.base import Alert
from validator.protocol.base import shown_text

NEW_SECRET: Final = "NEW_SECRET"
MOST: Final = 50
"""So many credentials are described in one message; of more only the names are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One credential of a user's digest. `happened` is a transition; `verdict` tells "may not" from "cannot".

    `at`: when it was confirmed; `since`: when it was first said; `command`: what to type, without a secret, "" where
    renewing does not help; `renew`: the vendor's page. `again`: told before.
    """

    name: str
    registry: str
    happened: str
    verdict: str
    cause: str
    advice: str
    at: datetime
    since: datetime | None = None
    expires_at: datetime | None = None
    renew: str | None = None
    command: str = ""
    notes: tuple[str, ...] = ()
    again: bool = False

    @property
    def head(self) -> str:
        """What happened, as the rest of a sentence that begins with the credential."""
        match self.happened:
            case "died":
                return "still does not work" if self.again else "stopped working"
            case "never_worked":
                return "still has never worked" if self.again else "has never worked"
            case "impaired":
                what = "may not be used for pulling" if self.verdict == "insufficient" else "cannot work as it is stored"
                return f"still {what}" if self.again else what
            case "expiring":
                return f"ends on {day(self.expires_at)}" if self.expires_at is not None else "ends soon"
            case "recovered":
                return "works again"
            case _:
                return self.happened

    @property
    def when(self) -> str:
        """Since when, as a sentence."""
        if self.happened in ("died", "never_worked"):
            if self.since is None or self.since >= self.at:
                return f"It was refused on {instant(self.at)}."
            again = f"at {self.at.astimezone(UTC):%H:%M} UTC" if day(self.since) == day(self.at) else f"on {instant(self.at)}"
            return f"It was first refused on {instant(self.since)}, and again {again}."
        if self.happened == "impaired":
            return f"This was first seen on {instant(self.since or self.at)}."
        if self.happened == "expiring" and self.expires_at is not None:
            return f"Its last moment is {instant(self.expires_at)}."
        return f"This was seen on {instant(self.at)}."

    @property
    def breaks(self) -> str:
        """What no longer works, or soon will not."""
        registry = shown_text(self.registry)
        match self.happened:
            case "died" | "never_worked":
                return f"Workflows that pull from {registry} with it fail, public images there included, until it is renewed or deleted."
            case "impaired":
                return f"Workflows that pull from {registry} with it may fail."
            case "expiring":
                return f"From then on, workflows that pull from {registry} with it fail."
            case _:
                return ""

    @property
    def bad(self) -> bool:
        """True if there is something to do about it now."""
        return self.happened in ("died", "never_worked", "impaired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Everything that one user is told in one message; `reminder_days` 0: none will follow."""

    user: str
    lines: tuple[Told, ...]
    reminder_days: int = 0
    mute: str = ""
    """What to type to get none."""

    @property
    def ordered(self) -> tuple[Told, ...]:
        """What is broken first, then what will be, then good news; each as it came."""
        return tuple(sorted(self.lines, key=lambda line: (not line.bad, line.happened == "recovered")))


def subject(digest: Digest) -> str:
    """One line for people who read no more."""
    lines = digest.lines
    bad, ending = [line for line in lines if line.bad], [line for line in lines if line.happened == "expiring"]
    if len(lines) == 1:
        return f'Registry credential "{shown_text(lines[0].name, 60)}" {lines[0].head}'
    parts = [f"{len(bad)} registry credentials do not work" if len(bad) > 1 else "1 registry credential does not work"] if bad else []
    parts += [f"{len(ending)} {'end' if len(ending) > 1 else 'ends'} soon"] if ending else []
    good = len(lines) - len(bad) - len(ending)
    parts += [f"{good} {'work' if good > 1 else 'works'} again"] if good else []
    said = ", ".join(parts)
    return said if bad else f"Registry credentials: {said}"


def text(digest: Digest) -> str:
    """The whole message as plain text, lines of at most about 78 characters where they can be broken."""
    out = [f"Hello {shown_text(digest.user)},", "", *_wrapped(_opening(digest)), ""]
    for number, line in enumerate(digest.ordered[:MOST], 1):
        out += [*_wrapped(f'{number}. "{shown_text(line.name)}" for {shown_text(line.registry)} {line.head}.', "   ")]
        for sentence in (line.when, line.cause, *line.notes, line.breaks):
            out += _wrapped(sentence, "   ", first="   ") if sentence else []
        out += ["", *_wrapped(_advice(line), "   ", first="   ")] if _advice(line) else []
        if line.renew:
            out += ["   Renew it here:", f"       {line.renew}"]
        if line.command:
            out += ["   Then type:", f"       {line.command}", *_wrapped(_stdin(line.command), "   ", first="   ")]
        out.append("")
    if len(digest.lines) > MOST:
        out += [f"And {len(digest.lines) - MOST} more:", *(f"   {shown_text(line.name)} {line.head}" for line in digest.ordered[MOST:]), ""]
    out += [*_wrapped(_closing(digest)), *([f"    {digest.mute}"] if digest.mute else [])]
    return "\n".join(out) + "\n"


def html(digest: Digest) -> str:
    """The same as a mail's HTML part: nothing is loaded from anywhere."""
    shown = [
        {
            "name": shown_text(line.name), "registry": shown_text(line.registry), "head": line.head, "when": line.when, "cause": line.cause,
            "notes": list(line.notes), "breaks": line.breaks, "advice": _advice(line), "renew": line.renew, "command": line.command,
            "stdin": _stdin(line.command),
            "tone": "#b3261e" if line.bad else "#8a5a00" if line.happened == "expiring" else "#1e6b34",
        }
        for line in digest.ordered
    ]  # fmt: skip
    rendered: str = _template().render(
        subject=subject(digest), user=shown_text(digest.user), opening=_opening(digest), lines=shown[:MOST], more=shown[MOST:],
        closing=_closing(digest), mute=digest.mute,
    )  # fmt: skip
    return rendered


def short(digest: Digest) -> str:
    """The whole in a line, for a terminal and a log."""
    return " ".join(
        " ".join(part for part in (f"{shown_text(line.name)} ({shown_text(line.registry)}) {line.head}.", line.cause, _advice(line)) if part)
        for line in digest.ordered
    )


_HEADS: Final = {
    Alert.OSMOS_OWN: "OSMO's own registry credential",
    Alert.QUARANTINED: "Registries whose refusals are not believed",
    Alert.CANARY: "Canaries",
    Alert.FAULT: "Faults of the program itself; please report them",
    Alert.LONG_UNKNOWN: "Not judged for days",
    Alert.ANYONE: "Registries that now accept anybody",
    Alert.UNREADABLE: "Stored credentials that cannot be read",
    Alert.UNDELIVERABLE: "Users who could not be told",
    Alert.MAYBE_SENT: "Messages that may have been sent, and are not sent again",
    Alert.FAILED: "Messages that a channel refuses",
}
_ALERTS: Final = 200


def operator_subject(alerts: Sequence[tuple[Alert, str, str]]) -> str:
    """One line of what kinds there are."""
    kinds = list(dict.fromkeys(kind for kind, _, _ in alerts))
    return f"validator: {_HEADS[kinds[0]]}" if len(kinds) == 1 else f"validator: {len(alerts)} things to look at"


def operator_text(alerts: Sequence[tuple[Alert, str, str]]) -> str:
    """`alerts` are (kind, subject, sentence); each is told once while it lasts."""
    out: list[str] = []
    for kind in Alert:
        mine = [(about, said) for one, about, said in alerts if one is kind]
        if mine:
            out += [f"{_HEADS[kind]}:"]
            for about, said in mine[:_ALERTS]:
                out += _wrapped(f"- {shown_text(about)}: {shown_text(said, 1000)}", "  ")
            out += [f"- and {len(mine) - _ALERTS} more", ""] if len(mine) > _ALERTS else [""]
    return "\n".join([*out, *_wrapped("Each of these is told once while it lasts.")]) + "\n"


def command_line(program: str, name: str, registry: str, username: str, owner: str) -> str:
    """What to type to store a new secret by `program` (validator, osmo, docker), each word quoted for a POSIX shell; "" for another.

    A `username` that is "" or no line can hold is left to the user. `owner` is whose credential it is: without that word `validator`
    would store it for whoever is logged in, and the old one would stay.
    """
    user = username if username and username.isprintable() else "USERNAME"
    match program:
        case "validator" | "osmo":
            auth = "-" if program == "validator" else NEW_SECRET
            payload = " ".join(map(shlex.quote, (f"registry={registry}", f"username={user}", f"auth={auth}")))
            whose = f" --user {shlex.quote(owner)}" if program == "validator" and owner and owner.isprintable() else ""
            return f"{program} credential set {shlex.quote(name)}{whose} --type REGISTRY --payload {payload}"
        case "docker":
            return f"docker login {shlex.quote(registry)} --username {shlex.quote(user)}"
        case _:
            return ""


def mute_line(user: str) -> str:
    """What to type for this user to get none; "" for a name that no line can hold."""
    return f"validator user set {shlex.quote(user)} --mute" if user.isprintable() else ""


def instant(at: datetime | None) -> str:
    """An instant for people: `23 November 2026, 02:00 UTC`."""
    return "" if at is None else f"{day(at)}, {at.astimezone(UTC):%H:%M} UTC"


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def day(at: datetime | None) -> str:
    """`23 November 2026`; no locale has a say."""
    if at is None:
        return ""
    local = at.astimezone(UTC)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def _opening(digest: Digest) -> str:
    some = len(digest.lines)
    if all(line.happened == "recovered" for line in digest.lines):
        return "Good news of the registry credentials that are stored for you:"
    return f"Of the registry credentials that are stored for you, {'one needs' if some == 1 else f'{some} need'} a look:"


def _closing(digest: Digest) -> str:
    more = digest.reminder_days > 0 and any(line.bad for line in digest.lines)
    after = f" While it stays so, a reminder follows every {digest.reminder_days} days." if more else ""
    return f"You get this message once.{after} If you want no such messages, ask the operator{', or type:' if digest.mute else '.'}"


def _advice(line: Told) -> str:
    if line.happened == "expiring":
        return "What to do: make a new secret before that, and store it."
    return f"What to do: {line.advice.rstrip('.')}." if line.bad and line.advice else ""


def _stdin(command: str) -> str:
    if command.endswith("auth=-"):
        return "It reads the new secret from standard input: paste it, then Enter and Ctrl-D. So it stays out of the shell's history."
    if command.endswith(NEW_SECRET):
        return f"with the new secret in the place of {NEW_SECRET}."
    return "It asks for the new secret." if command else ""


def _wrapped(sentence: str, indent: str = "", *, first: str = "") -> list[str]:
    """Broken at blanks; what is longer, a URL, stays whole: it is to be copied."""
    lines, line = [], first
    for word in sentence.split():
        if len(line) + len(word) + 1 > 78 and line.strip():
            lines.append(line)
            line = indent
        line = f"{line}{word}" if not line.strip() else f"{line} {word}"
    return [*lines, line]


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("validator.notifiers"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("digest.html")
