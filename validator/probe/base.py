"""What a probe is asked and what it answers: values."""

from __future__ import annotations

from dataclasses import dataclass

from validator.credential import Credential, Host
from validator.evidence import Asker, Evidence
from validator.protocol.manifest import Platform
from validator.protocol.reference import Reference
from validator.providers import Provider
from validator.sealing import Fingerprint
from validator.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """One question: is this credential good (and will this image be pulled with it)?

    `credential` None asks for the image alone, anonymously. `proof`: the image is the credential's own proof image.
    """

    host: Host
    credential: Credential | None = None
    image: Reference | None = None
    platform: Platform | None = None
    asker: Asker = Asker.CHECK
    proof: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """The answer, with what it rests on; `fingerprint` is "" where no secret was asked about."""

    inquiry: Inquiry
    verdict: Verdict
    evidence: Evidence
    provider: Provider
    fingerprint: Fingerprint | str = ""
