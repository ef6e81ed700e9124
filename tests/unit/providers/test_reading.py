"""What an answer says, whichever vendor's rows are read before the common ones."""

from __future__ import annotations

import pytest

from validator.evidence import Demand, Exchange, Party, Step
from validator.protocol.errcode import BodyShape
from validator.providers import PROVIDERS, Provider
from validator.verdict import Reason
from validator.verdict.reading import Meaning, read

WORDS = ("no", "HTTP Basic: Access denied", "token expired", "the token has been revoked", "incorrect username or password", "denied")


def a_no(basic: str, scheme: str | None, text: str, code: str = "UNAUTHORIZED") -> Exchange:
    """A 401 to a login that went to the registry itself."""
    demand = Demand(scheme=scheme) if scheme else None
    return Exchange(
        step=Step.LOGIN, party=Party.SUBJECT, method="GET", url="https://reg.test/v2/", status=401, authorized=True, basic=basic,
        shape=BodyShape.ERRORS, code=code, text=text, demand=demand,
    )  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.key)
def test_no_vendors_words_make_a_refusal_of_a_pair_that_nobody_looked_at(provider: Provider) -> None:
    rows = provider.traits.rows
    for text in WORDS:
        for basic, scheme in (("demanded", "bearer"), ("demanded", "other"), ("unasked", "bearer"), ("unasked", "other"), ("unasked", None)):
            said = read(a_no(basic, scheme, text), rows)
            assert (said.meaning, said.reason) == (Meaning.UNKNOWN, Reason.AMBIGUOUS_REFUSAL)
        assert read(a_no("demanded", "other", text, "TOOMANYREQUESTS"), rows).reason is Reason.THROTTLED
    assert read(a_no("demanded", "basic", "no")).meaning is Meaning.REFUSED, "a Basic registry's own"


def test_a_registry_that_digitalocean_does_not_know_is_told_where_an_image_was_named() -> None:
    """Its 400 without a scope is a request that it does not read: no word about anything."""
    [provider] = [one for one in PROVIDERS if one.key == "digitalocean"]
    for step, meaning in ((Step.SCOPED, Meaning.REPOSITORY_MISSING), (Step.LOGIN, Meaning.UNKNOWN)):
        answer = Exchange(step=step, party=Party.SUBJECT, method="GET", url="https://reg.test/token", status=400, authorized=True)
        assert read(answer, provider.traits.rows).meaning is meaning
