"""Telling: one letter a user and sweep, each once; what is not so any more is not told; what fails is shown, and lost never."""

from __future__ import annotations

import asyncio
import json
import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from tests.telling.desk import NOW, Desk, Said, a_desk
from validator.cli import app
from validator.cli.base.options import hoisted
from validator.config import Notices
from validator.errors import ConfigError, StoreLost
from validator.ledger.base.processes import this_process
from validator.ledger.notices import Kind, NoticeState
from validator.notifiers.base import Alert, Handed, Outcome
from validator.status import State
from validator.stores.sqlite import SqliteStore
from validator.telling import Counts, channels_of, program_of
from validator.telling.base import LEASE, is_alive

DOWN = Outcome(Handed.NOT_TAKEN, "no connection", down=True)
LATER = Outcome(Handed.NOT_TAKEN, "not now")


def told(said: Said) -> list[tuple[str, list[str]]]:
    return [(letter.user, [one["happened"] for one in letter.facts["credentials"]]) for letter in said.letters]


def alerts(desk: Desk) -> list[list[tuple[str, str]]]:
    return [[(one["kind"], one["subject"]) for one in letter.facts["alerts"]] for letter in desk.operator.letters]


async def test_each_user_is_told_once(desk, said):
    await desk.dies("ada")
    await desk.dies("ada", "hub", "docker.io")
    await desk.dies("bob")
    assert await desk.teller().tell("one") == Counts(sent=2)
    assert told(said) == [("ada", ["died", "died"]), ("bob", ["died"])]
    assert await desk.teller().tell("one") == await desk.teller().tell("two") == Counts()
    assert (len(said.letters), desk.operator.letters) == (2, [])


async def test_a_sweep_without_changes_tells_nobody(desk, said):
    await desk.keep("ada")
    assert (await desk.teller().tell("one"), said.letters) == (Counts(), [])


async def test_what_was_replaced_or_deleted_or_came_well_since_is_not_told(desk, said):
    said.outcomes = [DOWN]
    for user in ("ada", "bob", "cy", "dan"):
        await desk.dies(user)
    assert await desk.teller().tell("one") == Counts(failed=4)
    await desk.keep("ada", secret="new")
    await desk.store.delete("bob", "ngc")
    [status] = await desk.opened.ledger.statuses.all("cy")
    await desk.opened.ledger.statuses.put(replace(status, state=State.ALIVE))
    desk.wall += timedelta(days=1)
    assert await desk.teller().tell("two") == Counts(sent=1)
    assert told(said)[1:] == [("dan", ["died"])]
    assert [notice.user for notice in await desk.outbox(NoticeState.OUTDATED)] == ["ada", "bob", "cy"]


async def test_a_credential_that_was_renamed_is_told_by_its_name_of_now(desk, said):
    event = await desk.dies("ada", "old")
    async with desk.opened.ledger.behind():
        await desk.opened.database.write(lambda c: c.exec_driver_sql("UPDATE credentials SET name = 'new'"))
    await desk.teller().tell("one")
    assert ([one["name"] for one in said.letters[0].facts["credentials"]], event.name) == (["new"], "old")


async def test_a_channel_that_is_down_is_asked_once_a_run_and_loses_nothing(desk, said):
    said.outcomes = [DOWN]
    for number in range(5):
        await desk.dies(f"user{number}")
    assert await desk.teller().tell("one") == Counts(failed=5)
    assert (len(said.letters), said.closed > 0) == (1, True)
    desk.wall += timedelta(days=1)
    assert await desk.teller().tell("two") == Counts(sent=5)
    assert sorted(user for user, _ in told(said)[1:]) == [f"user{number}" for number in range(5)]


async def test_with_patience_it_is_tried_again_with_longer_and_longer_waits(desk, said):
    said.outcomes = [DOWN, DOWN]
    await desk.dies("ada")
    assert await desk.teller(60).tell("one") == Counts(sent=1)
    assert [round(seconds) for seconds in desk.slept] == [5, 20]
    said.outcomes = [LATER] * 9
    await desk.dies("bob")
    assert await desk.teller(60).tell("two") == Counts(failed=1)
    assert sum(desk.slept) < 90


