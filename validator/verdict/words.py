"""What a verdict says to a person: one sentence of cause and advice to act on, for every reason. Pure.

A provider's own words (its pages, its names) come before these. No text of a registry stands in them.
"""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType
from typing import Final

from validator.verdict.base import UNSENT, Hint, Outcome, Reason, Verdict

_LATER: Final = "Ask again later; nothing is known against the credential"
_OPERATOR: Final = "Tell the platform's operator; nothing is known against the credential"
OSMOS_OWN_IS: Final = "OSMO pulls its own images with it in every pod: without it every workflow stops"
OSMOS_ADVICE: Final = "set `backend_images.credential` in OSMO's configuration"
"""What its operator does about it; a user can do nothing."""

WORDS: Final = MappingProxyType({
    Reason.LOGIN_ACCEPTED: ("The registry accepts this login, and refuses a made-up one.", "Nothing to do; only an image that nobody else may read would prove a pull"),
    Reason.PULL_PROVEN: ("The credential reads an image that nobody else may read.", "Nothing to do"),
    Reason.REFUSED: ("The registry refuses this username and secret.", "Make a new secret at the registry, and store it"),
    Reason.EXPIRED: ("The registry says that this secret has expired.", "Make a new secret at the registry, and store it"),
    Reason.REVOKED: ("The registry says that this secret was revoked or deleted.", "Make a new secret at the registry, and store it"),
    Reason.OWNER_DISABLED: (
        "The registry says that the secret's owner is switched off.", "A new secret does not help: ask who runs the registry to enable the owner",
    ),
    Reason.NO_PULL_PERMISSION: (
        "The registry knows this credential, and does not let it pull this image.", "Ask the image's owner for read access, or use another account",
    ),
    Reason.LOGIN_DENIED: (
        "The registry knows of this login and denies it, twice apart.", "Ask who runs the registry why this account may not log in",
    ),
    Reason.SCOPE_MISSING: ("The token lives, but lacks the scope for pulling.", "Make a token that may pull images, or widen this one"),
    Reason.SERVICE_MISSING: ("The key lives, but has not the registry's service.", "Make a key with the registry's service"),
    Reason.WRONG_KIND: ("This kind of token can never pull images here.", "Make a token of a kind that may pull images"),
    Reason.SSO_REQUIRED: ("The token is not authorised for the organisation's single sign-on.", "Authorise it for the organisation"),
    Reason.POLICY_DENIED: ("A policy of the owner forbids it, and says so.", "Ask the image's owner which policy it is"),
    Reason.EMPTY_SECRET: ("No secret is stored.", "Store the secret"),
    Reason.EMPTY_USERNAME: ("No username is stored, and this registry needs one.", "Store the username beside the secret"),
    Reason.WRONG_USERNAME: ("This registry fixes the username, and another one is stored.", "Store the username that the registry wants"),
    Reason.USERNAME_LOST: (
        "The store lost the username and keeps ciphertext in its place.", "Set the credential again, with its username; the secret may be good",
    ),
    Reason.BAD_CHARACTERS: (
        "The username or secret holds a character that no login can carry (a control character, or a colon in the username).",
        "Store it again without that character",
    ),
    Reason.FOREIGN_TOKEN: ("The secret has the form of another vendor's token; it was not sent.", "Store it under its own registry"),
    Reason.MALFORMED_TOKEN: ("The secret fails the form of its own vendor: mistyped or cut; it was not sent.", "Copy the whole secret again"),
    Reason.TOKEN_REQUIRED: ("The registry takes no password for this account: only a token works.", "Make an access token and store that"),
    Reason.ENCODED_SECRET: ("The stored secret is an encoded or quoted form of the secret.", "Store the bare secret"),
    Reason.SHORT_LIVED: (
        "This kind of secret lives for hours by design: a stored one is dead soon.", "Store a long-lived secret, or use a job that renews it",
    ),
    Reason.BAD_REGISTRY_NAME: (
        "The registry's text cannot be read as a host and path.", "Write the registry as host or host/path, such as nvcr.io/org, without a username",
    ),
    Reason.HOST_UNKNOWN: ("The registry's name does not exist.", "Check the registry's spelling"),
    Reason.NOT_A_REGISTRY: ("Something else than a registry answers at this address.", "Check the registry's address and spelling"),
    Reason.ANONYMOUS_REGISTRY: (
        "The registry asks nobody for a login, so nothing can be said of this credential.", "If images pull without it, the credential does nothing",
    ),
    Reason.ACCEPTS_ANYONE: (
        "The registry accepts made-up secrets as well, so its yes says nothing.", "Name a private image to prove the credential; on a mirror or a public registry it does nothing, and may be deleted",
    ),
    Reason.PUBLIC_ONLY: ("All that could be read is public, so reading it proves nothing.", "Name a private image to prove the credential"),
    Reason.CONTROL_MISSING: (
        "The registry accepted this login, but whether it would refuse another was not tried yet.", "Ask again later; the control is made when it may be",
    ),
    Reason.DNS_NXDOMAIN: ("The registry's name was not found.", "Check the registry's spelling; if it is right, ask the operator about DNS"),
    Reason.DNS_FAILURE: ("The registry's name could not be looked up.", _OPERATOR),
    Reason.CONNECT_FAILED: ("No connection to the registry, or it broke.", _LATER),
    Reason.TLS_UNTRUSTED: ("The registry's certificate is from an authority that this machine does not know.", "Name its authority by --ca-file"),
    Reason.TLS_EXPIRED: ("The registry's certificate is out of date, or this machine's clock is.", "Check the clock, then tell who runs the registry"),
    Reason.TLS_NAME: ("The registry's certificate is for another name.", "Check the registry's name, then tell who runs it"),
    Reason.TLS_FAILED: ("No TLS there, or the handshake broke.", "Check the port; plain http needs --plain-http HOST"),
    Reason.TIMEOUT: ("The registry took too long.", _LATER),
    Reason.DEADLINE: ("There was no time left for the answer.", "Ask again: the probe goes on and its answer is kept"),
    Reason.THROTTLED: ("The registry asks to come later.", _LATER),
    Reason.PULL_LIMIT: ("The pull quota of the account or address is used up.", "Wait for the quota to refill"),
    Reason.SERVER_ERROR: ("The registry is ill.", _LATER),
    Reason.PROXY_ERROR: ("A proxy on the way answered instead of the registry.", _OPERATOR),
    Reason.CAPTIVE_PORTAL: ("A web page answered where a registry should.", "Check the network's login page, and the registry's spelling"),
    Reason.WAF_BLOCK: ("A firewall's page answered instead of the registry.", _OPERATOR),
    Reason.PROTOCOL: ("The answer breaks the registry protocol, so it says nothing of the credential.", _OPERATOR),
    Reason.BODY_TOO_LARGE: ("The answer was larger than is read.", _OPERATOR),
    Reason.TOKEN_REJECTED: ("The registry refuses the token that its own server gave.", "Check this machine's and the registry's clocks"),
    Reason.AMBIGUOUS_REFUSAL: ("The registry said no, but not in a way that is about this secret alone.", "Ask again in a while"),
    Reason.CONTRADICTION: ("Two systems of the vendor disagree on this secret.", _LATER),
    Reason.ACCOUNT_LOCKED: ("The account is locked for a while after failed logins; the right secret gets the same answer.", _LATER),
    Reason.ADDRESS_BANNED: ("Our address is banned for a while after failed logins; good secrets get the same answer.", _OPERATOR),
    Reason.ADDRESS_REFUSED: ("The registry does not serve our address; the nodes' may be another.", _OPERATOR),
    Reason.UNSAFE_REALM: (
        "The registry names a login server that may not have this secret; nothing was sent.",
        "If that server is right, the operator lists it: --realm-host HOST, or realm_hosts in the settings",
    ),
    Reason.UNSAFE_ADDRESS: (
        "The name leads to a private or reserved address; nothing was sent.", "If that is right, the operator lists it: --allow-private HOST",
    ),
    Reason.UNSAFE_REDIRECT: ("A redirect would have led the secret astray; it was not followed.", _OPERATOR),
    Reason.INSECURE_SCHEME: (
        "Plain http where https is due; nothing was sent.", "If plain http is right, the operator lists it: --plain-http HOST",
    ),
    Reason.BUDGET_SPENT: ("Our own limit on logins at this registry is used up for now.", "Ask again later; it protects the address from a ban"),
    Reason.REGISTRY_ILL: ("The registry refuses what it should accept, so its no to this secret says nothing.", _LATER),
    Reason.ROTATED: ("The credential changed while it was looked at.", "Ask again"),
    Reason.UNREADABLE: ("The stored credential cannot be read.", "The operator checks the store and its master key; nothing is known against the credential"),
    Reason.DISABLED_BY_OPERATOR: ("The operator told us not to ask this registry.", "Nothing to do"),
    Reason.NODE_CREDENTIALS_POSSIBLE: ("No stored credential matches, but the nodes may bring their own.", "Check the nodes' own access"),
    Reason.UNRENDERED: ("The image's name still holds a template.", "Render the workflow first, or give the variable a value"),
    Reason.PULL_OK: ("The image can be pulled with this credential.", "Nothing to do"),
    Reason.PUBLIC: ("The image can be pulled by anyone.", "Nothing to do"),
    Reason.CREDENTIAL_REFUSED: (
        "Every stored credential that matches is refused, and a cluster does not try without one.", "Renew or delete the credential",
    ),
    Reason.HIDDEN_OR_DENIED: (
        "The registry says the same for \"may not\" and \"does not exist\".", "Check the image's name; if it is right, ask its owner for read access",
    ),
    Reason.KEY_BLOCKS_PUBLIC: (
        "The image is public, but this living key is refused there, and the cluster sends it.", "Store the credential for a narrower path",
    ),
    Reason.ENTITLEMENT_MISSING: ("The account has not bought, joined or accepted what this image wants.", "Get the entitlement at the vendor"),
    Reason.GEO_BLOCKED: ("The vendor does not offer this image in the country that we ask from.", "Ask the vendor; the cluster may stand elsewhere"),
    Reason.NO_CREDENTIAL: ("Anonymous is refused (private, or no such image), and no stored credential matches.", "Store a credential for this registry, or check the image's name"),
    Reason.PULL_SECRET_BROKEN: ("A pull secret cannot be read, so the cluster gives up.", "Repair or remove that pull secret"),
    Reason.TAG_NOT_FOUND: ("The registry has no such tag or digest.", "Check the tag"),
    Reason.REPOSITORY_NOT_FOUND: ("The registry has no such repository, or hides it from this user.", "Check the name; if it is right, ask its owner for read access"),
    Reason.INVALID_REFERENCE: ("This is not an image reference.", "Write host/path:tag, without https:// and in lower case"),
    Reason.PLATFORM_MISSING: ("The image has nothing for this platform.", "Build the image for the platform, or run on another one"),
    Reason.PLATFORM_MISMATCH: ("The image is for another platform: it would be pulled and could not run.", "Build the image for the platform, or run on another one"),
    Reason.UNSUPPORTED_MANIFEST: ("This is no container image that a node can run.", "Push it again with a current tool, or check the reference"),
})  # fmt: skip
"""(cause, advice) of every reason; a test walks the enum."""

