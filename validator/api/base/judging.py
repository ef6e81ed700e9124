"""What one answer of a registry means for the limits of its caller."""

from __future__ import annotations

from typing import Final

from validator.api.base.problem import Kind, Problem
from validator.evidence import Party, Step
from validator.probe import Probed
from validator.protocol.manifest import Platform, parse_platform
from validator.verdict import Reason

CHECK_S: Final = 60.0
"""The longest that a caller waits for one verdict: lanes are paced, and a refused login is repeated after some seconds."""

_NO_REGISTRY: Final = frozenset({
    Reason.UNSAFE_ADDRESS, Reason.DNS_NXDOMAIN, Reason.DNS_FAILURE, Reason.HOST_UNKNOWN, Reason.NOT_A_REGISTRY, Reason.CONNECT_FAILED,
    Reason.TIMEOUT, Reason.TLS_FAILED, Reason.TLS_NAME, Reason.TLS_UNTRUSTED, Reason.TLS_EXPIRED, Reason.PROTOCOL, Reason.INSECURE_SCHEME,
    Reason.UNSAFE_REALM, Reason.UNSAFE_REDIRECT, Reason.BODY_TOO_LARGE, Reason.CAPTIVE_PORTAL,
})  # fmt: skip
"""What somebody hears who looks for open ports."""


def refused(probed: Probed) -> bool:
    """True if the registry refused the secret, whatever the verdict made of it."""
    return any(
        exchange.party is Party.SUBJECT and exchange.authorized and exchange.step in (Step.LOGIN, Step.SCOPED) and exchange.status in (401, 403)
        for exchange in probed.evidence.exchanges
    )


def fruitless(probed: Probed) -> str:
    """The host, if no registry was found there; else ""."""
    return str(probed.inquiry.host) if probed.verdict.reason in _NO_REGISTRY else ""


def platform_of(text: str) -> Platform:
    """The platform; raises 400."""
    try:
        return parse_platform(text)
    except ValueError:
        raise Problem(Kind.BAD_REQUEST, "The platform is none; write one such as linux/amd64.") from None