async def test_one_that_is_put_off_holds_up_no_other(desk, said):
    said.outcomes = [LATER]
    for user in ("ada", "bob"):
        await desk.dies(user)
    assert await desk.teller().tell("one") == Counts(sent=1, failed=1)
    said.letters.clear()
    desk.wall += timedelta(hours=1)
    await desk.dies("cy")
    said.outcomes = [LATER]
    assert await desk.teller().deliver() == Counts(failed=1), "deliver makes no new digests"
    assert await desk.teller().tell("two") == Counts(sent=2)


async def test_a_refusal_for_good_is_told_to_the_operator_and_not_tried_again(desk, said):
    said.outcomes = [Outcome(Handed.REFUSED, "no such box")]
    await desk.dies("ada")
    assert await desk.teller().tell("one") == Counts(failed=1)
    assert alerts(desk) == [[("notice_failed", "ada")]]
    assert (await desk.teller().tell("two"), len(said.letters)) == (Counts(), 1)
    [notice] = await desk.outbox(NoticeState.FAILED)
    assert notice.detail == "no such box"


async def test_what_may_have_been_sent_is_shown_and_never_sent_again_unasked(desk, said):
    said.outcomes = [Outcome(Handed.UNCLEAR, "the connection broke")]
    await desk.dies("ada")
    assert await desk.teller().tell("one") == Counts(maybe_sent=1)
    assert alerts(desk) == [[("notice_unclear", "ada")]]
    desk.wall += timedelta(days=3)
    assert (await desk.teller().tell("two"), len(said.letters)) == (Counts(), 1)
    [notice] = await desk.outbox(NoticeState.MAYBE_SENT)
    assert await desk.opened.ledger.notices.again(notice.id, notice.channel, now=desk.wall), "somebody says so"
    assert await desk.teller().deliver() == Counts(sent=1)


async def test_an_hour_takes_so_many_and_the_rest_is_sent_later(desk, said):
    for number in range(5):
        await desk.dies(f"user{number}")
    assert await desk.teller(per_hour=2).tell("one") == Counts(sent=2, waiting=3)
    desk.wall += timedelta(minutes=61)
    assert await desk.teller(per_hour=2).deliver() == Counts(sent=2, waiting=1)
    assert await desk.teller(3600, per_hour=2).tell("two") == Counts(sent=1)
    assert len({user for user, _ in told(said)}) == 5


async def test_a_stop_ends_it_after_the_letter_that_is_under_way(desk, said):
    for number in range(5):
        await desk.dies(f"user{number}")
    teller = desk.teller()
    send = said.send

    async def stopping(letter):
        teller.stop.set()
        return await send(letter)

    said.send = stopping
    assert (await teller.tell("one")).sent == 1
    said.send = send
    assert (await desk.teller().deliver()).sent == 4


async def test_cancelled_while_a_letter_is_under_way_its_fate_is_written_down(desk, said):
    await desk.dies("ada")
    begun, on = asyncio.Event(), asyncio.Event()
    send = said.send

    async def slow(letter):
        begun.set()
        await on.wait()
        return await send(letter)

    said.send = slow
    telling = asyncio.create_task(desk.teller().tell("one"))
    await begun.wait()
    telling.cancel()
    await asyncio.sleep(0)
    on.set()
    with pytest.raises(asyncio.CancelledError):
        await telling
    assert [notice.state for notice in await desk.outbox()] == [NoticeState.SENT]


async def test_a_fault_before_it_is_handed_over_leaves_it_queued(desk, said, monkeypatch):
    await desk.dies("ada")
    teller = desk.teller()

    async def lost(*_):
        raise StoreLost("the database is gone")

    with monkeypatch.context() as broken:
        broken.setattr("validator.telling.letters.Letters.to_user", lost)
        with pytest.raises(StoreLost):
            await teller.tell("one")
    assert [notice.state for notice in await desk.outbox()] == [NoticeState.QUEUED]
    assert await desk.teller().deliver() == Counts(sent=1)


