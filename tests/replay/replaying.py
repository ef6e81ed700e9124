"""A written conversation, held again without a network: what is asked next at each point, and what is concluded at the end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from yarl import URL

from tests.replay.codec import decoded, encoded
from validator.evidence import Evidence, Exchange, Known, Subject
from validator.providers import provider_named
from validator.providers.plan import Ask, Plan
from validator.providers.questions import next_ask
from validator.verdict import Verdict, decide

FILE: Final = Path(__file__).parent / "conversations.jsonl"
Recorded = dict[str, Any]
"""row, provider, registry, api, subject, known, exchanges; and what followed: asks (one a step, then null), verdict."""


def lasting(test: str, plan: Plan, evidence: Evidence, verdict: Verdict) -> Recorded:
    """The conversation as JSON, without what is another at each run: ports, instants beyond a tenth of a second, durations."""
    raw = {
        "test": test, "provider": plan.provider.key, "registry": str(plan.registry), "api": str(plan.api) if plan.api is not None else None,
        "subject": encoded(evidence.subject), "known": encoded(evidence.known), "exchanges": [encoded(each) for each in evidence.exchanges],
        "verdict": encoded(verdict),
    }  # fmt: skip
    for each in raw["exchanges"]:
        each["at"] = round(each.get("at", 0.0), 1)
        each.pop("ms", None)
    for name in raw["known"]:
        if name.endswith("_age_s") and raw["known"][name] is not None:
            raw["known"][name] = round(raw["known"][name], 1)
    text, ports = json.dumps(raw), dict[str, int]()
    text = re.sub(r"(127\.0\.0\.\d+|localhost):(\d{4,5})", lambda found: f"{found[1]}:{ports.setdefault(found[2], 5000 + len(ports))}", text)
    found: Recorded = json.loads(text)
    return found


def followed(raw: Recorded) -> Recorded:
    """The same with what follows by the rules as they are: the asks, the verdict; `was` is what was said then."""
    plan, evidence = again(raw)
    verdict = encoded(decide(evidence, plan.provider.traits, plan.provider.table))
    return {**raw, "asks": asks_of(plan, evidence), "verdict": verdict, "was": said(raw["verdict"])}


def again(raw: Recorded) -> tuple[Plan, Evidence]:
    """The plan and the whole evidence of a written conversation."""
    provider = provider_named(raw["provider"])
    assert provider is not None, raw["provider"]
    plan = Plan(provider=provider, registry=URL(raw["registry"]), api=URL(raw["api"]) if raw.get("api") is not None else None)
    exchanges = tuple(decoded(Exchange, each) for each in raw["exchanges"])
    return plan, Evidence(decoded(Subject, raw["subject"]), decoded(Known, raw["known"]), exchanges)


def asks_of(plan: Plan, evidence: Evidence) -> list[Any]:
    """What is asked after none, one, two … of the exchanges; the last is null where nothing more is."""
    found = []
    for at in range(len(evidence.exchanges) + 1):
        ask = next_ask(plan, Evidence(evidence.subject, evidence.known, evidence.exchanges[:at]))
        found.append(_short(ask) if ask is not None else None)
    return found


def _short(ask: Ask) -> str:
    """`login subject GET https://reg.test/token pair`, and what else is not as usual."""
    said = f"{ask.step} {ask.party} {ask.method} {ask.url} {ask.auth}"
    more = {name: value for name, value in encoded(ask).items() if name in ("wait_s", "hops", "led", "form", "basic")}
    return f"{said} {json.dumps(more)}" if more else said


def said(verdict: Any) -> list[str]:
    """`verdict (reason)`, and the image's if one was asked about."""
    image = verdict.get("image")
    return [f"{verdict['outcome']} ({verdict['reason']})", *([f"{image['outcome']} ({image['reason']})"] if image else [])]


def same_again(raw: Recorded) -> bool:
    """True if what was written comes to what was said then, by steps that are the ones which were taken."""
    steps = [[each["step"], each["party"], each["method"]] for each in raw["exchanges"]]
    asked = [ask.split(" ")[:3] if ask else None for ask in raw["asks"]]
    return said(raw["verdict"]) == raw["was"] and asked == [*steps, None]
