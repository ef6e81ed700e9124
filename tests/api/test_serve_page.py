"""The settings that `docs/how-to` tells people to write for the service are settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from validator.config import Settings

PAGES = sorted((Path(__file__).parents[2] / "docs" / "how-to").glob("*.md"))


def settings_in(page: Path) -> list[dict[str, Any]]:
    """The indented and the fenced parts that begin with `api:`, flush left."""
    text = page.read_text(encoding="utf-8")
    indented = re.findall(r"(?:^ {4}api:\n)(?:^ {4}.*\n)*", text, re.MULTILINE)
    fenced = re.findall(r"^```\w*\n(api:\n(?:.*\n)*?)```$", text, re.MULTILINE)
    return [yaml.safe_load(re.sub(r"^ {4}", "", block, flags=re.MULTILINE)) for block in indented] + [yaml.safe_load(block) for block in fenced]


def test_the_pages_settings_are_settings() -> None:
    read = [Settings.model_validate(said).api for page in PAGES for said in settings_in(page)]
    assert len(read) >= 2
    assert any(api.trusted_addresses == ("10.4.0.0/16",) for api in read)
