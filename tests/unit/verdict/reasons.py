"""The closed list of reasons, and which verdicts and outcomes each may go with: the contract's table, by what they go with."""

from __future__ import annotations

from typing import Final

LIST: Final = {
    "valid": """
        login_accepted pull_proven
    """,
    "invalid": """
        refused expired revoked owner_disabled
    """,
    "insufficient, denied": """
        no_pull_permission scope_missing sso_required policy_denied
    """,
    "insufficient": """
        login_denied service_missing
    """,
    "insufficient, misconfigured": """
        wrong_kind
    """,
    "misconfigured": """
        empty_secret empty_username wrong_username username_lost bad_characters foreign_token malformed_token token_required
        encoded_secret bad_registry_name host_unknown not_a_registry
    """,
    "misconfigured, unprovable": """
        short_lived
    """,
    "unprovable": """
        anonymous_registry accepts_anyone public_only control_missing
    """,
    "unknown": """
        dns_nxdomain dns_failure connect_failed tls_untrusted tls_expired tls_name tls_failed timeout deadline throttled pull_limit
        server_error proxy_error captive_portal waf_block protocol body_too_large token_rejected ambiguous_refusal contradiction
        account_locked address_banned address_refused unsafe_realm unsafe_address unsafe_redirect insecure_scheme budget_spent
        registry_ill rotated unreadable disabled_by_operator node_credentials_possible unrendered
    """,
    "pullable": """
        pull_ok public
    """,
    "denied": """
        credential_refused hidden_or_denied key_blocks_public entitlement_missing geo_blocked no_credential pull_secret_broken
    """,
    "not_found": """
        tag_not_found repository_not_found invalid_reference
    """,
    "wrong_platform": """
        platform_missing platform_mismatch unsupported_manifest
    """,
}
WITH: Final[dict[str, frozenset[str]]] = {code: frozenset(names.split(", ")) for names, codes in LIST.items() for code in codes.split()}
"""An image's `unknown` may carry every reason of a credential's, too."""
HINTS: Final = [
    "whitespace",
    "short_lived",
    "looks_cut",
    "username_form",
    "username_differs",
    "use_a_token",
    "new_key",
    "terms",
    "scope_the_key",
    "dead_key_first",
    "public_image",
    "pull_limit_near",
    "ip_restricted",
    "owner_other",
    "duplicate_scope",
    "never_matches",
    "docker_hub_key_unused",
    "plaintext_in_store",
    "store_damaged",
]