async def test_what_a_process_that_is_no_more_had_claimed_may_have_been_sent(desk, said):
    await desk.dies("ada")
    await desk.dies("bob")
    teller = desk.teller()
    await desk.opened.ledger.together(lambda parts: teller._compose(parts, "one", desk.wall))
    [lost] = await desk.opened.ledger.notices.claim("of no machine", desk.wall - LEASE, limit=1)
    assert await teller.tell("one") == Counts(sent=1, maybe_sent=1)
    assert alerts(desk) == [[("notice_unclear", lost.user)]]


def test_a_process_that_cannot_be_seen_has_a_lease():
    machine, pid, start, token = this_process().split(" ")
    assert is_alive(this_process(), NOW, NOW + LEASE - timedelta(seconds=1))
    assert is_alive("elsewhere 1 2 3", NOW, NOW + LEASE - timedelta(seconds=1))
    assert not is_alive("elsewhere 1 2 3", NOW, NOW + LEASE)
    assert not is_alive(f"{machine} {pid} {int(start) + 1} {token}", NOW, NOW), "another one by that number"


async def test_a_service_sends_what_waits_every_now_and_then(desk, said):
    said.outcomes = [DOWN]
    await desk.dies("ada")
    assert (await desk.teller().tell("one")).failed == 1
    teller, slept = desk.teller(), []

    async def sleep(seconds):
        slept.append(seconds)
        desk.wall += timedelta(seconds=seconds)
        if len(slept) == 3:
            teller.stop.set()

    teller.sleep = sleep
    await teller.keep_on()
    assert (len(said.letters), slept) == (2, [60.0] * 3)


async def test_one_sends_at_a_time_and_a_sweep_waits_for_its_turn(desk, said):
    await desk.dies("ada")
    teller = desk.teller()
    async with teller.channels.turn:
        telling = asyncio.create_task(teller.tell("one"))
        await asyncio.sleep(0.05)
        assert said.letters == []
    assert (await telling).sent == 1


async def test_the_operator_is_told_of_each_thing_once_while_it_lasts(desk):
    for night in range(3):
        teller = desk.teller()
        await teller.alert(Alert.QUARANTINED, "reg.test", "30 of 60 would have died.")
        if night == 1:
            await teller.alert(Alert.CANARY, "nvcr.io", "the canary was refused.")
        assert await teller.tell(f"night {night}") == Counts()
        desk.wall += timedelta(days=1)
    assert alerts(desk) == [[("lane_quarantined", "reg.test")], [("canary_failed", "nvcr.io")]]
    assert "- reg.test: 30 of 60 would have died." in desk.operator.letters[0].text
    await desk.teller().end_alert(Alert.QUARANTINED, "reg.test")
    await desk.teller().alert(Alert.QUARANTINED, "reg.test", "again.")
    await desk.teller().tell("later")
    assert alerts(desk)[2] == [("lane_quarantined", "reg.test")]


async def test_who_has_no_address_is_listed_for_the_operator_and_told_when_there_is_one(tmp_path):
    async with a_desk(tmp_path, address="{user}") as desk:
        said = Said(wants_address=True)
        desk.users = {"said": said}
        await desk.dies("ada")
        await desk.dies("bob@example.org")
        assert await desk.teller().tell("one") == Counts(sent=1, undeliverable=1)
        assert alerts(desk) == [[("notice_undeliverable", "ada")]]
        desk.wall += timedelta(days=1)
        assert await desk.teller().tell("two") == Counts()
        await desk.opened.ledger.users.change("ada", lambda user: replace(user, address="ada@example.org"))
        assert await desk.teller().tell("three") == Counts(sent=1)
        assert [letter.address for letter in said.letters] == ["bob@example.org", "ada@example.org"]


async def test_a_user_chooses_a_channel_or_none_at_all(desk):
    mail, slack = Said("mailto"), Said("slack")
    desk.users = {"mailto": mail, "slack": slack}
    for user in ("ada", "bob", "cy", "dan"):
        await desk.dies(user)
    change = desk.opened.ledger.users.change
    await change("bob", lambda user: replace(user, channel="slack"))
    await change("cy", lambda user: replace(user, mute=True))
    await change("dan", lambda user: replace(user, channel="pigeon"))
    assert await desk.teller().tell("one") == Counts(sent=3, undeliverable=1)
    assert ([letter.user for letter in mail.letters], [letter.user for letter in slack.letters]) == (["ada"], ["ada", "bob"])
    assert mail.letters[0].id == slack.letters[0].id


