"""The closed words of an exchange: where it stands, whose secret it carries, who waits, what became of it. Pure."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """Where in the conversation a request stands. On a Basic registry, LOGIN is the ping with the pair."""

    PING = "ping"
    LOGIN = "login"
    SCOPED = "scoped_login"
    PULL = "pull"
    MANIFEST = "manifest"
    CONFIG = "config"
    OPINION = "opinion"
    DETAIL = "detail"
    ELSEWHERE = "elsewhere"


class Party(StrEnum):
    """Whose secret a request carries; one party's bearer token never answers for another."""

    SUBJECT = "subject"
    ANONYMOUS = "anonymous"
    CONTROL = "control"
    CANARY = "canary"


class Asker(StrEnum):
    """Who waits for the answer: somebody now (a refused login is repeated once), or a sweep (it is confirmed later)."""

    CHECK = "check"
    PREFLIGHT = "preflight"
    SWEEP = "sweep"


class Failure(StrEnum):
    """Why there is no answer; each is the reason of an `unknown` by the same name."""

    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_FAILURE = "dns_failure"
    CONNECT_FAILED = "connect_failed"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_NAME = "tls_name"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    PROTOCOL = "protocol"
    BODY_TOO_LARGE = "body_too_large"
    PROXY_ERROR = "proxy_error"
    UNSAFE_ADDRESS = "unsafe_address"
    UNSAFE_REALM = "unsafe_realm"
    UNSAFE_REDIRECT = "unsafe_redirect"
    INSECURE_SCHEME = "insecure_scheme"
    BUDGET_SPENT = "budget_spent"
    ADDRESS_BANNED = "address_banned"
    """Not sent: the registry said a while ago that our address is banned, and that lasts."""
    PAUSED = "throttled"
    """Not sent: the registry asked to be left alone for longer than is waited for."""
    NOT_MADE = "control_missing"
    """A control that may not be made here: no durable ledger, or switched off."""


class Control(StrEnum):
    """What a control at one step came to."""

    REFUSED = "refused"
    DENIED = "denied"
    """Refused, by a 403: as good as refused wherever the vendor's page does not tell them apart."""
    ACCEPTED = "accepted"
    UNCLEAR = "unclear"
    """Not made, or its answer says nothing: the same as missing."""


class Opinion(StrEnum):
    """What a vendor's own introspection said of the secret."""

    AGREES = "agrees"
    """It refuses the secret too."""
    KNOWS = "knows"
    """The secret lives."""
    SILENT = "silent"
    """No usable answer: never a verdict."""
