"""The words of a verdict: outcomes, reasons, hints, and the values that carry them. Closed lists; pure.

The list of reasons is the contract's; a new one needs a row of a table and words in `words.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What is true of a credential."""

    VALID = "valid"
    INVALID = "invalid"
    INSUFFICIENT = "insufficient"
    MISCONFIGURED = "misconfigured"
    UNPROVABLE = "unprovable"
    UNKNOWN = "unknown"


class ImageOutcome(StrEnum):
    """What is true of an image for a user."""

    PULLABLE = "pullable"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    WRONG_PLATFORM = "wrong_platform"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """How far a valid credential was proven."""

    LOGIN = "login"
    PULL = "pull"


class Reason(StrEnum):
    """Why; every verdict and image outcome carries exactly one."""

    LOGIN_ACCEPTED = "login_accepted"
    PULL_PROVEN = "pull_proven"
    REFUSED = "refused"
    EXPIRED = "expired"
    REVOKED = "revoked"
    OWNER_DISABLED = "owner_disabled"
    NO_PULL_PERMISSION = "no_pull_permission"
    LOGIN_DENIED = "login_denied"
    SCOPE_MISSING = "scope_missing"
    SERVICE_MISSING = "service_missing"
    WRONG_KIND = "wrong_kind"
    SSO_REQUIRED = "sso_required"
    POLICY_DENIED = "policy_denied"
    EMPTY_SECRET = "empty_secret"
    EMPTY_USERNAME = "empty_username"
    WRONG_USERNAME = "wrong_username"
    USERNAME_LOST = "username_lost"
    BAD_CHARACTERS = "bad_characters"
    FOREIGN_TOKEN = "foreign_token"
    MALFORMED_TOKEN = "malformed_token"
    TOKEN_REQUIRED = "token_required"
    ENCODED_SECRET = "encoded_secret"
    SHORT_LIVED = "short_lived"
    BAD_REGISTRY_NAME = "bad_registry_name"
    HOST_UNKNOWN = "host_unknown"
    NOT_A_REGISTRY = "not_a_registry"
    ANONYMOUS_REGISTRY = "anonymous_registry"
    ACCEPTS_ANYONE = "accepts_anyone"
    PUBLIC_ONLY = "public_only"
    CONTROL_MISSING = "control_missing"
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_FAILURE = "dns_failure"
    CONNECT_FAILED = "connect_failed"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_NAME = "tls_name"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    THROTTLED = "throttled"
    PULL_LIMIT = "pull_limit"
    SERVER_ERROR = "server_error"
    PROXY_ERROR = "proxy_error"
    CAPTIVE_PORTAL = "captive_portal"
    WAF_BLOCK = "waf_block"
    PROTOCOL = "protocol"
    BODY_TOO_LARGE = "body_too_large"
    TOKEN_REJECTED = "token_rejected"
    AMBIGUOUS_REFUSAL = "ambiguous_refusal"
    CONTRADICTION = "contradiction"
    ACCOUNT_LOCKED = "account_locked"
    ADDRESS_BANNED = "address_banned"
    ADDRESS_REFUSED = "address_refused"
    UNSAFE_REALM = "unsafe_realm"
    UNSAFE_ADDRESS = "unsafe_address"
    UNSAFE_REDIRECT = "unsafe_redirect"
    INSECURE_SCHEME = "insecure_scheme"
    BUDGET_SPENT = "budget_spent"
    REGISTRY_ILL = "registry_ill"
    ROTATED = "rotated"
    UNREADABLE = "unreadable"
    DISABLED_BY_OPERATOR = "disabled_by_operator"
    NODE_CREDENTIALS_POSSIBLE = "node_credentials_possible"
    UNRENDERED = "unrendered"
    PULL_OK = "pull_ok"
    PUBLIC = "public"
    CREDENTIAL_REFUSED = "credential_refused"
    HIDDEN_OR_DENIED = "hidden_or_denied"
    KEY_BLOCKS_PUBLIC = "key_blocks_public"
    ENTITLEMENT_MISSING = "entitlement_missing"
    GEO_BLOCKED = "geo_blocked"
    NO_CREDENTIAL = "no_credential"
    PULL_SECRET_BROKEN = "pull_secret_broken"
    TAG_NOT_FOUND = "tag_not_found"
    REPOSITORY_NOT_FOUND = "repository_not_found"
    INVALID_REFERENCE = "invalid_reference"
    PLATFORM_MISSING = "platform_missing"
    PLATFORM_MISMATCH = "platform_mismatch"
    UNSUPPORTED_MANIFEST = "unsupported_manifest"


UNSENT: Final = "shape"
"""The row of a verdict that the stored text alone decides: nothing was sent, so no registry said anything."""


class Hint(StrEnum):
    """A likely cause, or something to know; a hint never changes a verdict."""

    WHITESPACE = "whitespace"
    SHORT_LIVED = "short_lived"
    LOOKS_CUT = "looks_cut"
    USERNAME_FORM = "username_form"
    USERNAME_DIFFERS = "username_differs"
    USE_A_TOKEN = "use_a_token"
    NEW_KEY = "new_key"
    TERMS = "terms"
    SCOPE_THE_KEY = "scope_the_key"
    DEAD_KEY_FIRST = "dead_key_first"
    PUBLIC_IMAGE = "public_image"
    PULL_LIMIT_NEAR = "pull_limit_near"
    IP_RESTRICTED = "ip_restricted"
    OWNER_OTHER = "owner_other"
    DUPLICATE_SCOPE = "duplicate_scope"
    NEVER_MATCHES = "never_matches"
    DOCKER_HUB_KEY_UNUSED = "docker_hub_key_unused"
    PLAINTEXT_IN_STORE = "plaintext_in_store"
    STORE_DAMAGED = "store_damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVerdict:
    """What will happen to one image. `platforms` are texts like `linux/amd64`; None = not known or not asked."""

    outcome: ImageOutcome
    reason: Reason
    hints: tuple[Hint, ...] = ()
    digest: str | None = None
    platforms: tuple[str, ...] | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is true of one credential, and of the image it was asked for.

    `retry_after_s` counts from the end of the probe; `level` is set for `valid` only. `step` is the evidence's step that
    decided, for `explain`; `row` names the row of the table.
    """

    outcome: Outcome
    reason: Reason
    level: Level | None = None
    hints: tuple[Hint, ...] = ()
    retry_after_s: float | None = None
    expires_at: datetime | None = None
    image: ImageVerdict | None = None
    row: str = ""
