"""What is asked next, by what was answered: whole conversations without a network."""

from __future__ import annotations

import pytest

from tests.property.answers import error, say
from tests.property.conversation import Conversation, Talk
from validator.evidence import Asker, Failure
from validator.registry.base import Answer

AFTER: dict[str, tuple[Answer | Failure, bool]] = {
    "a refusal": (error(401, "UNAUTHORIZED"), True), "a throttle": (say(429), False), "an outage": (say(503), False),
    "a 403": (error(403, "DENIED"), False), "no answer": (Failure.CONNECT_FAILED, False), "a page": (say(401, "<html>no</html>"), False),
}  # fmt: skip


@pytest.mark.parametrize(("said", "tried"), AFTER.values(), ids=AFTER)
def test_who_hands_anyone_a_scoped_token_is_asked_for_one_after_a_refusal_alone(said: Answer | Failure, tried: bool) -> None:
    """A dead Harbor robot still pulls what is public; where the login could not be told, nothing more is sent."""
    talk = Talk(host="reg.test", username="jane", secret="a-long-secret-of-jane", repository="team/app", asker=Asker.SWEEP, recall="anyone")
    held = Conversation(talk, lambda turns, ask, request: said).hold()
    assert held.asks[0] == "login +"
    assert ("scoped_login +" in held.asks) is tried
