"""What ONE answer says, as a table that is read from the top: `READ`. Pure.

A row names steps, statuses, body shapes, codes and words; the first that fits gives the meaning. A provider's own rows come
before these. What no row names is `unknown (protocol)`. registries/README.md 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from validator.evidence import Exchange, Failure, Step
from validator.protocol.errcode import BodyShape
from validator.verdict import phrases
from validator.verdict.base import Reason


class Meaning(StrEnum):
    """What one answer says, before it is joined with the others."""

    OPEN = "open"
    DEMANDS = "demands"
    PAGE = "page"
    NO_REGISTRY = "no_registry"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """A no to this secret, in the form of an authoritative one."""
    BROKEN = "broken"
    """A no to this secret that names what is wrong with it as stored."""
    ADMITTED = "admitted"
    """A no to this access by a token endpoint that says in the same words that it accepted the secret."""
    ALIVE = "alive"
    """A no that says that the secret lives but lacks something."""
    DENIED = "denied"
    """A no to this access; at login: nobody knows yet to what."""
    READABLE = "readable"
    STALE = "stale"
    NO_HEAD = "no_head"
    TAG_MISSING = "tag_missing"
    REPOSITORY_MISSING = "repository_missing"
    UNSUPPORTED = "unsupported"
    BARRED = "barred"
    """The image is barred for a reason that is not the secret's."""
    ON = "on"
    """A redirect that may be followed."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """The meaning of one answer; `row` is the row that fitted."""

    meaning: Meaning
    reason: Reason | None = None
    row: str = ""


REGISTRY_SHAPED: Final = frozenset({BodyShape.ERRORS, BodyShape.OAUTH, BodyShape.EMPTY})
JSON_SHAPED: Final = REGISTRY_SHAPED | {BodyShape.JSON}
_ERRORS: Final = frozenset({BodyShape.ERRORS, BodyShape.OAUTH})
_NO_PAGE: Final = frozenset(BodyShape) - {BodyShape.HTML}
_ILL: Final = frozenset({"UNAVAILABLE", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "server_error", "temporarily_unavailable"})
_OUR_REQUEST: Final = frozenset({"insufficient_scope", "invalid_scope"})
"""OAuth's words about what was asked for, not about who asked."""
SERVER_ERRORS: Final = frozenset({408, 425, *range(500, 511), *range(512, 600)})
LOGINS: Final = frozenset({Step.LOGIN, Step.SCOPED})
PULLS: Final = frozenset({Step.PULL, Step.MANIFEST})


def words(pattern: str) -> re.Pattern[str]:
    """A pattern looked for in an answer's words, any case."""
    return re.compile(pattern, re.IGNORECASE)


