"""Who waits for a probe sees each exchange as it comes, and what a registry demands is known to others at once."""

from __future__ import annotations

import asyncio

from tests.cases.asking import inquiry, probing
from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Say, Scripted, image
from validator.evidence import Asker, Evidence
from validator.probe import Inquiry
from validator.providers import Provider

__all__ = ["cli"]


async def test_each_exchange_is_seen_as_it_comes(cli: Cli) -> None:
    seen: list[tuple[str, str]] = []

    def watch(evidence: Evidence, provider: Provider) -> None:
        seen.append((evidence.exchanges[-1].step.value, provider.key))

    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        async with probing(cli) as probe:
            asked = inquiry(registry.host, USERNAME, SECRET, f"{registry.host}/team/app", asker=Asker.PREFLIGHT)
            await probe.ask(Inquiry(host=asked.host, credential=asked.credential, image=asked.image, asker=asked.asker, watch=watch))
    assert seen == [("ping", "generic"), ("scoped_login", "generic"), ("pull", "generic")]


async def test_a_challenge_is_known_to_others_before_the_probe_that_met_it_ends(cli: Cli) -> None:
    pinged = asyncio.Event()

    def watch(evidence: Evidence, provider: Provider) -> None:
        pinged.set()

    async with Scripted({"H0": Say(200, image()[0].body, image()[0].headers, image()[0].kind, delay_s=0.3)}) as registry:
        cli.registries = registry.settings()
        async with probing(cli) as probe, asyncio.TaskGroup() as tasks:
            first = inquiry(registry.host, "", "", f"{registry.host}/team/app", asker=Asker.PREFLIGHT)
            tasks.create_task(probe.ask(Inquiry(host=first.host, image=first.image, asker=first.asker, watch=watch)))
            await pinged.wait()
            await probe.ask(inquiry(registry.host, "", "", f"{registry.host}/team/two", asker=Asker.PREFLIGHT))
        assert registry.count("P0") == 1
