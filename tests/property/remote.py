"""Every reader of remote text beside a law of its own: what is made up for it, and what must be true whatever was read.

A target makes a text from a seed (mutated from what servers and files really hold) and holds the reader to its law; an exception that is
not the reader's own is a fault, too. `fuzz.py` spends its time over them; a text that once failed is in `corpus/texts`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from random import Random
from typing import Final

from pydantic import SecretStr
from yarl import URL

from tests.property.texts import (
    CHALLENGES,
    CONFIGS,
    ERRORS,
    FIELDS,
    HOSTS,
    JWT,
    KINDS,
    MANIFESTS,
    OPINIONS,
    PLATFORMS,
    REFERENCES,
    REGISTRIES,
    SECRETS,
    TOKENS,
    URLS,
    USERNAMES,
    WAITS,
    mutated,
)  # fmt: skip
from validator.credential import Credential, SecretKind, UnreadableRegistry, canonical_host, kubelet_order, osmo_scope, parse_scope
from validator.protocol.base import NOT_JSON, beyond_limits, clean_text, closed_json, parse_json, shown_text
from validator.protocol.challenge import choose_challenge, parse_challenges
from validator.protocol.errcode import CODES, OAUTH_CODES, read_error
from validator.protocol.manifest import candidates, kind_of, parse_config_platform, parse_manifest, parse_platform
from validator.protocol.realm import RealmFault, is_public, judge_realm, odd_address, resolve_realm, same_site
from validator.protocol.reference import InvalidReference, parse_reference
from validator.protocol.retry_after import asked_to_wait_s
from validator.protocol.scope import parse_scope_text
from validator.protocol.token import bearer_life_s, parse_claims, parse_token_answer
from validator.providers import PROVIDERS, shape_of
from validator.registry.base import Answer
from validator.registry.client import _pulls_left
from validator.registry.reach import redirect_target
from validator.stores.dockerconfig.base.manifest import pull_secrets
from validator.stores.dockerconfig.base.values import NoConfig, old_source_of, read_json, source_of
from validator.verdict import Reason

NOW: Final = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _one_line(text: str) -> bool:
    return "\n" not in text and "\r" not in text and "\x1b" not in text and "\x00" not in text


def challenge(text: str) -> Iterator[str]:
    """At most a hundred, names and schemes in lower case, none twice; what is chosen can be followed, or is Basic."""
    found = parse_challenges(text.split("\x1e"))
    if len(found) > 100 or any(each.scheme != each.scheme.lower() or each.repeated & set(each.parameters) for each in found):
        yield "too many, or a name in two cases"
    chosen = choose_challenge(found)
    if chosen is not None and not (chosen.scheme == "basic" or (chosen.scheme == "bearer" and chosen.parameters["realm"].strip())):
        yield "a challenge that cannot be followed was chosen"
    if any(each.scheme == "bearer" and "realm" in each.repeated for each in found) and chosen is not None:
        yield "a realm that came twice was not refused"


def token(text: str) -> Iterator[str]:
    """A bearer that may travel in a header, for an hour at most."""
    told = parse_token_answer(_raw(text))
    if told is None:
        return
    bearer = told.bearer.get_secret_value()
    if not bearer or len(bearer) > 16_384 or not all("!" <= c <= "~" for c in bearer):
        yield "a bearer that no header can carry"
    if not 0 <= bearer_life_s(told, NOW.timestamp()) <= 3600:
        yield "a life beyond its bounds"
    if len(bearer) > 12 and bearer in repr(told):
        yield "the answer shows its bearer"


def claims(text: str) -> Iterator[str]:
    """What a JWT says is text that can be shown, numbers that are instants, or nothing."""
    told = parse_claims(text)
    if told is not None and any(value is not None and (len(value) > 1024 or not value.isprintable()) for value in (told.sub, told.auth_type)):
        yield "a claim that cannot be shown"


def error(text: str) -> Iterator[str]:
    """Codes of the closed lists alone, words on one line of at most 500 characters; the front of a longer body the same."""
    for cut in (False, True):
        told = read_error(_raw(text), "text/plain", cut=cut)
        if (
            (told.code is not None and told.code not in CODES)
            or (told.oauth is not None and told.oauth not in OAUTH_CODES)
            or set(told.codes) - set(CODES)
        ):
            yield "a code of no list"
        if len(told.text) > 500 or not _one_line(told.text):
            yield "words that cannot be shown"
    masked = read_error(_raw(text), None, hide=lambda said: "")
    if masked.text.strip("; "):
        yield "words that were not masked"


def document(text: str) -> Iterator[str]:
    """What is read as JSON is written and read as the same; a closed front is a document or none."""
    value = parse_json(_raw(text))
    if value is not NOT_JSON and parse_json(json.dumps(value).encode()) != value:
        yield "it reads otherwise the second time"
    closed_json(_raw(text))
    if value is not NOT_JSON and beyond_limits(_raw(text)):
        yield "beyond the limits, and read"
    if not _one_line(clean_text(text)) or len(shown_text(text, 20)) > 20:
        yield "text that moves a terminal, or is too long"


def manifest(text: str) -> Iterator[str]:
    """Children have digests that may enter a URL; those that a node would try run there."""
    for kind in KINDS:
        facts = parse_manifest(_raw(text), kind)
        if facts is None:
            continue
        if any(not child.digest.startswith(("sha256:", "sha512:")) or set(child.digest[7:]) - set("0123456789abcdef") for child in facts.children):
            yield "a digest that is none"
        node = parse_platform("linux/arm64")
        if any(child.platform is not None and not child.platform.runs_on(node) for child in candidates(facts.children, node)):
            yield "a candidate that does not run"
    kind_of(text)
    parse_config_platform(_raw(text))


def wait(text: str) -> Iterator[str]:
    """A second to a day, or nothing, by whichever fields; a count that is none is none."""
    values = text.split("\x1e")
    fields = tuple((FIELDS[at % len(FIELDS)], value) for at, value in enumerate(values))
    for status in (200, 401, 403, 429, 503):
        told = asked_to_wait_s(status, fields, NOW.timestamp())
        if told is not None and not 1 <= told <= 86_400:
            yield "a wait beyond its bounds"
    left = _pulls_left(Answer(status=200, headers=fields, body=b"", encoding=None, ms=1.0))
    if left is not None and left < 0:
        yield "fewer than none are left"


def reference(text: str) -> Iterator[str]:
    """A reference is written and read as the same, or refused in one sentence that does not repeat it."""
    try:
        read = parse_reference(text)
    except InvalidReference as refused:
        if not _one_line(str(refused)):
            yield "more than a sentence"
        return
    if parse_reference(str(read)) != read or len(read.repository) > 255:
        yield "it reads otherwise the second time"
    kubelet_order([(text, 1), (read.domain, 2)], read.name)


def registry(text: str) -> Iterator[str]:
    """A scope is written and read as the same, and its host can be dialled; or it is refused in one sentence without its userinfo."""
    osmo_scope(text)
    parse_scope_text(text)
    try:
        scope = parse_scope(text)
    except UnreadableRegistry as refused:
        if not _one_line(str(refused)) or (len(text) > 8 and text in str(refused)):
            yield "it repeats what may hold a secret"
        return
    if parse_scope(str(scope)) != scope or canonical_host(scope.host) != scope.host:
        yield "it reads otherwise the second time"
    if not URL(f"https://{scope.host}/").host:
        yield "a host that cannot be dialled"


def realm(text: str) -> Iterator[str]:
    """No secret to a stranger: by https to the registry's own host, its site, or what is listed; a redirect has a host and no userinfo."""
    here = URL("https://registry.reg.test/v2/")
    target = redirect_target(text, here)
    if target is not None and (target.scheme not in ("http", "https") or not target.host or target.raw_user is not None):
        yield "a redirect to no place"
    found = resolve_realm(text, here)
    if isinstance(found, RealmFault):
        return
    if found.scheme not in ("http", "https") or not found.host or found.raw_user is not None or "\\" in str(found):
        yield "a realm that is no place"
    if judge_realm(found, registry=here, listed=frozenset({"auth.other.test:443"}), plain_http=False) is None:
        host = found.raw_host or ""
        if (
            found.scheme != "https"
            or not (host == "reg.test" or host.endswith(".reg.test") or (host, found.port) == ("auth.other.test", 443))
            or found.port != 443
        ):
            yield f"a secret may go to {host}"
    if judge_realm(found, registry=here, listed=frozenset(), plain_http=False, exact=True) is None and found.raw_host != "registry.reg.test":
        yield "a secret may go beyond the one host"
    if same_site(found.raw_host or "", "a.github.io") and found.raw_host != "a.github.io":
        yield "strangers share a site"


