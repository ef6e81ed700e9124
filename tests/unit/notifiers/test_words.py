"""The words of a message: kept texts, one line for a subject, texts that stay texts, a line to type that a shell reads as it was meant."""

from __future__ import annotations

import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.unit.notifiers.golden import AGAIN, BACK, DIED, DIGESTS, ENDING, FOLDER, HOSTILE, IMPAIRED, texts
from validator.notifiers import words
from validator.notifiers.words import Digest, Told, command_line

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "notices.md"


@pytest.mark.parametrize("name", texts())
def test_a_message_reads_as_it_is_kept(name):
    assert texts()[name] == (FOLDER / name).read_text(encoding="utf-8")


def test_nothing_is_kept_that_is_no_message():
    assert {path.name for path in FOLDER.iterdir()} == set(texts())


def test_the_page_shows_the_mail_as_it_is():
    shown = "".join(f"    {line}\n" if line else "\n" for line in (FOLDER / "several.txt").read_text(encoding="utf-8").rstrip().split("\n"))
    assert shown in PAGE.read_text(encoding="utf-8")


SUBJECTS: dict[str, tuple[tuple[Told, ...], str]] = {
    "one": ((DIED,), 'Registry credential "ngc" stopped working'),
    "one that ends": ((ENDING,), 'Registry credential "hub" ends on 29 November 2026'),
    "may not": ((IMPAIRED,), 'Registry credential "lab" may not be used for pulling'),
    "as stored": ((replace(IMPAIRED, verdict="misconfigured"),), 'Registry credential "lab" cannot work as it is stored'),
    "a reminder": ((AGAIN,), 'Registry credential "old" still has never worked'),
    "two": ((DIED, AGAIN), "2 registry credentials do not work"),
    "all kinds": ((DIED, ENDING, BACK), "1 registry credential does not work, 1 ends soon, 1 works again"),
    "nothing broken": ((ENDING, ENDING, BACK), "Registry credentials: 2 end soon, 1 works again"),
}


@pytest.mark.parametrize(("lines", "subject"), SUBJECTS.values(), ids=SUBJECTS.keys())
def test_a_subject_says_what_it_is_about(lines, subject):
    assert words.subject(Digest(user="ada", lines=lines)) == subject


class Read(HTMLParser):
    """What a browser would see: tags with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "onerror", "onload")]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_texts_of_others_are_text_in_html():
    read = Read(words.html(DIGESTS["hostile"]))
    assert not {"script", "img", "b"} & set(read.tags)
    assert read.links == [HOSTILE.renew]
    assert "<script>alert(1)</script>" in read.words
    assert "{{ 7*7 }}" in read.words


def test_a_mail_loads_nothing():
    read = Read(words.html(DIGESTS["several"]))
    assert not {"script", "img", "link", "iframe", "form"} & set(read.tags)
    assert all(link.startswith("https://") for link in read.links)


def test_both_parts_say_the_same():
    read = " ".join(Read(words.html(DIGESTS["several"])).words.split())
    for sentence in (DIED.head, DIED.when, DIED.cause, DIED.breaks, DIED.command, ENDING.head, BACK.head, *DIED.notes):
        assert sentence in read
        assert sentence.split(".")[0][:40] in " ".join(words.text(DIGESTS["several"]).split())


def test_no_line_of_a_text_is_longer_than_it_must_be():
    for digest in DIGESTS.values():
        long = [line for line in words.text(digest).splitlines() if len(line) > 78 and "    " not in line]
        assert long == []


def test_of_very_many_only_names_are_told():
    lines = tuple(replace(DIED, name=f"key{number}") for number in range(words.MOST + 7))
    text = words.text(Digest(user="ada", lines=lines))
    assert "And 7 more:" in text
    assert all(f"key{number}" in text for number in range(words.MOST + 7))
    assert text.count("Then type:") == words.MOST
    assert "And 7 more:" in words.html(Digest(user="ada", lines=lines))


TYPED = ["jane", "$oauthtoken", "o'brien", 'a "b" c', "a;rm -rf /", "`id`", "$(id)", "", "-x", "a\\b", "jürgen", "a&b|c>d"]


@pytest.mark.parametrize("username", TYPED)
def test_a_shell_reads_the_line_as_it_was_meant(username):
    owner = username or "ada"
    words_of = shlex.split(command_line("validator", "ngc", "nvcr.io/acme", username, owner))
    assert words_of == [
        "validator", "credential", "set", "ngc", "--user", owner, "--type", "REGISTRY", "--payload", "registry=nvcr.io/acme",
        f"username={username or 'USERNAME'}", "auth=-",
    ]  # fmt: skip


def test_a_name_that_no_line_can_hold_is_left_out():
    assert "--user" not in command_line("validator", "ngc", "nvcr.io", "u", "eve\u202e") + command_line("osmo", "ngc", "nvcr.io", "u", "ada")


def test_nobody_is_told_that_it_is_their_key():
    for text in texts().values():
        assert "your key" not in text.lower()
