"""The service: what waits for its channel or its time is sent by it, with no sweep."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import SecretStr

from tests.smtp.sink import open_sink
from tests.telling.desk import a_desk
from validator.config import Notices, Settings
from validator.serving import open_house


async def test_the_service_sends_what_waits(tmp_path: Path) -> None:
    async with open_sink() as sink:
        async with a_desk(tmp_path, urls=[sink.url()], address="{user}@example.org") as desk:
            await desk.dies("ada")
            teller = desk.teller()
            await desk.opened.ledger.together(lambda parts: teller._compose(parts, "one", desk.wall))
        settings = Settings(
            store=SecretStr(f"sqlite:///{tmp_path}/validator.db"), key_file=tmp_path / "master.key",
            notices=Notices(urls=(SecretStr(sink.url()),), address="{user}@example.org"),
        )  # fmt: skip
        async with open_house(settings):
            await sink.arrived.wait()
            while not sink.taken:
                await asyncio.sleep(0.01)
        assert sink.to == ["ada@example.org"]
