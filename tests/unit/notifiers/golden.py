"""The digests whose texts are kept in `golden/`: `python -m tests.unit.notifiers.golden` writes them anew, to be reviewed as code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from validator.notifiers import words
from validator.notifiers.base import Alert
from validator.notifiers.words import Digest, Told, command_line
from validator.providers.dockerhub import DOCKERHUB
from validator.providers.gitlab import GITLAB
from validator.providers.ngc import NGC
from validator.verdict import Hint, Reason
from validator.verdict.words import HINTS, cause_and_advice

FOLDER: Final = Path(__file__).parent / "golden"
NOW: Final = datetime(2026, 11, 23, 2, 10, tzinfo=UTC)
_CAUSE, _ADVICE = cause_and_advice(Reason.REFUSED, NGC.causes, NGC.advice)
DIED: Final = Told(
    name="ngc", registry="nvcr.io/acme", happened="died", verdict="invalid", cause=_CAUSE, advice=_ADVICE, at=NOW, since=NOW - timedelta(minutes=15),
    renew=str(NGC.renew), command=command_line("validator", "ngc", "nvcr.io/acme", "$oauthtoken", "ada"), notes=(HINTS[Hint.OWNER_OTHER],),
)  # fmt: skip
ENDING: Final = Told(
    name="hub", registry="docker.io", happened="expiring", verdict="valid", cause="", advice="", at=NOW, expires_at=NOW + timedelta(days=6),
    renew=str(DOCKERHUB.renew), command=command_line("validator", "hub", "docker.io", "ada", "ada"),
)  # fmt: skip
IMPAIRED: Final = Told(
    name="lab", registry="registry.gitlab.com/acme/app", happened="impaired", verdict="insufficient",
    cause=cause_and_advice(Reason.SCOPE_MISSING, GITLAB.causes, GITLAB.advice)[0],
    advice=cause_and_advice(Reason.SCOPE_MISSING, GITLAB.causes, GITLAB.advice)[1], at=NOW, since=NOW - timedelta(hours=1),
    renew=str(GITLAB.renew), command=command_line("validator", "lab", "registry.gitlab.com/acme/app", "ada", "ada"),
)  # fmt: skip
AGAIN: Final = Told(
    name="old", registry="reg.example.org:5000", happened="never_worked", verdict="invalid", cause="The registry refuses this username and secret.",
    advice="Make a new secret at the registry, and store it", at=NOW - timedelta(days=7), since=NOW - timedelta(days=7, minutes=10), again=True,
    command=command_line("validator", "old", "reg.example.org:5000", "o'brien", "ada"),
)  # fmt: skip
BACK: Final = Told(name="back", registry="ghcr.io", happened="recovered", verdict="valid", cause="", advice="", at=NOW)
HOSTILE: Final = Told(
    name="<script>alert(1)</script>", registry='r.test/"><img src=x onerror=alert(1)>\r\nBcc: eve@evil.test', happened="died", verdict="invalid",
    cause="A <b>cause</b> & more.", advice="{{ 7*7 }} ${jndi:x}", at=NOW, since=NOW, renew="https://r.test/?a=1&b=<2>",
    command=command_line("validator", "x", "r.test", "<!channel> \u202e", "ada"),
)  # fmt: skip

DIGESTS: Final = {
    "one": Digest(user="ada", lines=(DIED,), reminder_days=7, mute=words.mute_line("ada")),
    "several": Digest(user="ada", lines=(ENDING, BACK, DIED, IMPAIRED, AGAIN), reminder_days=7, mute=words.mute_line("ada")),
    "ending": Digest(user="ada", lines=(ENDING,), mute=words.mute_line("ada")),
    "good_news": Digest(user="ada", lines=(BACK,), mute=words.mute_line("ada")),
    "hostile": Digest(user="<b>eve</b>\r\nBcc: x", lines=(HOSTILE,)),
}
ALERTS: Final = (
    (
        Alert.QUARANTINED,
        "nvcr.io",
        "30 of 60 formerly valid credentials would have died, where 1 is usual; their statuses stay, and nobody was told.",
    ),
    (Alert.UNDELIVERABLE, "bob", "there is something to tell this user, and its address is not one mail address."),
    (Alert.UNDELIVERABLE, "eve\r\nx", "there is something to tell this user, and no address is known."),
)


def texts() -> dict[str, str]:
    """Every kept text by its file's name."""
    made = {}
    for name, digest in DIGESTS.items():
        made[f"{name}.txt"] = f"Subject: {words.subject(digest)}\n\n{words.text(digest)}"
        made[f"{name}.html"] = words.html(digest) + "\n"
    made["operator.txt"] = f"Subject: {words.operator_subject(ALERTS)}\n\n{words.operator_text(ALERTS)}"
    return made


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
