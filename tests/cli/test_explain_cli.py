"""`validator explain`: what happened to a credential, in words; nothing of a registry or a user is written into a terminal raw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Scripted, err, tok
from validator.cli.base.story import Story
from validator.credential import parse_scope
from validator.ledger.history import Event
from validator.ledger.statuses import StatusKey, StatusRow
from validator.providers import provider_named
from validator.sealing import Fingerprint
from validator.status import State, Transition

__all__ = ["cli"]

NIGHT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
KEY = StatusKey("ada", parse_scope("nvcr.io/acme"), Fingerprint("f"), "row")
DIED = Event(
    id="2", key=KEY, name="ngc", sweep="s", at=NIGHT + timedelta(days=3, minutes=15), transition=Transition.DIED, state_before=State.SUSPECT,
    state_after=State.DEAD, verdict="invalid", reason="refused", since=NIGHT + timedelta(days=3), told_at=NIGHT + timedelta(days=3, hours=1),
)  # fmt: skip
FIRST = replace(DIED, id="1", at=NIGHT, transition=Transition.NONE, state_before=State.NEVER_CHECKED, state_after=State.ALIVE, verdict="valid",
                reason="login_accepted", since=None, told_at=None)  # fmt: skip
EVIDENCE = {
    "step": "login",
    "party": "subject",
    "method": "GET",
    "url": "https://nvcr.io/proxy_auth",
    "status": 401,
    "code": "UNAUTHORIZED",
    "ms": 12,
}
STATUS = StatusRow(
    key=KEY, name="ngc", state="dead", verdict="invalid", reason="refused", checked_at=DIED.at, last_attempt_verdict="invalid",
    last_attempt_reason="refused", last_attempt_at=DIED.at, next_due_at=DIED.at + timedelta(days=1), evidence=(EVIDENCE,),
)  # fmt: skip


def story(**changes: object) -> str:
    ngc = provider_named("ngc")
    assert ngc is not None
    given = Story(user="ada", name="ngc", registry="nvcr.io/acme", row="row", status=STATUS, events=(FIRST, DIED), provider=ngc)
    return replace(given, **changes).text()  # type: ignore[arg-type]  # fields of a story


def test_a_death_is_told_with_its_times_its_evidence_and_what_to_do():
    lines = story().splitlines()
    assert lines[0] == "ngc of ada, for nvcr.io/acme: does not work"
    assert lines[1] == "  Last confirmed 2026-11-26 02:15 UTC: invalid (refused)"
    assert any(line.startswith("  What to do: ") and "setup/api-keys" in line for line in lines)
    assert lines[lines.index("What happened:") + 1 :][:2] == [
        "  2026-11-23 02:00 UTC  accepted (valid (login_accepted))",
        "  2026-11-26 02:15 UTC  refused, and refused again: dead, first said 2026-11-26 02:00 UTC (invalid (refused)); told 2026-11-26 03:00 UTC",
    ]
    assert "  login                    GET  https://nvcr.io/proxy_auth  401 UNAUTHORIZED  12 ms" in lines
    assert lines[-1] == "It is asked again by the first sweep after 2026-11-27 02:15 UTC: the dead ever more rarely."


def test_another_secret_is_told_apart_from_the_one_that_died():
    lines = story(row="another", status=None).splitlines()
    assert lines[0].endswith("stored, and not asked about yet")
    assert "  then another secret was stored, which is the one that stands there now" in lines


def test_a_quarantine_is_told():
    assert "in quarantine since 2026-11-23 02:00 UTC" in story(quarantined=NIGHT)


def test_what_came_from_outside_writes_nothing_into_a_terminal():
    odd = {**EVIDENCE, "url": "https://nvcr.io/\x1b[31m"}
    assert "\x1b" not in story(user="a\x1b[2J", name="n\x1b", status=replace(STATUS, evidence=(odd,)))


def test_every_state_and_transition_has_its_words():
    for state in State:
        assert "None" not in story(status=replace(STATUS, state=state.value))
        for transition in Transition:
            event = replace(DIED, state_after=state, transition=transition, expires_at=NIGHT)
            assert "UTC  " in story(events=(event,))


async def test_a_credential_is_explained_from_first_to_last(cli: Cli) -> None:
    cli.pace, cli.more = {"repeat_after_s": 0.01, "confirm_after_s": 0.2}, {"sweep": {"fresh_s": 0}}
    async with Scripted({"L+": [tok(), err("UNAUTHORIZED")], "L0": tok()}) as registry:
        cli.registries = registry.settings()
        words = [
            "credential",
            "set",
            "key",
            "--no-check",
            "--user",
            "ada",
            "--payload",
            f"registry={registry.host}",
            f"username={USERNAME}",
            "auth=-",
        ]
        await cli.run(*words, stdin=SECRET)
        assert "not asked about yet" in (await cli.run("explain", "key", "--user", "ada")).out
        for _ in range(2):
            await cli.run("sweep")
        told = (await cli.run("explain", "key", "--user", "ada")).out
        assert [word for word in ("does not work", "accepted", "suspect", "refused again: dead", "; told ", "/token") if word not in told] == []
        assert SECRET not in told
    unknown = await cli.run("explain", "nothing", "--user", "ada")
    assert (unknown.code, unknown.out, len(unknown.err.splitlines())) == (2, "", 1)