def address(text: str) -> Iterator[str]:
    """What is public is an address that Python calls global, too; what some read as a number is not plain."""
    odd = odd_address(text)
    if is_public(text) and (odd or not ip_address(text.partition("%")[0]).is_global):
        yield "an address that is not public"


def platform(text: str) -> Iterator[str]:
    """A platform is written and read as the same, or refused in one sentence."""
    try:
        read = parse_platform(text)
    except ValueError as refused:
        if not _one_line(str(refused)):
            yield "more than a sentence"
        return
    if parse_platform(str(read)).architecture != read.architecture or read.rank_on(read) is None:
        yield "it does not run on itself"


def docker_config(text: str) -> Iterator[str]:
    """Entries, or one sentence; what may be a password in a key is shown nowhere."""
    try:
        read = read_json(_raw(text))
    except NoConfig as refused:
        if not _one_line(str(refused)):
            yield "more than a sentence"
        return
    for source in (source_of("a", read), old_source_of("a", read)):
        if any("CANARY@" in entry.key or "CANARY@" in f"{entry.fault}{entry.docker_fault}" for entry in source.entries):
            yield "a password is shown"
    held = {
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "x"},
        "data": {".dockerconfigjson": base64.b64encode(_raw(text)).decode()},
    }
    pull_secrets(json.dumps(held))
    try:
        pull_secrets(text)
    except NoConfig as refused:
        if not _one_line(str(refused)):
            yield "more than a sentence"