HINTS: Final = MappingProxyType({
    Hint.WHITESPACE: "White space or a line end stands around the stored secret; it is sent as stored.",
    Hint.SHORT_LIVED: "It works now, but this kind dies within hours.",
    Hint.LOOKS_CUT: "The secret's checksum fails: it may be cut or mistyped.",
    Hint.USERNAME_FORM: "The username may not be the one that belongs to this secret.",
    Hint.USERNAME_DIFFERS: "The secret's owner has another name than the stored username.",
    Hint.USE_A_TOKEN: "A right password can be refused too (two-factor login, single sign-on): use a token.",
    Hint.NEW_KEY: "It was never seen to work: a new key may need a minute.",
    Hint.TERMS: "Terms may not have been accepted.",
    Hint.SCOPE_THE_KEY: "A narrower path would spare public images.",
    Hint.DEAD_KEY_FIRST: "A dead key stands before the good one.",
    Hint.PUBLIC_IMAGE: "The image itself is public.",
    Hint.PULL_LIMIT_NEAR: "The pull quota at our address is used up.",
    Hint.IP_RESTRICTED: "The registry restricts addresses: our answer and the nodes' may differ.",
    Hint.OWNER_OTHER: "The key is not a person's.",
    Hint.DUPLICATE_SCOPE: "Two credentials are stored for one scope.",
    Hint.NEVER_MATCHES: "No image matches the stored registry's text.",
    Hint.DOCKER_HUB_KEY_UNUSED: "The platform writes this Docker Hub credential under a name that no node looks up.",
    Hint.PLAINTEXT_IN_STORE: "The store holds it in clear.",
    Hint.STORE_DAMAGED: "The store damaged the row.",
})  # fmt: skip


