"""NVIDIA NGC, `nvcr.io`. Facts: registries/ngc.md (sections 1, 2, 4, 8)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Opinion, OpinionSeen, Step
from validator.providers.base import BEARER_ONLY, Introspection, Pace, Provider, Shape, foreign, random_text
from validator.verdict import Meaning, Outcome, Reason, Says, Traits, row

USERNAME: Final = "$oauthtoken"
NVAPI: Final = re.compile(r"nvapi-[A-Za-z0-9_-]+")
_LEGACY: Final = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_LEGACY_INSIDE: Final = re.compile(r"[A-Za-z0-9]+:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# base64 of "$oauthtoken:" and of "nvapi-": a docker auth string, or a key that was encoded once more
_ENCODED: Final = ("JG9hdXRodG9rZW46", "bnZhcGkt")
_BASE64URL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def look(username: str, secret: str) -> Shape:
    """Username rule, encoded or foreign secrets, and the kind by its form; lengths vary and never decide."""
    text = secret.strip()
    if username != USERNAME:
        return Shape(fault=Reason.WRONG_USERNAME)
    if text.startswith(_ENCODED) or (len(text) > 2 and text[0] == text[-1] and text[0] in "\"'`"):
        return Shape(fault=Reason.ENCODED_SECRET)
    if foreign(text, "ngc"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if text.startswith("nvapi-"):
        return Shape(kind="nvapi", introspect=True)
    return Shape(kind="legacy" if is_legacy(text) else "")


def is_legacy(text: str) -> bool:
    """True for base64 of `<client id>:<uuid>`, the form of keys before `nvapi-`."""
    if not _LEGACY.fullmatch(text):
        return False
    try:
        inside = base64.b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return False
    return _LEGACY_INSIDE.fullmatch(inside) is not None


def made_up(random: Random) -> tuple[str, str]:
    """NGC fixes the username; the secret is `nvapi-` and 64 characters that fail the server's own checksum."""
    return USERNAME, "nvapi-" + random_text(random, 64, _BASE64URL)


def read_opinion(status: int, headers: Mapping[str, str], body: object) -> OpinionSeen:
    """get-caller-info: 200 knows a key of any service, 401 refuses it; `isActive` says nothing and is never read.

    NGC never says its 401 in HTML (ngc.md 4): such a page is a proxy's or a firewall's, and no word of the key.
    """
    said = body if isinstance(body, dict) else {}
    request_status = said.get("requestStatus")
    code = request_status.get("statusCode") if isinstance(request_status, dict) else None
    if status == 200 and code in (None, "SUCCESS") and isinstance(said.get("type"), str):
        products = said.get("products")
        names = tuple(p for p in products if isinstance(p, str))[:20] if isinstance(products, list) else None
        return OpinionSeen(opinion=Opinion.KNOWS, kind=str(said["type"])[:40].lower(), scopes=names)
    page = body is None and "html" in headers.get("content-type", "").lower()
    if status == 401 and not page:
        return OpinionSeen(opinion=Opinion.AGREES)
    return OpinionSeen(opinion=Opinion.SILENT)


_ASK: Final = "Make a key at https://org.ngc.nvidia.com/setup/api-keys (newer address: https://org.ngc.nvidia.com/account/api-keys) with "
_MAKE: Final = _ASK + '"NGC Catalog" and "Private Registry" ticked'
_SET: Final = "then store it: credential set NAME --type REGISTRY --payload registry=nvcr.io username='$oauthtoken' auth=-"

