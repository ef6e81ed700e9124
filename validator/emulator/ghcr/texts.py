"""GitHub's own words and forms: messages, paths, dates, base64. registries/ghcr.md 3, 4, 6."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

PLACEHOLDER: Final = "repository:user/image:pull"
"""The scope of the challenge at `/v2/`."""

PART: Final = re.compile(r"/v2/(?P<name>.+)/(?P<part>manifests|blobs)/(?P<reference>[^/]+)")
PACKAGE: Final = re.compile(r"/(?:orgs|users)/(?P<owner>[^/]+)/packages/container/(?P<name>[^/]+)")
RAW_TOKEN: Final = re.compile(r"gh[a-z]_|github_pat_")

DOCS: Final = "https://docs.github.com/rest"
UNAUTHENTICATED: Final = "unauthenticated: User cannot be authenticated with the token provided."
REQUESTED: Final = "requested access to the resource is denied"
EXPECTED_SCOPES: Final = "permission_denied: The token provided does not match expected scopes."
READ_PACKAGE: Final = "permission_denied: read_package"
THROTTLED: Final = "retry-after: 880.092µs, allowed: 44000/minute"

INTEGRATION: Final = "Resource not accessible by integration"
NO_AGENT: Final = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
LOCKED: Final = "Maximum number of login attempts exceeded. Please try again later."
SCOPE: Final = "You need at least read:packages scope to get a package."
SSO: Final = "Resource protected by organization SAML enforcement. You must grant your personal access token access to this organization."
ADDRESS: Final = (
    "Although you appear to have the correct authorization credentials, the `{}` organization has an IP allow list enabled, "
    "and your IP address is not permitted to access this resource."
)
LIFETIME: Final = (
    "The '{}' enterprise forbids access via a personal access tokens (classic) if the token's lifetime is greater than 365 days. "
    "Please adjust your token's lifetime at the following URL: https://github.com/settings/tokens/1"
)


def message(text: str, status: int) -> dict[str, str]:
    """The API's error body."""
    return {"message": text, "documentation_url": DOCS, "status": str(status)}


def expiration(at: float, style: str) -> str:
    """The end of a token as the API's header writes it; `style` "utc" or "offset"."""
    if style == "offset":
        return datetime.fromtimestamp(at, timezone(timedelta(hours=-7))).strftime("%Y-%m-%d %H:%M:%S %z")
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def to_base64(text: str) -> str:
    """Standard base64 of the UTF-8."""
    return base64.b64encode(text.encode()).decode()


def from_base64(text: str) -> str | None:
    """What standard base64 holds; None if it is none."""
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        return None
