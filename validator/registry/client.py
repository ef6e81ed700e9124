"""One ask becomes one request, and its answer an exchange without secrets: the only place where a secret enters a header.

Redirects are judged here and never followed here. registries/README.md 3.2, 4.2.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final
from urllib.parse import urlencode

from aiohttp import encode_basic_auth
from pydantic import SecretStr
from yarl import URL

from validator.evidence import Demand, Exchange, Failure, Grant, ManifestSeen, Opinion, OpinionSeen, Party, Step
from validator.logs import hide_too, holds_secret, mask, mask_known, mask_shapes
from validator.protocol.base import NOT_JSON, beyond_limits, parse_json, shown_text, valid_digest
from validator.protocol.challenge import BASIC, choose_challenge, parse_challenges
from validator.protocol.errcode import OAUTH_CODES, BodyShape, read_error
from validator.protocol.manifest import ACCEPT, ManifestKind, digest_of, kind_of, parse_config_platform, parse_manifest
from validator.protocol.realm import RealmFault, is_address, is_public, odd_address, resolve_realm
from validator.protocol.retry_after import asked_to_wait_s
from validator.protocol.token import TokenAnswer, bearer_life_s, parse_token_answer
from validator.providers.plan import Ask, Auth
from validator.registry.base import FORM, Answer, NetworkFault, Request, Transport
from validator.registry.reach import Reach, bearer_demand, redirect_target

SMALL_CAP: Final = 64 * 1024
MANIFEST_CAP: Final = 4 * 1024 * 1024
CONFIG_CAP: Final = 1024 * 1024
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
FIRST_BYTE_S: Final = 10.0
"""The wait for an answer's head; a login may take the whole time: registries sleep after a refusal (README 4.2.7)."""
_TEXT: Final = 500
_LABEL: Final = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """A username and secret as they are sent."""

    username: str
    secret: SecretStr

    def basic(self) -> SecretStr:
        """The Basic field, UTF-8 (RFC 7617); a username with a colon was refused before."""
        return SecretStr(encode_basic_auth(self.username, self.secret.get_secret_value()))


@dataclass(slots=True)
class Bearers:
    """The bearer tokens of one probe, by party and repository; never one party's for another."""

    kept: dict[tuple[Party, str], SecretStr] = field(default_factory=dict)