async def test_who_wants_none_meanwhile_gets_none(desk, said):
    said.outcomes = [DOWN]
    await desk.dies("ada")
    await desk.teller().tell("one")
    desk.wall += timedelta(hours=1)
    await desk.opened.ledger.users.change("ada", lambda user: replace(user, mute=True))
    assert (await desk.teller().deliver(), len(said.letters)) == (Counts(), 1)
    assert [notice.state for notice in await desk.outbox()] == [NoticeState.MUTED]


async def test_one_channel_down_leaves_the_other_at_work(desk):
    mail, slack = Said("mailto", outcomes=[DOWN]), Said("slack")
    desk.users = {"mailto": mail, "slack": slack}
    await desk.dies("ada")
    assert await desk.teller().tell("one") == Counts(sent=1, failed=1)
    desk.wall += timedelta(days=1)
    await desk.dies("ada", "hub", "docker.io")
    assert await desk.teller().tell("two") == Counts(sent=3)
    assert [len(letter.facts["credentials"]) for letter in mail.letters] == [1, 1, 1]
    assert len(slack.letters) == 2, "what it had is not sent again"


async def test_a_preview_shows_what_would_be_sent_and_writes_nothing(desk, said):
    await desk.dies("ada")
    await desk.opened.ledger.users.change("bob", lambda user: replace(user, channel="pigeon"))
    await desk.dies("bob")
    shown = await desk.teller().preview()
    assert [(one.user, one.channels, one.state) for one in shown] == [
        ("ada", ("said",), NoticeState.QUEUED), ("bob", (), NoticeState.UNDELIVERABLE),
    ]  # fmt: skip
    assert shown[0].letter is not None
    assert "stopped working" in shown[0].letter.subject
    assert (said.letters, await desk.outbox(), await desk.opened.ledger.history.untold()) == ([], (), 2)
    assert await desk.opened.ledger.alerts.all() == ()


async def test_machines_hear_of_every_change_once(tmp_path):
    async with a_desk(tmp_path, webhook={"url": "https://hooks.example.org/v"}) as desk:
        desk.machines.outcomes = [DOWN]
        held = await desk.keep("ada")
        await desk.happens("blipped", held)
        await desk.happens("died", held)
        await desk.teller().tell("one")
        desk.wall += timedelta(hours=1)
        await desk.happens("recovered", held)
        await desk.teller().tell("one")
        facts = [letter.facts for letter in desk.machines.letters]
        assert sorted([one["transition"] for one in fact["events"]] for fact in facts) == [["blipped", "died"], ["blipped", "died"], ["recovered"]]
        assert len({letter.id for letter in desk.machines.letters}) == 2
        assert {
            "id",
            "user",
            "name",
            "registry",
            "at",
            "transition",
            "state_before",
            "state_after",
            "verdict",
            "reason",
            "level",
            "expires_at",
        } == set(facts[0]["events"][0])
        json.dumps(facts)
        assert [notice.kind for notice in await desk.outbox()].count(Kind.MACHINE) == 2


WHAT_TO_TYPE = {
    "as it is stored": ({}, "validator credential set ngc --user ada --type REGISTRY --payload registry=reg.test username=jane auth=-"),
    "quoted for a shell": ({"username": "$oauthtoken"}, "'username=$oauthtoken' auth=-"),
    "with a quote in it": ({"username": "o'brien; rm"}, "'username=o'\"'\"'brien; rm' auth=-"),
    "a path": ({"registry": "reg.test/team"}, "registry=reg.test/team username=jane"),
    "a secret for a username": ({"username": "nvapi-CANARYCANARYCANARY"}, "username=USERNAME auth=-"),
    "the secret for a username": ({"username": "CANARY and more"}, "username=USERNAME auth=-"),
}


@pytest.mark.parametrize(("held", "line"), WHAT_TO_TYPE.values(), ids=WHAT_TO_TYPE.keys())
async def test_the_line_to_type_is_exact_and_holds_no_secret(desk, said, held, line):
    one = await desk.keep("ada", secret="CANARY and more", **held)
    await desk.happens("died", one)
    await desk.teller().tell("one")
    [letter] = said.letters
    assert line in letter.text
    assert "CANARY" not in letter.text + str(letter.html) + letter.subject + letter.short + str(letter.facts)


