"""The dashboard in a real browser: by keyboard alone, with nothing in its console, and no token in what it holds. `make browser`."""

from __future__ import annotations

import shutil

import pytest

from tests.api.conftest import Service, blank, opening, quiet, service
from tests.browser.chromium import browsing

__all__ = ["blank", "opening", "quiet", "service"]

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)"), pytest.mark.timeout(180)]


async def test_somebody_signs_in_looks_and_leaves_without_a_mouse(service: Service) -> None:
    await service.keep("ann", "<b>key</b>", "nvcr.io/ann")
    token = await service.token("read")
    assert CHROMIUM is not None
    async with browsing(CHROMIUM) as page:
        await page.open(str(service.url))
        assert await page.value("document.activeElement.id") == "token", "the field has the focus"
        await page.send("Input.insertText", text=token)
        await page.loads(page.key("Enter", "\r"))
        assert await page.value("document.querySelector('h1').textContent") == "Credentials of all users"
        assert await page.value("location.pathname + location.search") == "/"
        assert "<b>key</b>" in await page.value("document.querySelector('tbody th').textContent")
        held = await page.value("document.documentElement.outerHTML + document.cookie + JSON.stringify(localStorage) + location.href")
        assert token.rpartition("_")[2] not in held
        assert await page.value("document.cookie") == "", "no script reads it"
        await page.key("Tab")
        assert await page.value("document.activeElement.className") == "skip", "the first stop is the way past the head"
        for _ in range(20):
            await page.key("Tab")
            if await page.value("document.activeElement.id") == "user":
                break
        await page.send("Input.insertText", text="ann")
        await page.loads(page.key("Enter", "\r"))
        assert await page.value("document.querySelector('h1').textContent") == "Credentials of ann"
        await page.loads(page.value("document.querySelector('header form').requestSubmit()"))
        assert await page.value("document.querySelector('h1').textContent") == "Sign in"
        assert page.said == ["Failed to load resource: the server responded with a status of 401 (Unauthorized)"] * 2, "the two sign-in pages"


async def test_text_stands_out_from_its_ground_by_day_and_night(service: Service) -> None:
    assert CHROMIUM is not None
    async with browsing(CHROMIUM) as page:
        for scheme in ("light", "dark"):
            await page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            await page.open(str(service.url))
            style = "getComputedStyle(document.documentElement)"
            colours = {
                name: await page.value(f"{style}.getPropertyValue('--{name}').trim()")
                for name in ("text", "paper", "bad", "warn", "good", "accent", "soft")
            }
            for name in ("text", "bad", "warn", "good", "accent"):
                assert contrast(colours[name], colours["paper"]) >= 4.5, (scheme, name)
            assert contrast(colours["text"], colours["soft"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