@dataclass(slots=True)
class RegistryClient:
    """Sends the asks of one probe. `clock` is epoch seconds; `pairs` are the parties' usernames and secrets.

    `platforms_of` tells what the manifest of a digest is known to hold; None where nobody wants to know.
    """

    transport: Transport
    reach: Reach
    pairs: Mapping[Party, Pair]
    clock: Callable[[], float]
    platforms_of: Callable[[str], Awaitable[ManifestSeen | None]] | None
    bearers: Bearers = field(default_factory=Bearers)
    login_s: float | None = None

    async def send(self, ask: Ask) -> Exchange:
        """The exchange of one ask; every way to fail is in it. Raises nothing of the network's."""
        way, at = self.reach.way_to(ask.url), self.clock()
        hidden = mask_known(way.shown)  # a realm or Location may echo a secret in its path
        shown = way.masked if hidden == way.shown else mask_shapes(hidden)
        if not way.allowed:
            return Exchange(
                step=ask.step, party=ask.party, method=ask.method, url=shown, at=at, repository=ask.repository, led=ask.led, basic=ask.basic,
                failure=Failure.INSECURE_SCHEME,
            )  # fmt: skip
        headers, secrets, form = self._fields(ask)
        authorized = bool(secrets) or form is not None
        seen = partial(
            Exchange, step=ask.step, party=ask.party, method=ask.method, url=shown, at=at, repository=ask.repository, led=ask.led,
            basic=ask.basic, authorized=authorized,
        )  # fmt: skip
        request = Request(
            method=ask.method, url=way.url, route=way.route, body_cap=_cap(ask), headers=headers, secret_headers=secrets, form=form,
            first_byte_s=None if ask.step in (Step.LOGIN, Step.SCOPED) else FIRST_BYTE_S,
        )  # fmt: skip
        try:
            answer = await self.transport.send(request)
        except NetworkFault as fault:
            later = asked_to_wait_s(fault.status, fault.headers, self.clock()) if fault.status is not None else None
            failed = seen(failure=fault.failure, status=fault.status, ms=fault.ms, unsent=fault.written is False, retry_after_s=later)
            return self._cut(ask, fault, failed) if fault.failure is Failure.BODY_TOO_LARGE else failed
        now = self.clock()
        seen = partial(
            seen, status=answer.status, ms=answer.ms, retry_after_s=asked_to_wait_s(answer.status, answer.headers, now),
            registry_sign=any(value.startswith("registry/2") for value in answer.values("docker-distribution-api-version")),
            pulls_left=_pulls_left(answer),
        )  # fmt: skip
        if answer.status == 200 and ask.step in (Step.LOGIN, Step.SCOPED) and answer.encoding is None and not ask.basic:
            return self._granted(ask, answer, now, seen)
        return await self._read(ask, way.url, answer, seen, fresh=not authorized)

    def _fields(self, ask: Ask) -> tuple[dict[str, str], dict[str, SecretStr], SecretStr | None]:
        headers: dict[str, str] = {}
        if ask.step in (Step.PULL, Step.MANIFEST):
            headers["Accept"] = ACCEPT
        elif ask.step in (Step.PING, Step.LOGIN, Step.SCOPED):
            headers["Cache-Control"] = "no-cache"
        match ask.auth:
            case Auth.NONE:
                return headers, {}, None
            case Auth.PAIR:
                return headers, {"Authorization": self.pairs[ask.party].basic()}, None
            case Auth.BEARER:
                bearer = self.bearers.kept.get((ask.party, ask.repository))
                return headers, {"Authorization": SecretStr(f"Bearer {bearer.get_secret_value()}")} if bearer is not None else {}, None
            case Auth.REFRESH:
                fields = (*ask.form, ("refresh_token", self.pairs[ask.party].secret.get_secret_value()))
                return headers | {"Content-Type": FORM}, {}, SecretStr(urlencode(fields))
            case Auth.OPINION:
                return self._introspection(ask, headers)

    def _introspection(self, ask: Ask, headers: dict[str, str]) -> tuple[dict[str, str], dict[str, SecretStr], SecretStr | None]:
        about = self.reach.provider.introspection
        assert about is not None, "asked only of a provider that has one"
        headers |= about.headers
        secret = self.pairs[ask.party].secret.get_secret_value()
        if about.send == "form":
            return headers | {"Content-Type": FORM}, {}, SecretStr(urlencode({about.field_name: secret}))
        if about.send == "header":
            return headers, {about.header: SecretStr(secret)}, None
        return headers, {"Authorization": SecretStr(f"Bearer {secret}")}, None

    async def _read(self, ask: Ask, url: URL, answer: Answer, seen: Callable[..., Exchange], *, fresh: bool) -> Exchange:
        """The answer as evidence; `seen` makes its exchange. `fresh`: the request carried no secret."""
        if answer.status in REDIRECTS:
            return self._redirect(ask, url, answer, seen())
        if answer.encoding is not None:
            return seen(failure=Failure.PROTOCOL)
        media_type = next(iter(answer.values("content-type")), None)
        if ask.step in (Step.OPINION, Step.DETAIL):
            return self._opinion(ask, answer, seen())
        demand = None
        if answer.status == 401 or (ask.basic and answer.status == 403):
            demand = self._demand(answer, url, fresh=fresh, basic=bool(ask.basic))
        if answer.status != 200 or ask.step in (Step.PING, Step.ELSEWHERE) or ask.basic:
            said = read_error(answer.body, media_type, hide=mask)
            if ask.method == "HEAD" and _is_page(media_type):
                said = replace(said, shape=BodyShape.HTML)  # a page whose body a HEAD leaves out
            code = said.code or said.oauth or (demand.error if demand is not None else "")
            return seen(demand=demand, shape=said.shape, code=code, text=mask(shown_text(said.text, _TEXT)))
        return await self._manifest(ask, answer, media_type, seen())

    def _cut(self, ask: Ask, fault: NetworkFault, seen: Exchange) -> Exchange:
        """What the front of a body that is longer than we read says: an error's code and words, or that it breaks our limits."""
        if ask.step in (Step.PING, Step.ELSEWHERE, Step.OPINION, Step.DETAIL):
            return seen
        if fault.status is not None and fault.status >= 400:
            said = read_error(fault.front, None, hide=mask, cut=True)
            if said.shape in (BodyShape.ERRORS, BodyShape.OAUTH):
                text = mask(shown_text(said.text, _TEXT))
                return replace(seen, failure=None, shape=said.shape, code=said.code or said.oauth or "", text=text)
        return replace(seen, failure=Failure.PROTOCOL) if beyond_limits(fault.front) else seen

    def _demand(self, answer: Answer, url: URL, *, fresh: bool, basic: bool) -> Demand | None:
        """The challenge of a 401; where nobody may follow it (the request carried a secret) its scheme and error alone."""
        fields = answer.values("www-authenticate")
        offered = parse_challenges(fields)
        chosen, looks = choose_challenge(offered), any(each.scheme == BASIC for each in offered)
        if chosen is None:
            # of the one that got the pair by Basic: what counts is that it asks for another, whether that can be followed or not
            return Demand(scheme="other") if basic and not looks and any(value.strip(" \t,") for value in fields) else None
        if basic and looks:
            return Demand(scheme=BASIC)  # the pair went there by Basic: that it is looked at is what counts
        said = chosen.parameters.get("error", "").lower()
        error = said if said in OAUTH_CODES else ""  # any other text may echo a secret
        if chosen.scheme == "basic" or not fresh:
            label = chosen.parameters.get("realm", "") if chosen.scheme == "basic" else ""
            return Demand(scheme=chosen.scheme, error=error, label=mask(shown_text(label, _LABEL)))
        if any(holds_secret(value) for value in chosen.parameters.values()):
            return Demand(scheme="bearer", error=error, fault=Failure.UNSAFE_REALM)
        service, scope = chosen.parameters.get("service", ""), chosen.parameters.get("scope", "")[:500]
        realm = resolve_realm(chosen.parameters.get("realm", ""), url)
        if isinstance(realm, RealmFault):
            return Demand(scheme="bearer", service=service, scope=scope, error=error, fault=Failure(realm.value))
        return bearer_demand(self.reach, realm, service, scope, error)

    def _granted(self, ask: Ask, answer: Answer, now: float, seen: Callable[..., Exchange]) -> Exchange:
        """What the token in a 200 makes an exchange, or the lack of one; the token is kept."""
        wanted = bool(ask.repository) or self.reach.provider.nobody_claims is not None
        token = parse_token_answer(answer.body, with_claims=wanted)
        if token is None:
            return seen(shape=read_error(answer.body, next(iter(answer.values("content-type")), None)).shape)
        self.bearers.kept[(ask.party, ask.repository)] = token.bearer
        if len(token.bearer) >= 8:
            hide_too(token.bearer)  # a shorter one may be a word of any answer
        return seen(shape=BodyShape.JSON, grant=self._grant(ask, token, now))

    def _grant(self, ask: Ask, token: TokenAnswer, now: float) -> Grant:
        claims, nobody = token.claims, self.reach.provider.nobody_claims
        pulls = None
        if claims is not None and claims.access is not None and ask.repository:
            pulls = any(a.type == "repository" and a.name == ask.repository and {"pull", "*"} & a.actions for a in claims.access)
        anonymous = nobody(claims) if nobody is not None and claims is not None else None
        return Grant(pulls=pulls, anonymous=anonymous, life_s=bearer_life_s(token, now))

    async def _manifest(self, ask: Ask, answer: Answer, media_type: str | None, seen: Exchange) -> Exchange:
        if ask.step is Step.CONFIG:
            config = ManifestSeen(kind="config", platform=parse_config_platform(answer.body), content=digest_of(answer.body))
            return replace(seen, manifest=config)
        kind = kind_of(media_type)
        digest = next((value for value in answer.values("docker-content-digest") if valid_digest(value)), None)
        if ask.method == "HEAD":
            known = await self.platforms_of(digest) if digest is not None and self.platforms_of is not None else None
            name = kind.value if kind is not None and kind is not ManifestKind.OTHER else "none"
            shown = replace(known, kind=name, digest=digest) if known is not None else ManifestSeen(kind=name, digest=digest)
            return replace(seen, manifest=shown)
        facts = parse_manifest(answer.body, media_type)
        if facts is None:
            return replace(seen, manifest=ManifestSeen(kind="none", digest=digest))
        name = facts.kind.value if facts.kind is not ManifestKind.OTHER else "none"
        return replace(seen, manifest=ManifestSeen(kind=name, digest=digest_of(answer.body, digest), facts=facts))

    def _opinion(self, ask: Ask, answer: Answer, seen: Exchange) -> Exchange:
        """The vendor's word; of its body only what its provider reads is kept."""
        about, provider = self.reach.provider.introspection, self.reach.provider
        body = parse_json(answer.body)
        said = None if body is NOT_JSON else body
        headers = {name: value for name, value in answer.headers if name not in ("set-cookie", "authorization")}
        read = provider.detail_read if ask.step is Step.DETAIL else about.read if about is not None else None
        told = read(answer.status, headers, said) if read is not None else None
        return replace(seen, opinion=OpinionSeen(opinion=Opinion.SILENT) if holds_secret(repr(told)) else told)

    def _redirect(self, ask: Ask, url: URL, answer: Answer, seen: Exchange) -> Exchange:
        """Where a redirect leads, if it may be followed: registries/README.md 3.2."""
        location = answer.values("location")
        if len(location) != 1 or holds_secret(location[0]) or (target := redirect_target(location[0], url)) is None:
            return replace(seen, failure=Failure.UNSAFE_REDIRECT)
        if ask.step not in (Step.LOGIN, Step.SCOPED) and target.scheme == "https" and self._unsafe_literal(target):
            return replace(seen, failure=Failure.UNSAFE_ADDRESS)
        away = bool(ask.basic) and not target.path.endswith("/v2/")  # whatever answers there, it is no registry's word about a pair
        if away or ask.hops >= _hops(ask.step) or ask.auth is Auth.REFRESH or not self._may_follow(ask.step, url, target):
            return replace(seen, failure=Failure.UNSAFE_REDIRECT)
        return replace(seen, next_url=target)

    def _unsafe_literal(self, target: URL) -> bool:
        """True if an address alone, in whatever spelling, forbids the dial (registries/README.md 4.2.2)."""
        host = target.raw_host or ""
        if not odd_address(host) and not is_address(host):
            return False
        return not is_public(host) and not (self.reach.private_ok and self.reach.covers(target))

    def _may_follow(self, step: Step, url: URL, target: URL) -> bool:
        same = (target.scheme, target.raw_host, target.port) == (url.scheme, url.raw_host, url.port)
        match step:
            case Step.PING | Step.ELSEWHERE:
                name = (target.raw_host or "").lower()
                ours = name in self.reach.provider.hosts or bool({name, f"{name}:{target.port}"} & self.reach.listed)
                return same or (target.scheme == "https" and ours)
            case Step.LOGIN | Step.SCOPED:
                return same
            case Step.PULL | Step.MANIFEST | Step.CONFIG:
                return same or target.scheme == "https" or (self.reach.plain_http and self.reach.covers(target))
            case Step.OPINION | Step.DETAIL:
                return False


def _hops(step: Step) -> int:
    """How many redirects may lead on from a step's first request: one with a secret, three without."""
    return 1 if step in (Step.LOGIN, Step.SCOPED) else 3


def _cap(ask: Ask) -> int:
    if ask.method == "GET" and ask.step is Step.MANIFEST:
        return MANIFEST_CAP
    return CONFIG_CAP if ask.step is Step.CONFIG else SMALL_CAP


def _is_page(media_type: str | None) -> bool:
    return (media_type or "").partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml")


def _pulls_left(answer: Answer) -> int | None:
    """`ratelimit-remaining: 20;w=21600` of Docker Hub; None if it does not say."""
    said = answer.values("ratelimit-remaining")
    found = re.match(r"\s*(\d{1,9})\b", said[0]) if said else None
    return int(found[1]) if found else None
