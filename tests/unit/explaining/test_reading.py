"""A rule in words: what somebody who does not read cron or RFC 5545 is told."""

from __future__ import annotations

import datetime as dt

import pytest

from scheduler_defs.explaining.cron_reading import cron_words
from scheduler_defs.explaining.reading import sentence
from scheduler_defs.timing import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec
from scheduler_defs.timing.policies import Policies

ZONE = "Europe/Berlin"
INSTANT = dt.datetime.fromisoformat("2026-12-31T23:00")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (CronSpec(("0 2 * * mon-fri",), ZONE), "At 02:00, Monday through Friday (Europe/Berlin)"),
        (CronSpec(("@daily",), ZONE), "At 00:00 (Europe/Berlin)"),
        (
            CronSpec(("0 9 * * fri#1", "0 9 L * *"), ZONE),
            "At 09:00, on the first Friday of the month; or At 09:00, on the last day of the month"
            " (Europe/Berlin)",
        ),
        (EverySpec.parse("10m", ZONE), "Every 10 minutes (Europe/Berlin)"),
        (EverySpec.parse("1d", ZONE), "Every day (Europe/Berlin)"),
        (
            EverySpec.parse("3 months", ZONE, INSTANT),
            "Every 3 months, counted from 2026-12-31 23:00 (Europe/Berlin)",
        ),
        (
            RRuleSpec(("FREQ=MONTHLY;BYDAY=1MO,-1FR;BYHOUR=9;BYMINUTE=0",), timezone=ZONE),
            "Every month on the first Monday and the last Friday at 09:00 (Europe/Berlin)",
        ),
        (
            RRuleSpec(("FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=-1;BYHOUR=6",), timezone=ZONE),
            "Every year on the last day in March and September at 06:00 (Europe/Berlin)",
        ),
        (
            RRuleSpec(("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20271231T000000Z",), timezone=ZONE),
            "Every 2 weeks on Tuesday, until 2027-12-31 (Europe/Berlin)",
        ),
        (AtSpec((INSTANT,), ZONE), "Once, at 2026-12-31 23:00 (Europe/Berlin)"),
    ],
)
def test_a_rule_is_a_sentence(spec: Spec, said: str) -> None:
    assert sentence(spec) == said


def test_given_a_part_of_a_rule_that_has_no_words_then_the_rule_itself_is_shown() -> None:
    rule = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
    assert sentence(RRuleSpec((rule,), timezone=ZONE)) == f"{rule} (Europe/Berlin)"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("*/15 * * * *", "Every 15 minutes"),
        ("* 8-18 * * *", "Every minute from 08:00 to 18:59"),
        ("30 * * * *", "At minute 30 of each hour"),
        ("0 */6 * * *", "At minute 0 of every 6 hours"),
        ("0 9,17 1,15 * *", "At 09:00 and 17:00, on day 1 and 15 of the month"),
        ("0 0 13 * fri", "At 00:00, on day 13 of the month or on Friday"),
        ("0 0 1 */3 *", "At 00:00, on day 1 of the month, every 3 months"),
        ("15 4 * jun,12 7", "At 04:15, on Sunday, in June and December"),
        ("0 9 1 * L5", "At 09:00, on the last Friday of the month"),
        ("5-59/10 8-18/2 * * *", "5-59/10 8-18/2 * * *"),
        ("0 9 * * 1#2,fri#4", "0 9 * * 1#2,fri#4"),
    ],
)
def test_cron_has_words_or_stays_cron(expression: str, said: str) -> None:
    assert cron_words(expression) == said


def test_several_instants_are_counted() -> None:
    instants = tuple(INSTANT + dt.timedelta(days=day) for day in range(5))
    assert sentence(AtSpec(instants, "UTC")).endswith("2027-01-02 23:00 and 2 more (UTC)")


def test_policies_are_part_of_it() -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    policies = Policies(start=start, jitter=dt.timedelta(minutes=5))
    said = sentence(EverySpec.parse("1h", "UTC"), policies)
    assert said == "Every hour (UTC), from 2026-01-01 00:00, up to 5m later"
