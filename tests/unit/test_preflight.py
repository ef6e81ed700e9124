"""What a kubelet that tries several keys meets: `matching` and `combine`, by tables. KUBE rows of the cases that need no wire."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pydantic import SecretStr

from validator.config import AuthsKey
from validator.credential import Credential, kubelet_order, parse_scope
from validator.preflight import Tried, combine, matching, without_key
from validator.protocol.reference import parse_reference
from validator.verdict import Hint, ImageOutcome, ImageVerdict, Outcome, Reason, Verdict

ORDER: Final[dict[str, tuple[list[str], str, list[str]]]] = {
    # keys in the order of the pod's secrets, the image, what is tried
    "other host": (["other.test"], "reg.test/app", []),
    "longer path first": (["reg.test", "reg.test/team"], "reg.test/team/app", ["reg.test/team", "reg.test"]),
    "a path is a string's beginning": (["reg.test/team"], "reg.test/team-two/app", ["reg.test/team"]),
    "a port is not folded": (["reg.test:443"], "reg.test/app", []),
    "nor the other way": (["reg.test"], "reg.test:443/app", []),
    "one star, one label": (["*.test"], "reg.test/app", ["*.test"]),
    "a star is no two labels": (["*.reg.test"], "reg.test/app", []),
    "a star within the last label": (["*test"], "reg.test/app", []),
    "a lone star": (["*"], "reg.test/app", []),
    "a literal before a star": (["*.test", "reg.test"], "reg.test/app", ["reg.test", "*.test"]),
    "a literal before a longer path under a star": (["*.test/team", "reg.test"], "reg.test/team/app", ["reg.test", "*.test/team"]),
    "docker's own key": (["https://index.docker.io/v1/"], "docker.io/library/nginx", ["https://index.docker.io/v1/"]),
    "the same without its slash": (["https://index.docker.io/v1"], "docker.io/library/nginx", []),
    "docker.io hides index.docker.io": (["docker.io", "index.docker.io"], "docker.io/library/nginx", ["docker.io"]),
    "what OSMO writes": (["registry-1.docker.io"], "docker.io/acme/private", []),
    "case counts": (["NVCR.IO"], "nvcr.io/x", []),
    "deeper than the repository": (["reg.test/team/app/x"], "reg.test/team/app", []),
    "a path with a slash at its end": (["reg.test/team/"], "reg.test/team/app", ["reg.test/team/"]),
    "the repository with a slash at its end": (["reg.test/team/app/"], "reg.test/team/app", []),
    "two secrets, one key": (["reg.test", "reg.test"], "reg.test/app", ["reg.test", "reg.test"]),
}


@pytest.mark.parametrize(("keys", "image", "tried"), ORDER.values(), ids=ORDER.keys())
def test_the_kubelets_order(keys: list[str], image: str, tried: list[str]) -> None:
    assert list(kubelet_order([(key, key) for key in keys], image)) == tried


def held(name: str, registry: str) -> Credential:
    """A stored credential."""
    return Credential(user="u", name=name, scope=parse_scope(registry), username="u", secret=SecretStr("x"), written=registry)


HUB: Final = [held("hub", "docker.io")]
WRITTEN: Final[dict[str, tuple[list[Credential], list[str], AuthsKey, dict[str, list[str]]]]] = {
    "docker writes Hub's own key": (HUB, ["nginx"], AuthsKey.DOCKER, {"nginx": ["hub"]}),
    "auto is docker's": (HUB, ["nginx"], AuthsKey.AUTO, {"nginx": ["hub"]}),
    "OSMO's Hub key is never looked up": (HUB, ["acme/private"], AuthsKey.OSMO, {"acme/private": []}),
    "as written": ([held("hub", "registry-1.docker.io")], ["nginx"], AuthsKey.AS_WRITTEN, {"nginx": []}),
    "OSMO writes no key for another segment": ([held("t", "reg.test/team")], ["reg.test/team-two/app"], AuthsKey.OSMO, {"reg.test/team-two/app": []}),
    "but once it stands in the group's secret it matches": (
        [held("t", "reg.test/team")], ["reg.test/team-two/app", "reg.test/team/x"], AuthsKey.OSMO,
        {"reg.test/team-two/app": ["t"], "reg.test/team/x": ["t"]},
    ),
    "two of a group, both tried": (
        [held("a", "nvcr.io/team"), held("b", "nvcr.io/team-b")], ["nvcr.io/team/x", "nvcr.io/team-b/y"], AuthsKey.OSMO,
        {"nvcr.io/team/x": ["a"], "nvcr.io/team-b/y": ["b", "a"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stored", "images", "how", "expected"), WRITTEN.values(), ids=WRITTEN.keys())
def test_which_credentials_stand_in_the_pull_secret(
    stored: list[Credential], images: list[str], how: AuthsKey, expected: dict[str, list[str]]
) -> None:
    group = [parse_reference(image) for image in images]
    found = {image: [one.name for one in matching(stored, parse_reference(image), group, how)] for image in images}
    assert found == expected


def tried(name: str, outcome: ImageOutcome, reason: Reason, credential: Outcome = Outcome.VALID, *hints: Hint) -> Tried:
    """What one key came to."""
    return Tried(name, Verdict(outcome=credential, reason=Reason.REFUSED), ImageVerdict(outcome=outcome, reason=reason, hints=hints))


DEAD: Final = tried("a", ImageOutcome.DENIED, Reason.CREDENTIAL_REFUSED, Outcome.INVALID)
GOOD: Final = tried("b", ImageOutcome.PULLABLE, Reason.PULL_OK)
FORBIDDEN: Final = tried("a", ImageOutcome.DENIED, Reason.NO_PULL_PERMISSION, Outcome.INSUFFICIENT)
BUSY: Final = tried("a", ImageOutcome.UNKNOWN, Reason.THROTTLED, Outcome.UNKNOWN)
ILL: Final = tried("b", ImageOutcome.UNKNOWN, Reason.SERVER_ERROR, Outcome.UNKNOWN)
MISSING: Final = tried("b", ImageOutcome.NOT_FOUND, Reason.TAG_NOT_FOUND)
EMPTY: Final = tried("e", ImageOutcome.PULLABLE, Reason.PUBLIC, Outcome.MISCONFIGURED)

COMBINED: Final[dict[str, tuple[list[Tried], str, str | None, set[Hint]]]] = {
    "good": ([GOOD], "pullable (pull_ok)", "b", set()),
    "dead before good": ([DEAD, GOOD], "pullable (pull_ok)", "b", {Hint.DEAD_KEY_FIRST}),
    "forbidden before good": ([FORBIDDEN, GOOD], "pullable (pull_ok)", "b", set()),
    "busy before good": ([BUSY, GOOD], "pullable (pull_ok)", "b", set()),
    "good before dead": ([GOOD, DEAD], "pullable (pull_ok)", "b", set()),
    "dead alone": ([DEAD], "denied (credential_refused)", None, set()),
    "both dead": ([DEAD, DEAD], "denied (credential_refused)", None, set()),
    "dead, then ill": ([DEAD, ILL], "unknown (server_error)", None, set()),
    "ill, then dead": ([ILL, DEAD], "unknown (server_error)", None, set()),
    "dead, then no such tag": ([DEAD, MISSING], "not_found (tag_not_found)", None, set()),
    "dead, then forbidden": ([DEAD, FORBIDDEN], "denied (no_pull_permission)", None, set()),
    "an empty password pulls as anybody": ([EMPTY], "pullable (public)", None, set()),
    "the wrong platform is pulled": (
        [tried("w", ImageOutcome.WRONG_PLATFORM, Reason.PLATFORM_MISSING), DEAD], "wrong_platform (platform_missing)", "w", set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("tries", "said", "via", "hints"), COMBINED.values(), ids=COMBINED.keys())
def test_the_outcome_of_several_keys(tries: list[Tried], said: str, via: str | None, hints: set[Hint]) -> None:
    verdict, by = combine(tries)
    assert f"{verdict.outcome} ({verdict.reason})" == said
    assert by == via
    assert set(verdict.hints) == hints


def test_an_unknown_is_never_a_denial() -> None:
    """Whatever else was refused: a wrong "blocked" stops somebody's work."""
    for others in ([DEAD], [FORBIDDEN], [MISSING], [DEAD, FORBIDDEN]):
        for unknown in (BUSY, ILL):
            outcomes: set[Any] = {combine([unknown, *others])[0].outcome, combine([*others, unknown])[0].outcome}
            assert outcomes == {ImageOutcome.UNKNOWN}


