"""What a probe is asked and what it answers: values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from random import Random
from typing import Final

from pydantic import SecretStr
from yarl import URL

from validator.credential import Credential, Host, SecretKind
from validator.evidence import Asker, Demand, Evidence, Party, Step
from validator.ledger.controls import ControlKey
from validator.logs import Hidden, hide_too, known_secrets
from validator.protocol.manifest import Platform
from validator.protocol.reference import Reference
from validator.providers import Provider, made_up_pair, made_up_token
from validator.registry.client import Pair
from validator.sealing import Fingerprint
from validator.verdict import Reason, Verdict

ILL: Final = frozenset({Reason.SERVER_ERROR, Reason.TIMEOUT})
"""Answers to a login that are signs of a registry's illness."""
DISTURBED: Final = frozenset({Reason.THROTTLED})
"""Answers to a login after which a refusal may be another throttle in disguise."""
CONTROLLED: Final = (Step.LOGIN, Step.SCOPED, Step.PULL)
"""Steps at which a made-up secret may be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """One question: is this credential good (and will this image be pulled with it)?

    `credential` None asks for the image alone, anonymously. `proof`: the image is the credential's own proof image.
    `canary`: the credential is the operator's known-good one, which has all of the failure budget. `given`: its secret came over
    HTTP, from somebody who may be trying secrets out; it has a quarter. `watch` is called after each exchange, with the evidence so
    far and whose rules hold; it must not raise.
    """

    host: Host
    credential: Credential | None = None
    image: Reference | None = None
    platform: Platform | None = None
    asker: Asker = Asker.CHECK
    proof: bool = False
    canary: bool = False
    given: bool = False
    watch: Callable[[Evidence, Provider], None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """The answer, with what it rests on; `fingerprint` is "" where no secret was asked about."""

    inquiry: Inquiry
    verdict: Verdict
    evidence: Evidence
    provider: Provider
    fingerprint: Fingerprint | str = ""


class Pairs(dict[Party, Pair]):
    """The pairs of one probe, by party. The control's is made up, and hidden, when it is first asked for: few probes send one."""

    def __init__(self, made_up: Callable[[], Pair]) -> None:
        super().__init__()
        self._made_up = made_up

    def __missing__(self, party: Party) -> Pair:
        if party is not Party.CONTROL:
            raise KeyError(party)
        pair = self[party] = self._made_up()
        hide_too(pair.secret, pair.username)
        return pair


@dataclass(slots=True)
class Hiding:
    """Hides every pair's secret from evidence and logs while it is open, and those that come to be known meanwhile (`hide_too`)."""

    pairs: Iterable[Pair]
    _before: Hidden = field(init=False)

    def __enter__(self) -> None:
        known = self._before = known_secrets.get()
        for pair in self.pairs:
            known = Hidden(known, pair.secret, pair.username)
        known_secrets.set(known if known is not self._before else Hidden(known, SecretStr("")))

    def __exit__(self, *_: object) -> None:
        known_secrets.set(self._before)


def made_up_of(inquiry: Inquiry, provider: Provider, random: Random, *, canary: str) -> Pair:
    """A pair that no registry can know, of the subject's kind; `canary` is the canary's username, "" if there is none."""
    credential = inquiry.credential
    if credential is not None and credential.kind is not SecretKind.PASSWORD:
        return Pair(credential.username, made_up_token(random))
    username, secret = made_up_pair(provider, random)
    return Pair(canary if canary and provider.key != "ngc" else username, secret)


def is_loopback(url: URL) -> bool:
    """True for an address literal of this machine, and `localhost`."""
    host = url.host or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def control_key(host: str, demand: Demand, step: Step, repository: str = "", *, token: bool = False) -> ControlKey:
    """Where a control at `step` is kept that was made under `demand`.

    A made-up `token` that was traded in says nothing of usernames and passwords, nor they of it.
    """
    realm, scheme = str(demand.realm) if demand.realm is not None else "", "refresh" if token else demand.scheme
    return ControlKey(host=host, realm=realm, service=demand.service, scheme=scheme, step=str(step), repository=repository)


def opinion_key(host: str, provider: Provider) -> ControlKey:
    """Where the control of a vendor's introspection is kept."""
    return ControlKey(host=host, realm="", service=provider.key, scheme="introspection", step=str(Step.OPINION))
