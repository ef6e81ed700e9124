"""What no conversation may ever end in, read from the wire and not from the product's own reading of it."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from tests.property.answers import ECR, MANIFESTS
from tests.property.conversation import Held, Turn, known
from validator.cli.base.show import check_json
from validator.evidence import Asker, Control, Opinion, Party, Step
from validator.protocol.token import parse_token_answer
from validator.registry.base import Answer
from validator.verdict import ImageOutcome, Outcome, Reason

LOGINS: Final = (Step.LOGIN, Step.SCOPED)
MOST_ASKS: Final = 40
ALLOWED: Final[dict[str, frozenset[str]]] = {
    "nvcr.io": frozenset({"nvcr.io", "authn.nvidia.com"}),
    "docker.io": frozenset({"registry-1.docker.io", "auth.docker.io"}),
    "ghcr.io": frozenset({"ghcr.io"}),
    "registry.gitlab.com": frozenset({"registry.gitlab.com", "gitlab.com"}),
    "gitlab.reg.test": frozenset({"gitlab.reg.test", "reg.test", "auth.reg.test", "harbor.reg.test"}),
    "reg.test": frozenset({"reg.test", "auth.reg.test", "gitlab.reg.test", "harbor.reg.test"}),
    "quay.io": frozenset({"quay.io"}),
    "harbor.reg.test": frozenset({"harbor.reg.test", "reg.test", "auth.reg.test", "gitlab.reg.test"}),
    "europe-docker.pkg.dev": frozenset({"europe-docker.pkg.dev"}),
    ECR: frozenset({ECR}),
    "rg.fr-par.scw.cloud": frozenset({"rg.fr-par.scw.cloud", "api.scaleway.com"}),
}
"""Where a pair may go: the vendor's page, or the registrable domain."""
APIS: Final = {"nvcr.io": "api.ngc.nvidia.com", "ghcr.io": "api.github.com", "registry.gitlab.com": "gitlab.com"}
REALM_ONLY: Final = frozenset({"authn.nvidia.com", "auth.docker.io", "gitlab.com", "auth.reg.test", "api.scaleway.com"})
FIXED_NAMES: Final = frozenset({"nvcr.io", "europe-docker.pkg.dev", ECR, "rg.fr-par.scw.cloud"})
"""Vendors that fix the username: their controls have it too."""
SCOPE_BLIND: Final = frozenset({"nvcr.io", "docker.io", "ghcr.io"})


def broken(held: Held) -> list[str]:
    """The laws that this conversation breaks, each in one line."""
    return [f"{law.__name__}: {fault}" for law in LAWS for fault in law(held)]


def body_of(turn: Turn) -> object:
    """The answer's JSON, None where it has none."""
    if not isinstance(turn.answer, Answer) or not turn.answer.body:
        return None
    try:
        return json.loads(turn.answer.body)
    except (ValueError, RecursionError):
        return None


def logins(held: Held, party: Party) -> list[Turn]:
    """The token requests (or Basic pings) that carried this party's own pair."""
    return [t for t in held.turns if t.ask.step in LOGINS and t.ask.party is party and party in held.pairs and t.carries(held.pairs[party])]


def accepted(turn: Turn) -> bool:
    """A 200 with a token, or of a Basic registry; at Artifact Registry also the words that it takes the pair and denies the repository."""
    if not isinstance(turn.answer, Answer):
        return False
    if turn.ask.url.host == "europe-docker.pkg.dev" and turn.ask.step is Step.SCOPED and turn.answer.status == 403:
        said = body_of(turn)
        return isinstance(said, dict) and re.search(r"(?i)permission .{0,3}artifactregistry\S{0,80} denied on resource", str(said)) is not None
    if turn.answer.status != 200:
        return False
    assert turn.request is not None
    return str(turn.request.url).endswith("/v2/") or parse_token_answer(turn.answer.body) is not None