async def test_the_line_typed_by_anybody_replaces_the_dead_one(desk, said, tmp_path):
    """The user of a platform is seldom called as on this machine: typed as it is, the line is to store for nobody else."""
    await desk.happens("died", await desk.keep("ann@example.org"))
    await desk.teller().tell("one")
    [line] = [text.strip() for text in said.letters[0].text.splitlines() if text.strip().startswith("validator credential set")]
    typed = [*shlex.split(line)[1:], "--no-check", "--store", f"sqlite:///{tmp_path}/typed.db", "--format", "json"]
    environment = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "CI": "", "VALIDATOR_USER": "ann"}
    done = await asyncio.to_thread(CliRunner().invoke, app, hoisted(typed), input="new", env=environment)
    assert (done.exit_code, json.loads(done.stdout)["user"]) == (0, "ann@example.org")


async def test_where_a_new_secret_does_not_help_there_is_no_line_to_type(desk, said):
    await desk.happens("impaired", await desk.keep("ada"), reason="no_pull_permission")
    await desk.happens("impaired", await desk.keep("bob"), reason="wrong_username", verdict="misconfigured")
    await desk.happens("recovered", await desk.keep("cy"), reason="login_accepted", verdict="valid")
    await desk.teller(recovered=True).tell("one")
    ada, bob, cy = said.letters
    assert ("credential set" in ada.text, "may not be used for pulling" in ada.text, "dead" in ada.text) == (False, True, False)
    assert ("username=USERNAME" in bob.text, "cannot work as it is stored" in bob.text) == (True, True)
    assert ("credential set" in cy.text, "works again" in cy.text) == (False, True)


STORES = {
    "": "validator credential set ngc --user ada --type REGISTRY --payload registry=reg.test username=jane auth=-",
    "it is only read: use `osmo credential set`": "osmo credential set ngc --type REGISTRY --payload registry=reg.test username=jane auth=NEW_SECRET",
    "it is only read: use `docker login` and `docker logout`.": "docker login reg.test --username jane",
    "it is only read": "",
}


@pytest.mark.parametrize(("why", "line"), STORES.items(), ids=["ours", "osmo", "docker", "another"])
async def test_the_line_is_that_of_the_store(desk, said, monkeypatch, why, line):
    await desk.dies("ada")
    monkeypatch.setattr(SqliteStore, "read_only", why)
    teller = desk.teller()
    teller.letters = replace(teller.letters, program=program_of(desk.store))
    await teller.tell("one")
    assert (line in said.letters[0].text, "Then type:" in said.letters[0].text) == (True, bool(line))


URLS = {
    "an unknown service": (["nonsense://CANARY"], r"notices.urls: URL 1 \(nonsense:\) is none that can be used"),
    "a slack without its tokens": (["json://x/", "slack://CANARY"], r"notices.urls: URL 2 \(slack:\) is none"),
    "a second recipient": (["mailto://CANARY.test?from=v@x.org&to={address},b@x.org"], "names more recipients"),
}


@pytest.mark.parametrize(("urls", "sentence"), URLS.values(), ids=URLS.keys())
async def test_a_url_of_no_use_is_a_mistake_in_the_settings_that_is_not_repeated(urls, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        await channels_of(Notices(urls=tuple(map(SecretStr, urls))))
    assert "CANARY" not in str(caught.value)


async def test_channels_are_named_by_their_schemes(tmp_path: Path):
    urls = ["mailto://a.test?from=v@x.org&to={address}", "json://h/{user}", "mailto://b.test?from=v@x.org&to={address}"]
    channels = await channels_of(Notices(urls=tuple(map(SecretStr, urls)), operator=(SecretStr("mailto://a.test?from=v@x.org&to=a@x.org,b@x.org"),)))
    assert list(channels.users) == ["mailto", "json", "mailto-2"]
    assert [type(channel).__name__ for channel in channels.users.values()] == ["Mail", "Chat", "Mail"]
    assert list(channels.operator) == ["mailto"]
    assert list((await channels_of(Notices())).users) == ["log"]