def pair(text: str) -> Iterator[str]:
    """Whatever is stored has a shape, whose fault is a reason; the shape shows no secret."""
    username, _, secret = text.partition("\x1e")
    scope = parse_scope("reg.test")
    for provider in PROVIDERS:
        for kind in SecretKind:
            shape = shape_of(provider, Credential(user="u", name="n", scope=scope, username=username, secret=SecretStr(secret), kind=kind), NOW)
            if shape.fault and shape.fault not in set(Reason):
                yield f"{provider.key}: a fault that is no reason"
            if len(secret) > 12 and secret in repr(shape):
                yield f"{provider.key}: the secret is shown"


def side_call(text: str) -> Iterator[str]:
    """A few facts of a vendor's introspection, whatever was sent: closed words, instants with a zone."""
    body = parse_json(_raw(text))
    headers = {"x-oauth-scopes": text[:200], "github-authentication-token-expiration": text[-40:], "x-github-sso": text[:80]}
    readers = [one.introspection.read for one in PROVIDERS if one.introspection is not None] + [
        one.detail_read for one in PROVIDERS if one.detail_read is not None
    ]
    for read in readers:
        for status in (200, 401, 403, 404):
            seen = read(status, headers, body)
            if len(repr(seen)) > 8000 or (seen.why and seen.why not in set(Reason)):
                yield "more than the few facts"
            if seen.expires_at is not None and seen.expires_at.tzinfo is None:
                yield "an instant without a zone"


def _challenges(random: Random) -> str:
    return "\x1e".join(mutated(random, CHALLENGES) for _ in range(random.choice((1, 1, 2, 4))))


def _waits(random: Random) -> str:
    return "\x1e".join(mutated(random, WAITS) for _ in range(random.choice((1, 3, 6, 6))))


def _pairs(random: Random) -> str:
    return f"{mutated(random, USERNAMES) if random.random() < 0.3 else random.choice(USERNAMES)}\x1e{mutated(random, SECRETS)}"


def _of(*texts: str) -> Callable[[Random], str]:
    return lambda random: mutated(random, texts)


@dataclass(frozen=True)
class Target:
    """Makes a text, and holds its reader to its law."""

    make: Callable[[Random], str]
    law: Callable[[str], Iterator[str]]


TARGETS: Final[dict[str, Target]] = {
    "challenge": Target(_challenges, challenge), "token": Target(_of(*TOKENS), token), "claims": Target(_of(JWT, *SECRETS), claims), "error": Target(_of(*ERRORS), error), "document": Target(_of(*ERRORS, *TOKENS, *MANIFESTS, *CONFIGS), document),
    "manifest": Target(_of(*MANIFESTS), manifest), "wait": Target(_waits, wait), "reference": Target(_of(*REFERENCES), reference), "registry": Target(_of(*REGISTRIES, *REFERENCES), registry), "realm": Target(_of(*URLS), realm),
    "address": Target(_of(*HOSTS), address), "platform": Target(_of(*PLATFORMS), platform), "docker_config": Target(_of(*CONFIGS), docker_config), "pair": Target(_pairs, pair), "side_call": Target(_of(*OPINIONS), side_call),
}  # fmt: skip


def faults_of(name: str, text: str) -> list[str]:
    """What is wrong with how this text is read."""
    try:
        return [f"{name}: {fault}" for fault in TARGETS[name].law(text)]
    except Exception as error:  # whatever escapes a reader of remote text is a fault
        return [f"{name}: {type(error).__name__}: {str(error)[:200]!r}"]