def refused(turn: Turn) -> bool:
    """A no to the pair: a 401, or GitHub's 403 for it. Any other 403 is a no to an access."""
    body = turn.answer.body if isinstance(turn.answer, Answer) else b""
    github = turn.ask.url.host == "ghcr.io" and turn.status == 403 and re.search(rb'"message": *"denied"', body) is not None
    google = turn.ask.url.host == "europe-docker.pkg.dev" and turn.status == 403 and re.search(rb"Unauthenticated request|expired", body) is not None
    amazon = turn.ask.url.host == ECR and turn.status in (400, 403) and re.search(rb"token has expired|security token included", body) is not None
    return turn.status == 401 or github or google or amazon


def valid_is_earned(held: Held) -> Iterator[str]:
    """`valid` wants a 2xx to the subject's own pair, and a refused control at that step (or the vendor's documented substitute)."""
    if held.verdict.outcome is not Outcome.VALID:
        return
    yes = [t for t in logins(held, Party.SUBJECT) if accepted(t)]
    if not yes:
        yield "valid, and nothing accepted the pair"
        return
    seen = known(held.talk.recall, held.talk.host)
    fresh = {t.ask.step for t in held.turns if t.ask.party is Party.CONTROL and t.status in (401, 403) and t.authorization}
    kept = {step for step, said in seen.controls.items() if said in (Control.REFUSED, Control.DENIED)}
    blind = held.talk.host in SCOPE_BLIND
    step = Step.LOGIN if blind or any(t.ask.step is Step.LOGIN for t in yes) else Step.SCOPED
    if step in fresh | kept:
        return
    if held.verdict.reason is Reason.PULL_PROVEN and (fresh | kept) & {Step.LOGIN, Step.SCOPED, Step.PULL}:
        return
    if held.provider.key == "ghcr" and held.verdict.reason is Reason.LOGIN_ACCEPTED:
        # ghcr.md 5d: T accepts anyone, but GitHub itself knows this token and refuses a made-up one
        knows = any(t.ask.step is Step.OPINION and t.ask.party is Party.SUBJECT and t.status in (200, 403) for t in held.turns)
        knows = knows or (seen.opinion is not None and seen.opinion.opinion is Opinion.KNOWS)
        unknown = any(t.ask.step is Step.OPINION and t.ask.party is Party.CONTROL and t.status == 401 for t in held.turns)
        if knows and (unknown or seen.opinion_control is Control.REFUSED):
            return
    yield f"valid by {step}, and no control was refused there"


def proof_is_read(held: Held) -> Iterator[str]:
    """`pull_proven` wants the manifest with the subject's own bearer, and a no to anonymous."""
    if held.verdict.reason is not Reason.PULL_PROVEN:
        return
    mine = [t for t in held.turns if t.ask.party is Party.SUBJECT and t.ask.step in (Step.PULL, Step.MANIFEST)]
    if not any(_manifest(t) for t in mine) or not any(t.authorization for t in mine):
        yield "pull_proven, and the secret read nothing"
    anonymous = [t for t in held.turns if t.ask.party is Party.ANONYMOUS and t.ask.step in (Step.PULL, Step.SCOPED)]
    if known(held.talk.recall, held.talk.host).anonymous is Control.REFUSED and not anonymous:
        return
    denied = any(t.status in (401, 402, 403, 404) or (t.exchange.grant is not None and t.exchange.grant.pulls is False) for t in anonymous)
    if not denied:
        yield "pull_proven, and anonymous was never refused"


