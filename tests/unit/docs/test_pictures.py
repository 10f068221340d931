"""The pictures of the docs: each that a page shows is there and small, and there is none that no page shows."""

from __future__ import annotations

import re

from scheduler_defs.settings import PROJECT_ROOT
from scripts.screenshots import LARGEST, PAGES, PICTURES

SHOWN = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")


def test_the_pictures_that_pages_show_are_those_that_the_script_takes() -> None:
    pages = [PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").rglob("*.md")]
    shown = {(page.parent / found).resolve() for page in pages for found in SHOWN.findall(page.read_text())}
    assert shown == {PICTURES / f"{page.name}.png" for page in PAGES}


def test_each_picture_is_there_and_small() -> None:
    for page in PAGES:
        picture = (PICTURES / f"{page.name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG"), page.name
        assert len(picture) <= LARGEST, page.name
