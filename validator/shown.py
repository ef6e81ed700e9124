"""Verdicts and statuses as the contract's JSON: what commands print and the service answers. Nothing of a registry is shown raw.

No I/O but the reads of `status_rows`.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from validator.credential import OSMOS_OWN, Credential
from validator.evidence import Exchange
from validator.ledger import Ledger
from validator.ledger.statuses import StatusRow
from validator.logs import MASK, mask
from validator.probe import Probed
from validator.protocol.base import shown_text
from validator.stores.base import CredentialStore, UnreadableRow
from validator.verdict import Hint, ImageOutcome, ImageVerdict, Outcome, Reason
from validator.verdict.words import cause_and_advice, told_of


def instant(at: datetime | None) -> str | None:
    """RFC 3339, UTC, seconds, with Z."""
    return None if at is None else at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def shown_username(credential: Credential) -> str:
    """The username as it may be shown: where it is the token again, as some registries have it, it is as secret as that; OSMO's own never."""
    twice = bool(credential.username) and SecretStr(credential.username) == credential.secret
    return MASK if twice or credential.user == OSMOS_OWN else mask(shown_text(credential.username))


def check_json(probed: Probed, registry: str | None, checked_at: datetime, image_text: str | None) -> dict[str, Any]:
    """`check`'s object, as the contract lists it."""
    verdict, provider = probed.verdict, probed.provider
    cause, advice = cause_and_advice(verdict.reason, provider.causes, provider.advice, hints=verdict.hints)
    if verdict.outcome is Outcome.VALID and Hint.SHORT_LIVED in verdict.hints:
        _, advice = cause_and_advice(Reason.SHORT_LIVED, provider.causes, provider.advice)
    credential = probed.inquiry.credential
    shown: dict[str, Any] = {
        "verdict": verdict.outcome.value,
        "reason": verdict.reason.value,
        "level": verdict.level.value if verdict.level is not None else None,
        "hints": [hint.value for hint in verdict.hints],
        "registry": registry,
        "username": shown_username(credential) if credential is not None else None,
        "cause": cause,
        "advice": advice,
        "retry_at": instant(checked_at + timedelta(seconds=verdict.retry_after_s)) if verdict.retry_after_s is not None else None,
        "expires_at": instant(verdict.expires_at),
        "checked_at": instant(checked_at),
        "evidence": [exchange_json(exchange) for exchange in probed.evidence.exchanges],
    }
    if image_text is not None and verdict.image is not None:
        shown["image"] = {"reference": image_text, **image_json(verdict.image, probed)}
    return shown


def unasked_json(
    outcome: Outcome, reason: Reason, registry: str | None, username: str, checked_at: datetime, *, cause: str = "", advice: str = ""
) -> dict[str, Any]:  # fmt: skip
    """`check`'s object for what no exchange tells; `cause` and `advice` in place of the reason's own words."""
    own_cause, own_advice = cause_and_advice(reason)
    return {
        "verdict": outcome.value, "reason": reason.value, "level": None, "hints": [], "registry": registry, "username": mask(shown_text(username)),
        "cause": cause or own_cause, "advice": advice or own_advice, "retry_at": None, "expires_at": None, "checked_at": instant(checked_at),
        "evidence": [],
    }  # fmt: skip


def unreadable_json(why: str, username: str, now: datetime) -> dict[str, Any]:
    """`check`'s object for a registry that names no host; `why` is a clause without the text."""
    cause, _ = cause_and_advice(Reason.BAD_REGISTRY_NAME)
    return unasked_json(Outcome.MISCONFIGURED, Reason.BAD_REGISTRY_NAME, None, username, now, cause=f"{cause[:-1]}: {why}.")


def unchecked_json(credential: Credential) -> dict[str, Any]:
    """`check`'s keys for a credential that was stored and not asked about."""
    nothing = dict.fromkeys(("verdict", "reason", "level", "cause", "advice", "retry_at", "expires_at", "checked_at"))
    return {**nothing, "hints": [], "registry": str(credential.scope), "username": shown_username(credential), "evidence": []}


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """One exchange: what was asked of which host, and what came back; no secret."""
    step = exchange.step.value if exchange.party.value == "subject" else f"{exchange.step.value} ({exchange.party.value})"
    code = exchange.failure.value if exchange.failure is not None else exchange.code or None
    return {"step": step, "method": exchange.method, "url": exchange.url, "status": exchange.status, "code": code, "ms": round(exchange.ms)}


def image_json(image: ImageVerdict, probed: Probed) -> dict[str, Any]:
    """What is said of an image, without its name."""
    cause, advice = cause_and_advice(told_of(image.reason, probed.verdict), probed.provider.causes, probed.provider.advice)
    return {
        "outcome": image.outcome.value,
        "reason": image.reason.value,
        "hints": [hint.value for hint in image.hints],
        "cause": cause,
        "advice": advice,
        "digest": image.digest,
        "platforms": list(image.platforms) if image.platforms is not None else None,
    }


def invalid_image_json(image: str, why: str) -> dict[str, Any]:
    """`check`'s image where it is no reference; `why` is a clause."""
    cause, advice = cause_and_advice(Reason.INVALID_REFERENCE)
    return {
        "reference": shown_text(image), "outcome": ImageOutcome.NOT_FOUND.value, "reason": Reason.INVALID_REFERENCE.value, "hints": [],
        "cause": f"{cause[:-1]}: {why}", "advice": advice, "digest": None, "platforms": None,
    }  # fmt: skip


async def status_rows(ledger: Ledger, store: CredentialStore, user: str | None) -> list[dict[str, Any]]:
    """Every stored credential (of `user`) with what was last confirmed of the secret that stands there now."""
    kept: dict[tuple[str, str, str], StatusRow] = {}
    for status in await ledger.statuses.all(user):
        kept[(status.key.user, str(status.key.scope), status.key.row)] = status
    rows: list[dict[str, Any]] = []
    async with aclosing(store.credentials(user)) as stored:  # type: ignore[type-var]  # the Protocol says AsyncIterator, each store is a generator
        async for one in stored:
            rows.append(status_row(one, kept.get((one.user, str(one.scope), one.row if isinstance(one, Credential) else ""))))
    return rows


def status_row(stored: Credential | UnreadableRow, status: StatusRow | None) -> dict[str, Any]:
    """One row of `status`, as the contract lists it; None: it was never checked."""
    attempt = None
    if status is not None and status.last_attempt_verdict is not None:
        attempt = {"verdict": status.last_attempt_verdict, "reason": status.last_attempt_reason, "at": instant(status.last_attempt_at)}
    return {
        "user": stored.user,
        "name": stored.name,
        "registry": stored.scope.host,
        "verdict": status.verdict if status is not None else None,
        "reason": status.reason if status is not None else None,
        "level": status.level if status is not None else None,
        "state": status.state if status is not None else "never_checked",
        "transition": "none",
        "checked_at": instant(status.checked_at) if status is not None else None,
        "last_attempt": attempt,
        "expires_at": instant(status.expires_at) if status is not None else None,
    }