NODES: Final[dict[str, tuple[str, Reason, str]]] = {
    # the host, the anonymous answer, what it means
    "ECR": ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", Reason.NO_CREDENTIAL, "unknown (node_credentials_possible)"),
    "Artifact Registry": ("europe-docker.pkg.dev", Reason.NO_CREDENTIAL, "unknown (node_credentials_possible)"),
    "the older Container Registry": ("eu.gcr.io", Reason.NO_CREDENTIAL, "unknown (node_credentials_possible)"),
    "ACR": ("acme.azurecr.io", Reason.NO_CREDENTIAL, "unknown (node_credentials_possible)"),
    "ECR's other name": ("123456789012.dkr-ecr.eu-west-1.on.aws", Reason.NO_CREDENTIAL, "unknown (node_credentials_possible)"),
    "ECR Public": ("public.ecr.aws", Reason.NO_CREDENTIAL, "denied (no_credential)"),
    "a public mirror": ("mirror.gcr.io", Reason.NO_CREDENTIAL, "denied (no_credential)"),
    "public there": ("acme.azurecr.io", Reason.PUBLIC, "denied (public)"),
    "any other": ("nvcr.io", Reason.NO_CREDENTIAL, "denied (no_credential)"),
    "only alike": ("acme.azurecr.io.evil.test", Reason.NO_CREDENTIAL, "denied (no_credential)"),
}


@pytest.mark.parametrize(("host", "reason", "said"), NODES.values(), ids=NODES.keys())
def test_where_nodes_bring_credentials_nobody_is_denied(host: str, reason: Reason, said: str) -> None:
    """registries/others.md G12."""
    seen = without_key(ImageVerdict(outcome=ImageOutcome.DENIED, reason=reason), host)
    assert f"{seen.outcome} ({seen.reason})" == said
