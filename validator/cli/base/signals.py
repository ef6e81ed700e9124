"""Until somebody ends a command that runs for long."""

from __future__ import annotations

import asyncio
import signal
import threading


async def until_told() -> None:
    """Return at SIGTERM or SIGINT."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    for one in signals:
        loop.add_signal_handler(one, told.set)
    try:
        await told.wait()
    finally:
        for one in signals:
            loop.remove_signal_handler(one)