_DEMANDS: Final[dict[str, tuple[str, ...]]] = {
    "basic": ("basic",), "bearer": ("bearer",), "any": ("basic", "bearer"), "no basic": ("bearer", "other"), "none": ("none",),
}  # fmt: skip
"""What a row calls a demand -> its schemes; "other" is one that cannot be followed, of a registry that got the pair by Basic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """A row: when an exchange fits all that is given, it says `meaning (reason)`. None = any."""

    row: str
    meaning: Meaning
    reason: Reason | None = None
    steps: frozenset[Step] | None = None
    statuses: frozenset[int] | None = None
    shapes: frozenset[BodyShape] | None = None
    codes: frozenset[str] | None = None
    text: re.Pattern[str] | None = None
    demands: str | None = None
    """The scheme of the challenge in the answer: "basic", "bearer"; "any" one of them; "no basic": one, and not that; "none"."""
    basic_login: bool | None = None
    """True: the login went to the registry itself (a Basic registry)."""
    unasked: bool | None = None
    """True: and nothing there had demanded it."""
    grant: bool | None = None
    traded_in: bool | None = None
    """True: the login traded in an identity token, by POST."""
    manifest: frozenset[str] | None = None
    sign: bool | None = None
    authorized: bool | None = None
    led: bool | None = None
    retry_after: bool | None = None

    def fits(self, exchange: Exchange) -> bool:
        """True if the exchange is what this row speaks of."""
        if (self.steps is not None and exchange.step not in self.steps) or (self.statuses is not None and exchange.status not in self.statuses):
            return False
        demand = exchange.demand.scheme if exchange.demand else "none"
        return (
            (self.shapes is None or exchange.shape in self.shapes)
            and (self.codes is None or exchange.code in self.codes)
            and (self.text is None or self.text.search(exchange.text) is not None)
            and (self.demands is None or demand in _DEMANDS[self.demands])
            and (self.basic_login is None or self.basic_login == bool(exchange.basic))
            and (self.unasked is None or self.unasked == (exchange.basic == "unasked"))
            and (self.traded_in is None or self.traded_in == (exchange.method == "POST"))
            and (self.grant is None or self.grant == (exchange.grant is not None))
            and (self.manifest is None or (exchange.manifest.kind if exchange.manifest else "none") in self.manifest)
            and (self.sign is None or self.sign == exchange.registry_sign)
            and (self.authorized is None or self.authorized == exchange.authorized)
            and (self.led is None or self.led == exchange.led)
            and (self.retry_after is None or self.retry_after == (exchange.retry_after_s is not None))
        )


def _at(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


_PING: Final = frozenset({Step.PING, Step.ELSEWHERE})
_PULL: Final = frozenset({Step.PULL})
_GET: Final = frozenset({Step.MANIFEST})
_CONFIG: Final = frozenset({Step.CONFIG})
_SCOPED: Final = frozenset({Step.SCOPED})
_LOGIN: Final = frozenset({Step.LOGIN})

UNJUDGED: Final[tuple[Says, ...]] = (
    Says(
        row="G3", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=_LOGIN, statuses=_at(401, 403), basic_login=True, demands="no basic"
    ),
    Says(row="G3 bare", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=_LOGIN, statuses=_at(401), unasked=True, demands="none"),
)
"""Whoever offers no Basic has not looked at it: a no to everybody who brings one, of any vendor (others.md G3)."""

READ: Final[tuple[Says, ...]] = (
    # any step: the way there, or "not now" (7.14-7.17)
    Says(row="7.14", meaning=Meaning.UNKNOWN, reason=Reason.THROTTLED, statuses=_at(429)),
    Says(row="7.14 code", meaning=Meaning.UNKNOWN, reason=Reason.THROTTLED, codes=frozenset({"TOOMANYREQUESTS"})),
    Says(row="7.15 proxy", meaning=Meaning.UNKNOWN, reason=Reason.PROXY_ERROR, statuses=_at(407)),
    Says(row="7.15 portal", meaning=Meaning.UNKNOWN, reason=Reason.CAPTIVE_PORTAL, statuses=_at(511)),
    Says(row="7.16", meaning=Meaning.UNKNOWN, reason=Reason.SERVER_ERROR, statuses=SERVER_ERRORS),
    # the ping (7.18-7.26)
    Says(row="7.18", meaning=Meaning.OPEN, steps=_PING, statuses=_at(200), shapes=JSON_SHAPED),
    Says(row="7.18 sign", meaning=Meaning.OPEN, steps=_PING, statuses=_at(200), sign=True),
    Says(row="7.19", meaning=Meaning.PAGE, reason=Reason.CAPTIVE_PORTAL, steps=_PING, statuses=_at(200), shapes=frozenset({BodyShape.HTML})),
    Says(row="7.20", meaning=Meaning.DEMANDS, steps=_PING, statuses=_at(401), demands="any"),
    Says(row="7.23", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=_PING, statuses=_at(401)),
    Says(row="7.24 html", meaning=Meaning.UNKNOWN, reason=Reason.WAF_BLOCK, steps=_PING, statuses=_at(403), shapes=frozenset({BodyShape.HTML})),
    Says(row="7.24", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=_PING, statuses=_at(403)),
    Says(row="7.25", meaning=Meaning.NO_REGISTRY, reason=Reason.NOT_A_REGISTRY, steps=_PING, statuses=_at(400, 404, 405, 410)),
    Says(row="7.26", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=_PING),
    # the login on a Basic registry (7.30, 7.36): the ping with the pair
    Says(row="7.36", meaning=Meaning.ACCEPTED, steps=_LOGIN, statuses=_at(200), shapes=JSON_SHAPED, basic_login=True),
    Says(row="7.36 sign", meaning=Meaning.ACCEPTED, steps=_LOGIN, statuses=_at(200), sign=True, basic_login=True),
    *UNJUDGED,
    # a no to everybody for now, whatever its status (6.2 e), and a registry that says itself that it is ill (2.5)
    Says(row="6.2 e lock", meaning=Meaning.UNKNOWN, reason=Reason.ACCOUNT_LOCKED, steps=LOGINS, statuses=_at(401), text=phrases.LOCKED),
    Says(row="6.2 e later", meaning=Meaning.UNKNOWN, reason=Reason.THROTTLED, steps=LOGINS, statuses=_at(401), text=phrases.LATER),
    Says(row="6.2 e lock 403", meaning=Meaning.UNKNOWN, reason=Reason.ACCOUNT_LOCKED, steps=LOGINS, statuses=_at(403), shapes=_NO_PAGE, text=phrases.LOCKED),
    Says(row="6.2 e later 403", meaning=Meaning.UNKNOWN, reason=Reason.THROTTLED, steps=LOGINS, statuses=_at(403), shapes=_NO_PAGE, text=phrases.LATER),
    Says(row="2.5 ill", meaning=Meaning.UNKNOWN, reason=Reason.SERVER_ERROR, steps=LOGINS, statuses=_at(401, 403), codes=_ILL),
    Says(row="2.5 scope", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=LOGINS, statuses=_at(401), codes=_OUR_REQUEST),
    # a refusal's own words (7.30)
    Says(row="7.30 expired", meaning=Meaning.REFUSED, reason=Reason.EXPIRED, steps=LOGINS, statuses=_at(401), shapes=_ERRORS, text=phrases.EXPIRED),
    Says(row="7.30 revoked", meaning=Meaning.REFUSED, reason=Reason.REVOKED, steps=LOGINS, statuses=_at(401), shapes=_ERRORS, text=phrases.REVOKED),
    Says(row="7.30 owner", meaning=Meaning.REFUSED, reason=Reason.OWNER_DISABLED, steps=LOGINS, statuses=_at(401), shapes=_ERRORS, text=phrases.OWNER_OFF),
    Says(row="7.30", meaning=Meaning.REFUSED, reason=Reason.REFUSED, steps=LOGINS, statuses=_at(401), shapes=REGISTRY_SHAPED),
    # a token server of few words, which looked at the pair by Basic and asks for another (others.md 9, docker_auth)
    Says(row="9 token text", meaning=Meaning.REFUSED, reason=Reason.REFUSED, steps=LOGINS, statuses=_at(401), shapes=frozenset({BodyShape.TEXT}),
         basic_login=False, demands="basic"),
    Says(row="7.30 basic", meaning=Meaning.REFUSED, reason=Reason.REFUSED, steps=_LOGIN, statuses=_at(401), basic_login=True, demands="basic"),
    Says(row="7.34 401", meaning=Meaning.UNKNOWN, reason=Reason.WAF_BLOCK, steps=LOGINS, statuses=_at(401),
         shapes=frozenset({BodyShape.HTML}), demands="none"),
    Says(row="7.31", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=LOGINS, statuses=_at(401)),
    # the token endpoint (7.27-7.35)
    Says(row="7.27", meaning=Meaning.ACCEPTED, steps=LOGINS, statuses=_at(200), grant=True, basic_login=False),
    Says(row="7.29", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=LOGINS, statuses=_at(200)),
    Says(row="402", meaning=Meaning.BARRED, reason=Reason.ENTITLEMENT_MISSING, steps=_SCOPED | PULLS, statuses=_at(402)),
    Says(row="451", meaning=Meaning.BARRED, reason=Reason.GEO_BLOCKED, steps=_SCOPED | PULLS, statuses=_at(451)),
    Says(row="7.34 403", meaning=Meaning.UNKNOWN, reason=Reason.WAF_BLOCK, steps=LOGINS | PULLS, statuses=_at(403), shapes=frozenset({BodyShape.HTML})),
    Says(row="7.33", meaning=Meaning.DENIED, reason=Reason.AMBIGUOUS_REFUSAL, steps=LOGINS, statuses=_at(403), shapes=JSON_SHAPED),
    Says(row="7.33 text", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=LOGINS, statuses=_at(403)),
    # OAuth says so of a token that is dead, and also of one that another client was given (RFC 6749, 5.2)
    Says(row="oauth grant", meaning=Meaning.DENIED, steps=LOGINS, statuses=_at(400), codes=frozenset({"invalid_grant"}), traded_in=True),
    Says(row="7.35", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=LOGINS),
    # the manifest (7.37-7.44)
    Says(row="7.44 schema 1", meaning=Meaning.UNSUPPORTED, reason=Reason.UNSUPPORTED_MANIFEST, steps=PULLS, statuses=_at(200),
         manifest=frozenset({"schema1", "artifact"})),
    Says(row="7.37", meaning=Meaning.READABLE, steps=PULLS, statuses=_at(200), manifest=frozenset({"index", "image"})),
    Says(row="7.39", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=PULLS, statuses=_at(200)),
    # a storage that the registry led to looked at no login: its no denies nothing
    Says(row="3.2 led", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=PULLS, statuses=_at(401, 403), authorized=False, led=True),
    Says(row="7.41", meaning=Meaning.STALE, reason=Reason.TOKEN_REJECTED, steps=PULLS, statuses=_at(401), codes=frozenset({"invalid_token"})),
    # a page is a proxy's or an ingress' word (as in 7.34 and 7.39), unless it repeats a registry's challenge
    Says(row="7.42 page", meaning=Meaning.UNKNOWN, reason=Reason.WAF_BLOCK, steps=PULLS, statuses=_at(401), shapes=frozenset({BodyShape.HTML}), demands="none"),
    Says(row="7.43 page", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=PULLS, statuses=_at(404), shapes=frozenset({BodyShape.HTML})),
    Says(row="412", meaning=Meaning.BARRED, reason=Reason.POLICY_DENIED, steps=PULLS, statuses=_at(412)),
    Says(row="7.42", meaning=Meaning.DENIED, reason=Reason.NO_PULL_PERMISSION, steps=PULLS, statuses=_at(401, 403)),
    Says(row="7.43 name", meaning=Meaning.REPOSITORY_MISSING, reason=Reason.REPOSITORY_NOT_FOUND, steps=PULLS, statuses=_at(404),
         codes=frozenset({"NAME_UNKNOWN"})),
    Says(row="7.43", meaning=Meaning.TAG_MISSING, reason=Reason.TAG_NOT_FOUND, steps=PULLS, statuses=_at(404)),
    Says(row="HEAD 405", meaning=Meaning.NO_HEAD, reason=Reason.PROTOCOL, steps=_PULL, statuses=_at(405)),
    Says(row="config", meaning=Meaning.READABLE, steps=_CONFIG, statuses=_at(200)),
)  # fmt: skip
"""Read from the top; numbers are rows of registries/README.md section 7."""

NO_ROW: Final = Reading(Meaning.UNKNOWN, Reason.PROTOCOL, "none")


def reason_of(failure: Failure) -> Reason:
    """The reason by a failure's own name: every failure is one."""
    return Reason(failure.value)


def read(exchange: Exchange, own_rows: Iterable[Says] = ()) -> Reading:
    """What `exchange` says; `own_rows` are the provider's. Total: it never raises."""
    if exchange.failure is not None:
        return Reading(Meaning.UNKNOWN, reason_of(exchange.failure), "failure")
    if exchange.next_url is not None:
        return Reading(Meaning.ON, Reason.UNSAFE_REDIRECT, "3.2")
    judged = not exchange.basic or not any(says.fits(exchange) for says in UNJUDGED)
    throttled = exchange.code == "TOOMANYREQUESTS" and exchange.status != 429  # whatever a vendor's 401 or 403 says else
    for says in own_rows if judged and not throttled else ():
        if says.fits(exchange):
            return Reading(says.meaning, says.reason, says.row)
    for says in _rows_at(exchange.step, exchange.status):
        if says.fits(exchange):
            return Reading(says.meaning, says.reason, says.row)
    return NO_ROW


@cache
def _rows_at(step: Step, status: int | None) -> tuple[Says, ...]:
    """The rows of READ that may speak of an answer at this step with this status."""
    return tuple(
        says for says in READ if (says.steps is None or step in says.steps) and (says.statuses is None or status in says.statuses)
    )  # fmt: skip