def invalid_is_said(held: Held) -> Iterator[str]:
    """`invalid` wants an authoritative refusal of a request that carried the secret, or GitHub's own rule of an endpoint that echoes."""
    if held.verdict.outcome is not Outcome.INVALID:
        return
    if known(held.talk.recall, held.talk.host).ill:
        yield "invalid, and the registry is known to be ill"
    if known(held.talk.recall, held.talk.host).throttled:
        yield "invalid, and the registry asked to come later a short while ago"
    tried = logins(held, Party.SUBJECT)
    if not tried:
        yield "invalid, and the pair was never sent"
        return
    told = [t for t in tried if _authoritative(t, held)]
    if told:
        at_login = [t for t in tried if t.ask.step is Step.LOGIN]
        if at_login and accepted(at_login[-1]) and not _echoes(held):
            yield "invalid, and the last login was accepted"
        if any(t.status == 429 for t in tried):
            yield "invalid, and a login was throttled meanwhile"
        return
    if not _echoes(held):
        yield "invalid, and nothing refused the pair in a registry's form"


def _authoritative(turn: Turn, held: Held) -> bool:
    if not isinstance(turn.answer, Answer) or turn.answer.encoding is not None:
        return False
    said = body_of(turn)
    shaped = isinstance(said, dict) and bool({"errors", "error", "details", "detail", "message", "requestStatus"} & set(said))
    offered = " ".join(turn.answer.values("www-authenticate")).lower()
    at_registry = str(turn.request.url if turn.request else "").endswith("/v2/")
    basic = at_registry and "basic" in offered
    if at_registry and offered.strip(" \t,") and not basic:
        return False  # whoever demands something else has not looked at the Basic that it got
    if turn.status == 401:
        return shaped or not turn.answer.body.strip() or basic or _loosely_shaped(turn.answer.body)
    if turn.status == 403 and held.provider.key == "ghcr":
        return shaped and b"DENIED" in turn.answer.body and b"denied" in turn.answer.body
    if turn.status == 403 and held.provider.key == "gar":
        return shaped and b"unauthenticated request" in turn.answer.body.lower()
    if turn.status in (400, 403) and held.provider.key == "ecr":
        return shaped and re.search(rb"token has expired|security token included", turn.answer.body) is not None
    if turn.status == 403 and held.provider.key == "ngc":
        return any(t.ask.step is Step.OPINION and t.status == 401 for t in held.turns)
    return False


def _loosely_shaped(body: bytes) -> bool:
    """Two documents, a byte order mark: tolerated as a registry's error (registries/README.md 2.5)."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    return text.startswith("{") and any(f'"{name}"' in text for name in ("errors", "error", "details", "detail", "message"))


def _echoes(held: Held) -> bool:
    if held.provider.key != "ghcr":
        return False
    seen = known(held.talk.recall, held.talk.host)
    agrees = any(t.ask.step is Step.OPINION and t.ask.party is Party.SUBJECT and t.status == 401 for t in held.turns)
    anyone = any(accepted(t) for t in logins(held, Party.CONTROL)) or seen.controls.get(Step.LOGIN) is Control.ACCEPTED
    made_up = any(t.ask.step is Step.OPINION and t.ask.party is Party.CONTROL and t.status == 401 for t in held.turns)
    return agrees and anyone and (made_up or seen.opinion_control is Control.REFUSED)


def one_no_is_not_enough_where_somebody_waits(held: Held) -> Iterator[str]:
    """An interactive `invalid` rests on two refusals, or on the vendor's second word, or on plain words."""
    verdict, talk = held.verdict, held.talk
    if (
        verdict.outcome is not Outcome.INVALID
        or talk.asker is Asker.SWEEP
        or verdict.reason in (Reason.EXPIRED, Reason.REVOKED, Reason.OWNER_DISABLED)
    ):
        return
    noes = sum(refused(t) for t in logins(held, Party.SUBJECT))
    noes += known(talk.recall, talk.host).refused_age_s is not None
    agrees = any(t.ask.step is Step.OPINION and t.ask.party is Party.SUBJECT and t.status == 401 for t in held.turns)
    if noes < 2 and not agrees and not held.evidence.subject.no_repeat:
        yield "one refusal decided"


