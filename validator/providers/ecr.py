"""Amazon ECR, private and public. Facts: registries/others.md 4 and 5.

Its passwords live 12 hours and say so: they are base64 of JSON with an `expiration`, which is read before anything is sent.
A private one takes Basic and has no token endpoint; the "realm" of its challenge is no place to go to.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Control, Step
from validator.protocol.base import parse_json
from validator.protocol.errcode import BodyShape
from validator.providers.base import Provider, Shape, foreign, random_text
from validator.verdict import Meaning, Outcome, Reason, Says, Traits, row, words

USERNAME: Final = "AWS"
_LOGINS: Final = frozenset({Step.LOGIN, Step.SCOPED})
_ERRORS: Final = frozenset({BodyShape.ERRORS, BodyShape.OAUTH})
_ACCESS_KEY: Final = re.compile(r"A[KS]IA[A-Z0-9]{12,}")
_WHOLE_LOGIN: Final = base64.b64encode(b"AWS:").decode()[:5]
_YEAR_2100: Final = 4_102_444_800
_LAST_INSTANT: Final = 253_402_300_800


def look(username: str, secret: str) -> Shape:
    """A 12-hour password with its end; an IAM access key, which no node can exchange for one."""
    text = secret.strip()
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if foreign(text, "ecr"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if _ACCESS_KEY.fullmatch(username) and len(text) == 40:
        return Shape(fault=Reason.WRONG_KIND)
    if text.startswith(_WHOLE_LOGIN):
        return Shape(fault=Reason.ENCODED_SECRET)
    if username != USERNAME:
        return Shape(hints=("username_form",))
    return Shape(kind="12-hour password", short_lived=True, expires_at=expiration(text))


def expiration(text: str) -> datetime | None:
    """The `expiration` in the JSON that the password is in base64; None where there is none to read."""
    try:
        inside = parse_json(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None
    ends = inside.get("expiration") if isinstance(inside, dict) else None
    if isinstance(ends, bool) or not isinstance(ends, int) or not 0 < ends < _LAST_INSTANT:
        return None
    return datetime.fromtimestamp(ends, UTC)


def made_up(random: Random) -> tuple[str, str]:
    """AWS fixes the username; the password has its form and a random inside."""
    inside = {"payload": random_text(random, 600), "datakey": random_text(random, 200), "version": "2", "type": "DATA_KEY", "expiration": _YEAR_2100}
    return USERNAME, base64.b64encode(json.dumps(inside).encode()).decode()


_ENDED: Final = (
    Says(row="ecr ended", meaning=Meaning.REFUSED, reason=Reason.EXPIRED, steps=_LOGINS, statuses=frozenset({400, 401, 403}),
         shapes=_ERRORS, text=words(r"authorization token has expired")),
    Says(row="ecr session ended", meaning=Meaning.REFUSED, reason=Reason.REVOKED, steps=_LOGINS, statuses=frozenset({400, 401, 403}),
         shapes=_ERRORS, text=words(r"security token included in the request is (invalid|expired)")),
)  # fmt: skip

_PAGE: Final = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html"
_INSTEAD: Final = f"use the nodes' own IAM role or the ecr-credential-provider, or a job that stores a fresh one every few hours ({_PAGE})"

ECR: Final = Provider(
    key="ecr",
    title="Amazon ECR",
    host_form=re.compile(
        r"[0-9]{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?|[0-9]{12}\.dkr-ecr(-fips)?\.[a-z0-9-]+\.on\.aws"
    ),
    look=look,
    made_up=made_up,
    nodes_bring=True,
    traits=Traits(
        rows=(
            *_ENDED,
            Says(row="ecr may not", meaning=Meaning.ALIVE, reason=Reason.NO_PULL_PERMISSION, steps=_LOGINS, statuses=frozenset({403}),
                 shapes=_ERRORS, text=words(r"is not authorized to perform: ecr:")),
            Says(row="ecr not authorized", meaning=Meaning.REFUSED, reason=Reason.REFUSED, steps=_LOGINS, statuses=frozenset({401}),
                 shapes=frozenset({BodyShape.TEXT}), text=words(r"^not authorized\b")),
        ),
    ),
    table=(row("ecr third text", Outcome.UNKNOWN, Reason.AMBIGUOUS_REFUSAL, secret=Meaning.DENIED),),
    secret_shapes=(re.compile(r"eyJwYXlsb2Fk[A-Za-z0-9+/=]{40,}"),),
    renew=URL(_PAGE),
    causes=MappingProxyType({
        Reason.SHORT_LIVED: "An ECR password lives 12 hours: a stored one is dead at night.",
        Reason.WRONG_KIND: "This is an IAM access key: no node can exchange it for an ECR password.",
        Reason.ENCODED_SECRET: "What is stored is ECR's whole login in base64 (AWS:password), not the password.",
        Reason.REFUSED: "ECR refuses this pair: its username is AWS, and its password one that ECR gave out.",
    }),
    advice=MappingProxyType({
        Reason.SHORT_LIVED: f"A password that lives 12 hours cannot be stored: {_INSTEAD}",
        Reason.WRONG_KIND: f"An access key cannot be stored here: {_INSTEAD}",
        Reason.ENCODED_SECRET: f"Store the password that `aws ecr get-login-password` prints; it lives 12 hours, so better {_INSTEAD}",
        Reason.REFUSED: f"Rather than a new password, which lives 12 hours, {_INSTEAD}",
        Reason.NO_PULL_PERMISSION: "Allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer to the role that the password was made with, in the repository's policy",
    }),
)  # fmt: skip

ECR_PUBLIC: Final = replace(
    ECR,
    key="ecr-public",
    title="Amazon ECR Public",
    hosts=frozenset({Host("public.ecr.aws")}),
    host_form=None,
    nodes_bring=False,
    traits=Traits(
        rows=(
            *_ENDED,
            # a bearer token that has ended, or is none: 400 and no challenge
            Says(row="ecr public old bearer", meaning=Meaning.STALE, reason=Reason.TOKEN_REJECTED, steps=frozenset({Step.PULL, Step.MANIFEST}),
                 statuses=frozenset({400}), authorized=True),
        ),
    ),
    # all its images are public: a login that anybody gets proves as much as their images do
    table=(row("ecr public", Outcome.UNPROVABLE, Reason.PUBLIC_ONLY, secret=Meaning.ACCEPTED, control=Control.ACCEPTED),),
    advice=MappingProxyType({
        **ECR.advice,
        Reason.SHORT_LIVED: "Delete it: its images are public, and a password that has ended blocks them; it lives 12 hours and cannot be stored",
        Reason.PUBLIC_ONLY: "Delete it: all images there are public, and a password that has ended would block them",
    }),
)  # fmt: skip
