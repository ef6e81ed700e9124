"""What stands in the documentation: its pages, and their blocks of code."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HOW_TO: Final = ROOT / "docs" / "how-to"


def blocks(page: str) -> list[str]:
    """The blocks of a how-to page: what is indented by four, blank lines inside kept."""
    found: list[list[str]] = [[]]
    for line in (HOW_TO / page).read_text().splitlines():
        if line.startswith("    ") or (not line and found[-1]):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [textwrap.dedent("\n".join(lines)).strip("\n") + "\n" for lines in found if any(lines)]


def block(page: str, holds: str) -> str:
    """The one block that holds this text."""
    [found] = [text for text in blocks(page) if holds in text]
    return found


def commands(page: str) -> list[str]:
    """The commands of a page, those that go on after a backslash as one line."""
    lines = "".join(blocks(page)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith(("validator ", "osmo-submit ", "curl "))]