_AS_STORED: Final = (
    "The registry refuses this secret as it is stored, with white space or a line end around it; without that it may be a good one.",
    "Store the secret again without the white space; if it is refused then, too, make a new one",
)


def cause_and_advice(reason: Reason, causes: object = None, advice: object = None, *, hints: Collection[str] = ()) -> tuple[str, str]:
    """The two sentences for `reason`; `causes` and `advice` are a provider's own mappings, looked at first.

    `hints` are the verdict's: white space around a refused secret is named before any other cause (registries/README.md 4.2.5).
    """
    if reason is Reason.REFUSED and Hint.WHITESPACE in hints:
        return _AS_STORED
    cause, what = WORDS[reason]
    own_cause = causes.get(reason) if isinstance(causes, dict | MappingProxyType) else None
    own_advice = advice.get(reason) if isinstance(advice, dict | MappingProxyType) else None
    return own_cause or cause, own_advice or what


_OF_THE_KEY: Final = frozenset({Reason.SERVICE_MISSING, Reason.WRONG_KIND})


def told_of(image: Reason, credential: Verdict) -> Reason:
    """Whose words an image gets: the credential's, where nothing was sent with it, or where its kind or services are what it lacks.

    Else who stored a key that can read nothing there is told to ask for access to the image.
    """
    unsent = image is Reason.AMBIGUOUS_REFUSAL and credential.row == UNSENT
    lacking = image is Reason.HIDDEN_OR_DENIED and credential.outcome is Outcome.INSUFFICIENT and credential.reason in _OF_THE_KEY
    return credential.reason if unsent or lacking else image
