"""What the review finds, in the inbox: one entry for each kind, which comes back when others join."""

from __future__ import annotations

import datetime as dt

from scheduler_defs.upkeep.review.entries import entry
from scheduler_defs.upkeep.review.model import Finding, Found

NOW = dt.datetime(2026, 11, 29, 15, 20, tzinfo=dt.UTC)


def test_one_schedule_is_the_subject_itself() -> None:
    found = entry(Finding.SLOWER, [Found("nightly", Finding.SLOWER, "its last 5 runs took 4m")], NOW)
    assert (found["kind"], found["subject"]) == ("finding", "schedule:nightly")
    assert found["text"] == "slower: nightly: its last 5 runs took 4m"
    assert found["since"] == dt.datetime(2026, 11, 29, tzinfo=dt.UTC)


def test_many_are_one_entry_and_another_one_makes_it_new() -> None:
    many = [Found(f"s-{n}", Finding.DISABLED_TOO_LONG, "off since 2026-01-01") for n in range(7)]
    seven, six = entry(Finding.DISABLED_TOO_LONG, many, NOW), entry(Finding.DISABLED_TOO_LONG, many[:6], NOW)
    assert seven["text"].endswith("s-4: off since 2026-01-01; and 2 more")
    assert seven["subject"] == "schedules"
    assert seven["id"] != six["id"] == entry(Finding.DISABLED_TOO_LONG, many[:6], NOW)["id"]
