"""What each vendor's answer to a stored pair comes to, of a sweep that knows the registry well: the vendors' pages, without a network.

One answer to every login of the pair, whose control is refused; the same with an image named. The cases hold the same from end to end.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.property.answers import ECR, REALMS, error, say
from tests.property.conversation import Conversation, Talk, Turn
from tests.property.worlds import NAMES, SECRETS
from validator.evidence import Asker, Party, Step
from validator.providers.plan import Ask
from validator.registry.base import Answer, Request

REFUSED, DENIED_SO = "invalid (refused)", "denied (credential_refused)"
DOUBTED = ("unknown (ambiguous_refusal)", "unknown (ambiguous_refusal)")
HUB, GITLAB, QUAY, GAR, REG = "docker.io", "gitlab.reg.test", "quay.io", "europe-docker.pkg.dev", "reg.test"
SHORT: Final = ("misconfigured (short_lived)", DENIED_SO)


def told(text: str, status: int = 401) -> Answer:
    """Docker Hub's way to say so."""
    return say(status, {"details": text})


STORIES: Final[dict[str, tuple[str, Answer, str, str]]] = {
    # the host, its answer to the pair, what is said of the pair, and of an image
    "Hub, wrong": (HUB, told("incorrect username or password"), REFUSED, DENIED_SO),
    "Hub, expired": (HUB, told("personal access token is expired"), "invalid (expired)", DENIED_SO),
    "Hub, an account that is off": (HUB, told("account is disabled"), "invalid (owner_disabled)", DENIED_SO),
    "Hub, a token that may not": (HUB, told("access token has insufficient scopes"), "insufficient (scope_missing)", "denied (scope_missing)"),
    "Hub, locked": (HUB, told("too many failed login attempts for username or IP address", 429), "unknown (account_locked)", "unknown (account_locked)"),
    "any, a registry's words": (REG, error(401, "UNAUTHORIZED"), REFUSED, DENIED_SO),
    "any, no words": (REG, say(401), REFUSED, DENIED_SO),
    "any, OAuth's words": (REG, say(401, {"error": "invalid_grant", "error_description": "bad credentials"}), REFUSED, DENIED_SO),
    "any, expired": (REG, error(401, "UNAUTHORIZED", "token expired"), "invalid (expired)", DENIED_SO),
    "any, revoked": (REG, error(401, "UNAUTHORIZED", "the token has been revoked"), "invalid (revoked)", DENIED_SO),
    "any, its owner is off": (REG, error(401, "UNAUTHORIZED", "the user has been deactivated"), "invalid (owner_disabled)", DENIED_SO),
    "any, another's page": (REG, say(401, "<html>no</html>"), "unknown (waf_block)", "unknown (waf_block)"),
    "any, a page that forbids": (REG, say(403, "<html>no</html>"), "unknown (waf_block)", "unknown (waf_block)"),
    "any, other JSON": (REG, say(401, {"status": 401}), *DOUBTED),
    "any, 403": (REG, error(403, "DENIED"), *DOUBTED),
    "any, 404": (REG, say(404), "unknown (protocol)", "unknown (protocol)"),
    "any, 400": (REG, say(400, {"error": "invalid_request"}), "unknown (protocol)", "unknown (protocol)"),
    "any, a throttle in a 401": (REG, error(401, "TOOMANYREQUESTS"), "unknown (throttled)", "unknown (throttled)"),
    "any, an outage": (REG, say(503), "unknown (server_error)", "unknown (server_error)"),
    "any, a proxy": (REG, say(407), "unknown (proxy_error)", "unknown (proxy_error)"),
    "any, a portal": (REG, say(511), "unknown (captive_portal)", "unknown (captive_portal)"),
    "any, no token": (REG, say(200, {}), "unknown (protocol)", "unknown (protocol)"),
    "GitLab, wrong": (GITLAB, error(401, "UNAUTHORIZED", "HTTP Basic: Access denied."), REFUSED, DENIED_SO),
    "GitLab, a token that may not": (GITLAB, error(403, "DENIED", "access forbidden"), "insufficient (scope_missing)", "denied (scope_missing)"),
    "GitLab, banned": (GITLAB, say(403, b"Forbidden\n", kind="text/plain"), "unknown (address_banned)", "unknown (address_banned)"),
    "GitLab, without a registry": (GITLAB, error(404, "UNAVAILABLE", "registry not enabled"), "misconfigured (not_a_registry)", "unknown (protocol)"),
    "Quay, wrong": (QUAY, error(401, "UNAUTHORIZED", "Could not find robot with username: a+b and supplied password."), REFUSED, DENIED_SO),
    "Quay, an owner that is off": (QUAY, error(401, "UNAUTHORIZED", "Robot a+b owner a is disabled"), "invalid (owner_disabled)", DENIED_SO),
    "Quay, in back-off": (QUAY, say(429, b"Too many login attempts. \n", kind="text/plain"), "unknown (account_locked)", "unknown (account_locked)"),
    "ECR, ended": (ECR, error(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."), *SHORT),
    "ECR, ended, by 400": (ECR, error(400, "DENIED", "Your authorization token has expired."), *SHORT),
    "ECR, of nobody": (ECR, error(403, "DENIED", "The security token included in the request is invalid"), *SHORT),
    "ECR, forbidden": (ECR, error(403, "DENIED", "User: arn:aws:iam::1:user/x is not authorized to perform: ecr:BatchGetImage on resource: y"),
                       "insufficient (no_pull_permission)", "denied (no_pull_permission)"),
    "ECR, in other words": (ECR, error(403, "DENIED", "no"), *DOUBTED),
}  # fmt: skip


def of(host: str, answer: Answer, repository: str) -> list[str]:
    """What is said of the pair, and of the image if one is named."""
    talk = Talk(host=host, username=NAMES.get(host, "jane"), secret=SECRETS[host][0], repository=repository, asker=Asker.SWEEP, recall="warm")

    def answering(turns: list[Turn], ask: Ask, request: Request) -> Answer:
        if ask.step is Step.PING:
            return error(401, "UNAUTHORIZED", challenge=REALMS[host])
        if ask.step in (Step.LOGIN, Step.SCOPED):
            return answer if ask.party is Party.SUBJECT else error(401, "UNAUTHORIZED")
        return say(401)

    verdict = Conversation(talk, answering).hold().verdict
    image = [f"{verdict.image.outcome} ({verdict.image.reason})"] if verdict.image is not None else []
    return [f"{verdict.outcome} ({verdict.reason})", *image]


@pytest.mark.parametrize(("host", "answer", "pair", "image"), STORIES.values(), ids=STORIES)
def test_what_an_answer_comes_to(host: str, answer: Answer, pair: str, image: str) -> None:
    assert of(host, answer, "") == [pair]
    assert of(host, answer, "team/app") == [pair, image]


def test_a_google_key_is_judged_where_a_repository_is_named() -> None:
    """Artifact Registry looks at nothing without a scope."""
    wrong = error(403, "DENIED", "Unauthenticated request. Unauthenticated requests do not have permission")
    forbidden = error(
        403, "DENIED", 'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/p" (or it may not exist)'
    )
    assert of(GAR, wrong, "") == of(GAR, forbidden, "") == ["unknown (ambiguous_refusal)"]
    assert of(GAR, wrong, "p/r/app") == [REFUSED, DENIED_SO]
    assert of(GAR, forbidden, "p/r/app") == ["valid (login_accepted)", "denied (hidden_or_denied)"]