def _manifest(turn: Turn) -> bool:
    if turn.ask.step not in (Step.PULL, Step.MANIFEST) or not isinstance(turn.answer, Answer) or turn.answer.status != 200:
        return False
    kinds, body = turn.answer.values("content-type"), body_of(turn)
    if turn.ask.method == "GET" and isinstance(body, dict) and body.get("schemaVersion") == 2:
        return True  # the body tells where the header is lost
    return bool(kinds) and kinds[0].partition(";")[0].strip().lower() in MANIFESTS


def pullable_is_read(held: Held) -> Iterator[str]:
    """`pullable` wants a 2xx manifest of that repository, in that very conversation, read by whom a node pulls as."""
    image = held.verdict.image
    if image is None or image.outcome is not ImageOutcome.PULLABLE:
        return
    nobody = held.talk.anonymous or held.verdict.reason is Reason.EMPTY_SECRET
    read = [t for t in held.turns if _manifest(t) and t.ask.party is (Party.ANONYMOUS if nobody else Party.SUBJECT)]
    # a registry that asks nobody for a login is asked by no node with one
    if any(t.ask.step is Step.PING and t.status == 200 for t in held.turns):
        read += [t for t in held.turns if _manifest(t) and not t.authorization]
    if not read:
        yield f"{image.reason}, and no manifest came"


def forms_of(secret: str, username: str = "") -> set[str]:
    """`secret` as it may stand in a text."""
    if len(secret.strip()) < 8:
        return set()
    raw, pair = secret.encode(), f"{username}:{secret}".encode()
    forms = {secret, secret.strip(), quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret)}
    return forms | {base64.b64encode(raw).decode().rstrip("="), base64.b64encode(pair).decode().rstrip("=")}


def no_secret_is_kept(held: Held) -> Iterator[str]:
    """No secret, made-up secret or bearer stands in the evidence, the verdict or the JSON that is shown."""
    shown = check_json(held.probed, held.talk.host, datetime(2026, 1, 1, tzinfo=UTC), "image" if held.talk.repository else None)
    kept = {
        "evidence": repr(held.evidence),
        "verdict": repr(held.verdict),
        "JSON": json.dumps(shown),
        "JSON as text": json.dumps(shown, ensure_ascii=False),
    }
    secrets = {form for pair in held.pairs.values() for form in forms_of(pair.secret.get_secret_value(), pair.username)}
    bearers = {bearer for bearer in held.bearers if len(bearer) >= 8}
    for name, text in kept.items():
        if any(form in text for form in secrets):
            yield f"a secret stands in the {name}"
        if any(bearer in text for bearer in bearers):
            yield f"a bearer stands in the {name}"


def it_ends(held: Held) -> Iterator[str]:
    """No conversation is longer than 40 asks, whatever is answered."""
    if len(held.turns) > MOST_ASKS:
        yield f"{len(held.turns)} asks"


def few_refusals(held: Held) -> Iterator[str]:
    """The stored pair is refused at most twice a probe, once in a sweep; once more only where a cold ping named another place."""
    noes = [t for t in logins(held, Party.SUBJECT) if refused(t) and t.ask.step in LOGINS]
    places = {(t.ask.url.host, t.ask.url.path, t.ask.url.query.get("service", "")) for t in noes}
    knows = any(t.ask.step is Step.OPINION and t.exchange.opinion is not None and t.exchange.opinion.opinion is Opinion.KNOWS for t in held.turns)
    lends = held.talk.recall == "anyone"  # made-up secrets got scoped tokens there: the kubelet's own exchange is tried too
    allowed = (1 + max(knows, lends) if held.talk.asker is Asker.SWEEP else 2) + max(0, len(places) - 1)
    if len(noes) > allowed:
        yield f"{len(noes)} refusals of the stored pair, asked by {held.talk.asker}"


