"""A process that tells: opens the ledger of a folder, sends what waits by the URL it is given, prints its counts as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from validator.config import Notices, Settings
from validator.ledger import open_embedded
from validator.stores.sqlite import SqliteStore
from validator.telling import Channels, Letters, Teller, channels_of


async def main(folder: Path, url: str, sweep: str) -> None:
    """Prints "ready", and begins at a line on standard input."""
    settings = Settings(notices=Notices(urls=(SecretStr(url),), address="{user}@example.org"))
    async with open_embedded(folder / "validator.db", folder / "master.key") as opened:
        ledger, channels = opened.ledger, await channels_of(settings.notices)
        letters = Letters(ledger, SqliteStore(opened.database, opened.keys.master), settings)
        teller = Teller(ledger, settings, Channels(channels.users, channels.operator), letters, lambda: datetime.now(UTC))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(json.dumps(asdict(await teller.tell(sweep))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