NGC: Final = Provider(
    key="ngc",
    title="NVIDIA NGC",
    hosts=frozenset({Host("nvcr.io")}),
    realm_hosts=frozenset({"nvcr.io", "authn.nvidia.com"}),
    look=look,
    made_up=made_up,
    fixed_username=USERNAME,
    traits=Traits(
        rows=(
            *BEARER_ONLY,
            # an outage has answered 405 (ngc.md 3, 8.19): no word about the user's spelling
            Says(
                row="ngc 8.19",
                meaning=Meaning.UNKNOWN,
                reason=Reason.PROTOCOL,
                steps=frozenset({Step.PING}),
                statuses=frozenset({400, 404, 405, 410}),
            ),
        ),
        scope_blind=True,
        known_yet_refused=Reason.SERVICE_MISSING,
        denied=Reason.HIDDEN_OR_DENIED,
        foreign_key_blocks=True,
        terms_under=("nim/",),
        kinds_of_no_person=frozenset({"service_key"}),
        anonymous_401_twice=True,
        anonymous_usual=frozenset({Meaning.ACCEPTED}),
    ),
    table=(
        # B0 403: its introspection decides (ngc.md 8.12)
        row("ngc 8.12 lives", Outcome.INSUFFICIENT, Reason.SERVICE_MISSING, secret=Meaning.DENIED, opinion=Opinion.KNOWS),
        row("ngc 8.12 dead", Outcome.INVALID, Reason.REFUSED, secret=Meaning.DENIED, opinion=Opinion.AGREES, ill=False, throttled=False),
        row("ngc 8.12", Outcome.UNKNOWN, Reason.AMBIGUOUS_REFUSAL, secret=Meaning.DENIED),
    ),
    repeat_at_login=True,
    health_at_own_realm=True,
    opinion_on_denied=True,
    pace=Pace(per_second=1, burst=5, in_flight=2, refused=MappingProxyType({3600: 20}), confirm_after_s=900, challenge_fresh_s=300),
    introspection=Introspection(
        url=URL("https://api.ngc.nvidia.com"),
        path="/v3/keys/get-caller-info",
        method="POST",
        send="form",
        field_name="credentials",
        read=read_opinion,
        per_second=1 / 6,
        burst=1,
    ),
    secret_shapes=(re.compile(r"nvapi-[A-Za-z0-9_-]{16,}"),),
    renew=URL("https://org.ngc.nvidia.com/setup/api-keys"),
    causes=MappingProxyType({
        Reason.REFUSED: "NGC refuses this key: it was regenerated, deleted or has expired, or its owner left the org (NGC does not say which).",
        Reason.SERVICE_MISSING: "The key lives, but NGC's registry does not accept it: it was made without a registry service.",
        Reason.WRONG_USERNAME: "NGC wants the literal username $oauthtoken, and another one is stored.",
        Reason.ENCODED_SECRET: "The stored secret is not the key itself but an encoded or quoted form of it.",
    }),
    advice=MappingProxyType({
        Reason.EMPTY_SECRET: f"{_MAKE}; {_SET}",
        Reason.WRONG_USERNAME: "Store the username literally, in single quotes so that no shell eats it: username='$oauthtoken'",
        Reason.ENCODED_SECRET: "Store the raw key as NGC shows it, not the docker auth string, base64 of it, or with quotes",
        Reason.FOREIGN_TOKEN: f"This is another vendor's token. {_MAKE}",
        Reason.REFUSED: f"{_MAKE}; {_SET} (service keys: https://org.ngc.nvidia.com/service-keys). A legacy key dies when its owner generates a newer one",
        Reason.SERVICE_MISSING: 'The key works but not for the registry: make one with "NGC Catalog" and "Private Registry" ticked at https://org.ngc.nvidia.com/setup/api-keys',
        Reason.HIDDEN_OR_DENIED: "Ask the image's org for access or use a key made in that org, with \"Private Registry\" ticked; "
        "for nvcr.io/nim accept the terms at https://catalog.ngc.nvidia.com; check the image's name",
        Reason.NO_PULL_PERMISSION: "Ask the image's org for access or use a key made in that org; \"Private Registry\" must be ticked",
        Reason.KEY_BLOCKS_PUBLIC: "The image is public, but NGC refuses it to this key: store the credential for nvcr.io/<org> so that it is not sent for this image",
        Reason.ENTITLEMENT_MISSING: "Join the NVIDIA Developer Program or renew AI Enterprise, and accept the terms at https://catalog.ngc.nvidia.com",
        Reason.GEO_BLOCKED: "NVIDIA does not offer this image in the country that we ask from; the cluster may stand elsewhere",
        Reason.NO_CREDENTIAL: f"{_MAKE}; {_SET}",
    }),
)  # fmt: skip
