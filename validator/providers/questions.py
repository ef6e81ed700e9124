"""What to ask next: the conversation as questions in their order, each a pure function of what has been seen.

`next_ask` walks `QUESTIONS`; the first that has something to ask wins. Nothing is asked twice but what registries/README.md
allows: the ping of a host that looks like no registry, one login after a changed challenge, the one repeat of a refused login.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from validator.evidence import Evidence
from validator.providers.image_questions import anonymous, control, detail, good_opinion, platform, pull, scoped_login
from validator.providers.login_questions import (
    changed_challenge,
    control_of_words,
    demand,
    first_login,
    first_opinion,
    follow,
    health,
    login_after_scoped,
    open_registry,
    repeat,
    second_opinion,
    shape,
)
from validator.providers.plan import Ask, Auth, Plan, Seen

Question = Callable[[Seen], "Ask | bool | None"]
"""Something to ask; None = nothing, go on to the next question; False = nothing more at all."""


def next_ask(plan: Plan, evidence: Evidence) -> Ask | None:
    """The next request of this conversation, or None when it is over. Pure and total."""
    seen = Seen(plan, evidence)
    for question in QUESTIONS:
        answer = question(seen)
        if isinstance(answer, Ask):
            # an identity token is no password: where one is wanted there is nothing to send, and nothing more to learn
            return None if seen.is_token and answer.auth is Auth.PAIR else answer
        if answer is False:
            return None
    return None


QUESTIONS: Final[tuple[Question, ...]] = (
    follow, shape, demand, open_registry, first_opinion, first_login, changed_challenge, second_opinion, health, control_of_words, repeat,
    login_after_scoped, scoped_login, pull, good_opinion, detail, anonymous, control, platform,
)  # fmt: skip
"""The conversation, in order."""
