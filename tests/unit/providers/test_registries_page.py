"""`docs/reference/registries.md` names every provider and every host that is known by its whole name."""

from __future__ import annotations

import re
from pathlib import Path

from validator.credential import DOCKER_HUB
from validator.providers import PROVIDERS, provider_for

PAGE = (Path(__file__).parents[3] / "docs/reference/registries.md").read_text(encoding="utf-8")
ROWS = {found[1]: found[0] for found in re.finditer(r"^\| `([a-z-]+)` \|.*$", PAGE, re.MULTILINE)}


def test_every_provider_has_its_row_in_their_order_of_kinds() -> None:
    assert set(ROWS) == {provider.key for provider in PROVIDERS}


def test_every_whole_name_is_told_and_leads_to_its_provider() -> None:
    for provider in PROVIDERS:
        for host in provider.hosts - {DOCKER_HUB}:
            assert f"`{host}`" in ROWS[provider.key]
    for key, row in ROWS.items():
        for name in re.findall(r"`([a-z0-9-]+(?:\.[a-z0-9-]+)+)`", row.split("|")[3]):
            assert provider_for(name).key == key