def secrets_stay_home(held: Held) -> Iterator[str]:
    """A pair goes to the vendor's hosts alone, over https; the subject's secret to its introspection; a bearer to the registry."""
    for turn in held.turns:
        if turn.request is None or not (turn.request.secret_headers or turn.request.form):
            continue
        url, party = turn.request.url, turn.ask.party
        if url.scheme != "https" or url.user is not None:
            yield f"a secret over {url.scheme}"
        if party not in (Party.SUBJECT, Party.CONTROL, Party.ANONYMOUS):
            yield f"a secret of {party}"
        if turn.ask.step in (Step.OPINION, Step.DETAIL):
            if url.host != APIS.get(held.talk.host):
                yield f"introspection at {url.host}"
        elif turn.authorization.startswith("Bearer ") and url.host not in (ALLOWED[held.talk.host] - REALM_ONLY):
            yield f"a bearer to {url.host}"
        elif url.host not in ALLOWED[held.talk.host] or (url.port not in (443, 8443) or (url.port == 8443 and held.talk.host != "reg.test")):
            yield f"a secret to {url.host}:{url.port}"
        if turn.ask.step is Step.PING:
            yield "a ping with a secret"


def _made_up(held: Held, sent: str) -> bool:
    """Whether a Basic login is a control's, with nothing of the subject's in it."""
    name, _, secret = base64.b64decode(sent.partition(" ")[2]).decode().partition(":")
    return name.startswith("validator-control-") and held.talk.secret not in secret and held.talk.username != name


def nobody_lends(held: Held) -> Iterator[str]:
    """A request carries its own party's pair or bearer, never another's; anonymous ones carry no pair; controls never the user's name."""
    mine: dict[str, Party] = {}
    for turn in held.turns:
        sent = turn.authorization
        if sent.startswith("Basic "):
            own = held.pairs.get(turn.ask.party)
            anew = turn.ask.party is Party.CONTROL and _made_up(held, sent)  # another pair, where another provider was recognised meanwhile
            if own is None or not (turn.carries(own) or anew):
                yield f"{turn.ask.party} carries another's pair"
        elif (
            sent.startswith("Bearer ") and turn.ask.step not in (Step.OPINION, Step.DETAIL) and mine.get(sent.partition(" ")[2]) is not turn.ask.party
        ):
            yield f"{turn.ask.party} carries another's bearer"
        if turn.ask.step in LOGINS and isinstance(turn.answer, Answer) and turn.answer.status == 200:
            token = parse_token_answer(turn.answer.body)
            if token is not None:
                mine[token.bearer.get_secret_value()] = turn.ask.party
    control, subject = held.pairs[Party.CONTROL], held.pairs.get(Party.SUBJECT)
    if subject is not None and control.username == subject.username and held.talk.host not in FIXED_NAMES:
        yield "the control carries the user's name"


def shape_decides_alone(held: Held) -> Iterator[str]:
    """What cannot work as stored is never sent."""
    fault = held.evidence.subject.fault
    if not fault or not held.provider.hosts:
        return  # rules that were found by a challenge come after a ping, or after a login by the generic ones
    if any(t.ask.party is not Party.ANONYMOUS for t in held.turns):
        yield f"{fault}, and a pair was sent"
    if fault != Reason.EMPTY_SECRET and held.turns:
        yield f"{fault}, and {len(held.turns)} requests"


def an_unsafe_demand_ends_it(held: Held) -> Iterator[str]:
    """After a challenge that may not have the secret, no pair is sent until another challenge was seen."""
    unsafe = False
    for turn in held.turns:
        if turn.ask.step is Step.PING and turn.exchange.demand is not None:
            unsafe = turn.exchange.demand.fault is not None
        elif unsafe and turn.authorization.startswith("Basic "):
            yield "a pair after an unsafe demand"


LAWS: Final[tuple[Callable[[Held], Iterator[str]], ...]] = (
    valid_is_earned, proof_is_read, invalid_is_said, one_no_is_not_enough_where_somebody_waits, pullable_is_read, no_secret_is_kept, it_ends,
    few_refusals, secrets_stay_home, nobody_lends, shape_decides_alone, an_unsafe_demand_ends_it,
)  # fmt: skip
