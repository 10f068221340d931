"""Every page over a yard with a past: axe-core finds nothing serious, a phone is wide enough, and nothing is
loaded from elsewhere. Pictures are kept in build/screenshots."""

from __future__ import annotations

import pytest

from tests.integration.web.browser import Browser
from tests.standins.filled_yard import FilledYard

PAGES = (
    "",
    "schedules",
    "schedules?new=1",
    "schedules/nightly",
    "timeline?span=1h",
    "timeline?span=30d",
    "timeline?by=queue",
    "queues",
    "tasks/3",
    "runs/nightly-2-again",
    "inbox",
    "health",
    "audit",
    "api",
    "decide",
    "nowhere",
)
LOOKS = {
    "light": (False, 1280),
    "dark": (True, 1280),
    "phone": (False, 360),
    "dark-phone": (True, 360),
}
_OPEN = "document.querySelectorAll('main details').forEach((each) => { each.open = true })"


@pytest.mark.parametrize("look", LOOKS)
def test_nobody_is_shut_out(yard: FilledYard, browser: Browser, look: str) -> None:
    dark, width = LOOKS[look]
    browser.looks(dark=dark, width=width)
    faults: list[str] = []
    for page in PAGES:
        browser.go(f"{yard.ui}/signalbox/{page}")
        if browser.run("document.documentElement.scrollWidth > innerWidth"):
            faults.append(f"{page}: is wider than the screen")
        browser.run(_OPEN)
        faults += [f"{page}: {each}" for each in browser.serious()]
        browser.picture(f"{page.replace('?', '-') or 'overview'}-{look}")
        if browser.run("document.documentElement.scrollWidth > innerWidth"):
            faults.append(f"{page}, unfolded: is wider than the screen")
    assert not faults, "\n".join(faults)


@pytest.mark.attack
def test_nothing_is_loaded_from_elsewhere(yard: FilledYard, browser: Browser) -> None:
    for page in PAGES:
        browser.go(f"{yard.ui}/signalbox/{page}")
        assert browser.run(
            "performance.getEntriesByType('resource').every(e => e.name.startsWith(location.origin))"
        ), page
