"""Specs check themselves when they are made, and say what they are in one line."""

from __future__ import annotations

from datetime import datetime

import pytest

from scheduler_defs.timing import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec, Unit, kind, text


@pytest.mark.parametrize(
    ("spec", "is_kind", "says"),
    [
        (CronSpec(("0 2 * * *",)), "cron", "0 2 * * *"),
        (CronSpec(("0 2 * * *", "@hourly")), "cron", "0 2 * * * | @hourly"),
        (EverySpec(10, Unit.MINUTE), "every", "every 10m"),
        (EverySpec(36, Unit.HOUR), "every", "every 36h"),
        (EverySpec.parse("1h30m"), "every", "every 90m"),
        (EverySpec.parse("2 weeks"), "every", "every 2w"),
        (EverySpec.parse("1 month"), "every", "every 1 month"),
        (
            EverySpec.parse("3 months", "UTC", datetime(2026, 1, 31, 9)),
            "every",
            "every 3 months from 2026-01-31T09:00",
        ),
        (RRuleSpec(("FREQ=DAILY;BYHOUR=9",)), "rrule", "FREQ=DAILY;BYHOUR=9"),
        (
            RRuleSpec(("FREQ=DAILY",), exdates=(datetime(2026, 1, 1),), rdates=(datetime(2026, 1, 1, 9),)),
            "rrule",
            "FREQ=DAILY +1 dates -1 dates",
        ),
        (AtSpec((datetime(2026, 12, 31, 23),)), "at", "at 2026-12-31T23:00"),
        (AtSpec((datetime(2026, 12, 31, 23), datetime(2027, 1, 1))), "at", "at 2026-12-31T23:00 and 1 more"),
    ],
)
def test_given_a_spec_then_its_kind_and_text_name_it(spec: Spec, is_kind: str, says: str) -> None:
    assert (kind(spec), text(spec)) == (is_kind, says)


def test_given_equal_declarations_then_the_specs_are_equal_and_hashable() -> None:
    assert len({EverySpec.parse("10m"), EverySpec.parse("10 minutes"), EverySpec(10, Unit.MINUTE)}) == 1
    twice = AtSpec((datetime(2026, 1, 1, 9), datetime(2026, 1, 1, 9)))
    assert twice == AtSpec((datetime.fromisoformat("2026-01-01T09:00+00:00"),))
    assert CronSpec(("0 2 * * *", "0 2 * * *")).expressions == ("0 2 * * *",)
    assert CronSpec("0 2 * * *").expressions == ("0 2 * * *",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CronSpec(()), "cron needs at least one expression"),
        (
            lambda: CronSpec(("0 2 * * *",), "Mars/Base"),
            "timezone 'Mars/Base' is not known; use an IANA name",
        ),
        (lambda: CronSpec(("0 2 * * *",), ""), "timezone '' is not known"),
        (lambda: CronSpec(("0 2 * * *",), "../UTC"), "timezone '../UTC' is not known"),
        (lambda: CronSpec(("0 2 * * *",), "America"), "timezone 'America' is not known"),
        (lambda: EverySpec(0, Unit.DAY), "must be at least 1"),
        (lambda: EverySpec(1, "year"), "unit 'year' is not one of minute, hour"),
        (lambda: EverySpec(1, Unit.DAY, datetime(2026, 1, 1, 9, 0, 30)), "is not a whole minute"),
        (lambda: EverySpec.parse("90s"), "'90s' is not a whole number of minutes"),
        (lambda: RRuleSpec(()), "rrule needs at least one rule"),
        (lambda: AtSpec(()), "at needs at least one instant"),
        (lambda: AtSpec((datetime(2026, 1, 1, 9, 0, 1),)), "is not a whole minute"),
        (
            lambda: AtSpec(tuple(datetime(2026, 1, 1, h, m) for h in range(24) for m in range(60))),
            "more than 1000",
        ),
    ],
)
def test_given_a_fault_then_the_error_says_what_is_allowed(make: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()  # type: ignore[operator]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
