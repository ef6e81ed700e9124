"""Google Artifact Registry, `REGION-docker.pkg.dev`, and `gcr.io`, which it serves now. Facts: registries/others.md 3.

A no at its token endpoint is a 403 whatever it is about: the words alone tell whether the pair was taken. A third text says
nothing of a key. Only with a scope is it known to look at a pair: with an image the scoped login comes first, and without one
a no says nothing at all.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Step
from validator.protocol.base import parse_json
from validator.protocol.errcode import BodyShape
from validator.providers.base import Provider, Shape, foreign, jwt_end, random_text
from validator.verdict import Meaning, Outcome, Reason, Says, Traits, row, words

KEY: Final = "_json_key"
ENCODED_KEY: Final = "_json_key_base64"
TOKEN: Final = "oauth2accesstoken"
_SCOPED: Final = frozenset({Step.SCOPED})
_NO: Final = frozenset({401, 403})
_ERRORS: Final = frozenset({BodyShape.ERRORS, BodyShape.OAUTH})
_NO_PAGE: Final = frozenset(BodyShape) - {BodyShape.HTML}
_CODES: Final = frozenset({"", "DENIED", "UNAUTHORIZED", "FORBIDDEN", "UNKNOWN"})
"""A throttle in a 403 is none of these."""


def look(username: str, secret: str) -> Shape:
    """Which of the three usernames stands before which secret; a key file must be one, an access token is dead within the hour."""
    text = secret.strip()
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if foreign(text, "gar"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if username == TOKEN:
        return (
            Shape(fault=Reason.WRONG_USERNAME) if text.startswith("{") else Shape(kind="access token", short_lived=True, expires_at=jwt_end(text)[0])
        )
    if username == KEY:
        return Shape(kind="key", fault=_fault_of(text))
    if username == ENCODED_KEY:
        decoded = _decoded(text)
        fault = Reason.WRONG_USERNAME if text.startswith(("{", "ya29.")) else _fault_of(decoded) if decoded is not None else Reason.MALFORMED_TOKEN
        return Shape(kind="key", fault=fault)
    return Shape(hints=("username_form",))


def _fault_of(text: str) -> str:
    """What is wrong with a key file: a reason code, or ""."""
    if text.startswith("ya29."):
        return Reason.WRONG_USERNAME
    key = parse_json(text.encode())
    if not isinstance(key, dict):
        inside = _decoded(text)
        return Reason.ENCODED_SECRET if inside is not None and inside.lstrip().startswith("{") else Reason.MALFORMED_TOKEN
    whole = isinstance(key.get("private_key"), str) and isinstance(key.get("client_email"), str)
    # a key of another type is the wire's to judge
    return "" if whole or key.get("type", "service_account") != "service_account" else Reason.MALFORMED_TOKEN


def _decoded(text: str) -> str | None:
    """The text in base64, with or without line ends and padding; None if it is none."""
    packed = "".join(text.split())
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def made_up(random: Random) -> tuple[str, str]:
    """A whole key file of a service account and project that nobody has."""
    project = f"validator-control-{random_text(random, 12).lower()}"
    body = random_text(random, 1600)
    key = {
        "type": "service_account", "project_id": project, "private_key_id": random_text(random, 40, "0123456789abcdef"),
        "private_key": f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n",
        "client_email": f"validator-control@{project}.iam.gserviceaccount.com", "client_id": random_text(random, 21, "0123456789"),
    }  # fmt: skip
    return KEY, json.dumps(key)


_KEYS: Final = "https://console.cloud.google.com/iam-admin/serviceaccounts"

GAR: Final = Provider(
    key="gar",
    title="Artifact Registry",
    hosts=frozenset(map(Host, ("gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"))),
    host_form=re.compile(r"[a-z0-9-]+-docker\.pkg\.dev"),
    look=look,
    made_up=made_up,
    scope_first=True,
    lines_inside=True,
    nodes_bring=True,
    traits=Traits(
        rows=(
            # without a scope nobody knows what it looks at: a no there is none to the secret
            Says(row="gar no scope", meaning=Meaning.DENIED, reason=Reason.AMBIGUOUS_REFUSAL, steps=frozenset({Step.LOGIN}), statuses=_NO,
                 shapes=_NO_PAGE, codes=_CODES),
            Says(row="gar not taken", meaning=Meaning.REFUSED, reason=Reason.REFUSED, steps=_SCOPED, statuses=_NO, shapes=_ERRORS, codes=_CODES,
                 text=words(r"\bunauthenticated requests?\b|no valid credential was supplied")),
            Says(row="gar taken, denied", meaning=Meaning.ADMITTED, reason=Reason.HIDDEN_OR_DENIED, steps=_SCOPED, statuses=frozenset({403}),
                 shapes=_ERRORS, codes=_CODES, text=words(r"\bpermission .{0,3}artifactregistry\.[a-z.]{1,80}.{0,3} denied on resource\b")),
            # a third text, or one that says itself that it does not say which
            Says(row="gar third text", meaning=Meaning.DENIED, reason=Reason.AMBIGUOUS_REFUSAL, steps=_SCOPED, statuses=_NO, shapes=_NO_PAGE,
                 codes=_CODES),
        ),
    ),
    table=(
        # too little against a key that lives for years, enough against what is dead within the hour
        row("gar third text", Outcome.MISCONFIGURED, Reason.SHORT_LIVED, secret=Meaning.DENIED, kind_dies_soon=True),
        row("gar third text", Outcome.UNKNOWN, Reason.AMBIGUOUS_REFUSAL, secret=Meaning.DENIED),
    ),
    secret_shapes=(re.compile(r"ya29\.[A-Za-z0-9_.-]{16,}"), re.compile(r"-----BEGIN PRIVATE KEY-----[^-]{16,}")),
    renew=URL(_KEYS),
    causes=MappingProxyType({
        Reason.REFUSED: "Google does not take this key: it was deleted or switched off, or its service account was.",
        Reason.SHORT_LIVED: "An access token of Google lives one hour: a stored one is dead.",
        Reason.MALFORMED_TOKEN: "What is stored is not a whole JSON key file of a service account: quotes, line breaks or an end were lost; it was not sent.",
        Reason.ENCODED_SECRET: "What is stored is a key file in base64, under the username for a plain one.",
        Reason.WRONG_USERNAME: "The username is for another kind of secret: _json_key is for a JSON key file, oauth2accesstoken for an access token.",
        Reason.HIDDEN_OR_DENIED: "Google takes the credential, and says that it may not read this repository, or that there is none of that name.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: f"Make a new key of a service account that may read the repository ({_KEYS}) and store the whole file with the username _json_key",
        Reason.SHORT_LIVED: f"A token that lives one hour cannot be stored: store a service account's key file ({_KEYS}) with the username _json_key, or let "
        "the nodes' own account pull",
        Reason.MALFORMED_TOKEN: "Store the whole file again, from standard input or a file so that no shell changes it: auth=@key.json with the username _json_key",
        Reason.ENCODED_SECRET: "Store it with the username _json_key_base64, or the plain file with _json_key",
        Reason.WRONG_USERNAME: "Store a JSON key file with the username _json_key (in base64: _json_key_base64); an access token lives one hour and cannot be stored",
        Reason.NO_PULL_PERMISSION: "Give the service account the role Artifact Registry Reader on the repository",
        Reason.HIDDEN_OR_DENIED: "Check the image's project, region and name; if they are right, give the service account the role Artifact Registry Reader there",
    }),
)  # fmt: skip
