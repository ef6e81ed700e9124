"""What a refusal's own words say beyond the no: that the secret ran out, was revoked, that its owner is off; or not now. Pure.

Only a plain statement counts. "Wrong password, or the token has expired" does not say which, "if your token has expired" is
advice, and "password login of users is disabled" is not about this user.
"""

from __future__ import annotations

import re
from typing import Final

_DOUBT: Final = r"\b(?:or|if|when|whether|unless|may|might|maybe|perhaps|possibly)\b"
_WAY_IN: Final = r"(?:\w*auth(?:entication|orization|n|z)?|log-?ins?|sign-?ins?|access|passwords?)"
_END: Final = r"[.;:!?,] "
_SINCE: Final = rf"(?:^|{_END})(?:(?!{_DOUBT}|\b{_WAY_IN} (?:for|of|by|with|to)\b|{_END}).)*?"
"""From the begin of a clause, without a word of doubt."""
_NOR_ELSE: Final = r"\b(?!(?:,? \w+){0,2},? or\b)"
"""And no other cause follows."""
_GAP: Final = rf"(?:(?!{_DOUBT}).)"
_IS: Final = r"(?:is|has|have|was)(?: been)?"


def _plain(*patterns: str) -> re.Pattern[str]:
    return re.compile(f"{_SINCE}(?:{'|'.join(patterns)}){_NOR_ELSE}", re.IGNORECASE)


EXPIRED: Final = _plain(
    rf"\b(?:token|key|secret|credentials?|password)\b{_GAP}{{0,40}}\b{_IS} expired", r"\bexpired (?:access )?(?:token|key)", r"(?<![^ ])token expired"
)
REVOKED: Final = _plain(rf"\b(?:token|key|secret|credentials?)\b{_GAP}{{0,40}}\b{_IS} (?:revoked|deleted)", r"(?<![^ ])token revoked")
OWNER_OFF: Final = _plain(
    rf"\b(?:owner|account|user)\b(?:(?!{_DOUBT}|\b{_WAY_IN}\b).){{0,60}}\b(?:is|has been|have been|was) (?:disabled|deactivated|suspended)"
)
LOCKED: Final = re.compile(
    r"\b(?:account|user|username|owner|log-?in)\b.{0,60}\b(?:is|has been|have been|was|are)(?: now| currently| temporarily)? locked\b"
    r"|\blocked out\b|\b(?:account|user) locked\b|\btemporarily (?:locked|blocked|disabled|suspended)\b",
    re.IGNORECASE,
)
"""For now, after failed logins: the right secret gets the same."""
_WARNED: Final = r"\b(?:will|may|might|can|could|if|avoid)\b"
LATER: Final = re.compile(
    rf"(?:^|{_END})(?:(?!{_WARNED}|{_END}).)*?\btoo many\b(?:(?!{_WARNED}).){{0,60}}"
    rf"\b(?:attempts?|log-?ins?|requests?|failures?|tries)\b(?! {_WARNED})"
    r"|\brate limit(?:ed| exceeded| reached)|\b(?:try|retry)(?: again)? (?:later|(?:in|after) \d)",
    re.IGNORECASE,
)
"""Asked to come later, by somebody who gave no 429. That too many attempts would lock an account is a warning alone."""
