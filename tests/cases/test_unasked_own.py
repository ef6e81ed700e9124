"""What is never sent, whatever a registry would say: the store had to see through the row, or the operator wants none of it asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cases.asking import asked, inquiry, probing, said, said_of_image
from tests.cases.running import Cli
from tests.cases.scripted import REPOSITORY, SECRET, USERNAME, Scripted
from validator.evidence import Asker
from validator.verdict import Reason

FLAWS = {Reason.USERNAME_LOST: "misconfigured (username_lost)", Reason.UNREADABLE: "unknown (unreadable)"}


@pytest.mark.parametrize("asker", list(Asker))
@pytest.mark.parametrize("flaw", FLAWS)
async def test_what_a_store_cannot_vouch_for_is_not_sent(flaw: Reason, asker: Asker, cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        asking = inquiry(registry.host, USERNAME, SECRET, asker=asker)
        assert asking.credential is not None
        async with probing(cli) as probe:
            probed = await probe.ask(replace(asking, credential=replace(asking.credential, flaws=(flaw.value, "plaintext_in_store"))))
        assert said(probed.verdict) == FLAWS[flaw]
        assert "plaintext_in_store" in probed.verdict.hints
        assert registry.seen == []


async def test_a_registry_that_the_operator_wants_left_alone_is(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = {host: {**told, "disabled": True} for host, told in registry.settings().items()}
        image = f"{registry.host}/{REPOSITORY}:1"
        result = await cli.check(registry.host, USERNAME, SECRET, "--image", image)
        assert (result.credential, result.image, result.code) == ("unknown (disabled_by_operator)", "unknown (disabled_by_operator)", 3)
        by_nobody = await asked(cli, registry.host, "", "", image, asker=Asker.PREFLIGHT)
        assert said_of_image(by_nobody.verdict) == "unknown (disabled_by_operator)"
        assert registry.seen == []
