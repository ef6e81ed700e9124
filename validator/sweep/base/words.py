"""What was heard of a secret, as JSON for the ledger and back: a word that waits to be believed outlives its process. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from validator.evidence import Evidence, Party
from validator.sweep.base import Heard
from validator.verdict import Hint, Level, Outcome, Reason, Verdict


def packed(heard: Heard) -> dict[str, Any]:
    """As JSON; no secret."""
    return {
        "at": heard.at.isoformat(), "sent": heard.sent, "confirmable": heard.confirmable, "healthy": heard.healthy,
        "verdict": _packed(heard.verdict), "login": None if heard.login is None else _packed(heard.login), "evidence": list(heard.evidence),
        "dead_again_days": None if heard.dead_again_days is None else list(heard.dead_again_days),
    }  # fmt: skip


def unpacked(kept: Mapping[str, Any]) -> Heard:
    """As it was packed."""
    return Heard(
        verdict=_unpacked(kept["verdict"]), at=datetime.fromisoformat(kept["at"]), sent=kept["sent"], confirmable=kept["confirmable"],
        healthy=kept["healthy"], login=None if kept["login"] is None else _unpacked(kept["login"]), evidence=tuple(kept["evidence"]),
        dead_again_days=None if kept["dead_again_days"] is None else tuple(kept["dead_again_days"]),
    )  # fmt: skip


def _packed(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome.value, "reason": verdict.reason.value, "level": verdict.level.value if verdict.level is not None else None,
        "hints": [hint.value for hint in verdict.hints], "expires_at": verdict.expires_at.isoformat() if verdict.expires_at is not None else None,
    }  # fmt: skip


def _unpacked(kept: Mapping[str, Any]) -> Verdict:
    return Verdict(
        outcome=Outcome(kept["outcome"]), reason=Reason(kept["reason"]), level=Level(kept["level"]) if kept["level"] is not None else None,
        hints=tuple(Hint(hint) for hint in kept["hints"]),
        expires_at=datetime.fromisoformat(kept["expires_at"]) if kept["expires_at"] is not None else None,
    )  # fmt: skip


def shown(evidence: Evidence) -> tuple[dict[str, Any], ...]:
    """Each exchange as a person may see it: what was asked of which host, and what came back; no secret."""
    return tuple(
        {
            "step": exchange.step.value, "party": exchange.party.value, "method": exchange.method, "url": exchange.url, "status": exchange.status,
            "code": exchange.failure.value if exchange.failure is not None else exchange.code or None, "ms": round(exchange.ms),
        }
        for exchange in evidence.exchanges
        if exchange.party in (Party.SUBJECT, Party.ANONYMOUS, Party.CONTROL)
    )  # fmt: skip
