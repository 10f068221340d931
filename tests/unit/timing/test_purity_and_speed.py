"""The package stays pure, light and quick: a thousand schedules tick in the same minute."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from scheduler_defs.timing import (
    AtSpec,
    CronSpec,
    EverySpec,
    Policies,
    RRuleSpec,
    Spec,
    decide,
    is_due,
    next_occurrence,
)

NOW = datetime(2026, 3, 5, 10, 10, tzinfo=UTC)
SPECS: dict[str, Spec] = {
    "minutely cron": CronSpec(("* * * * *",), "America/New_York"),
    "nightly cron": CronSpec(("30 2 * * mon-fri",), "America/New_York"),
    "rare cron": CronSpec(("0 0 29 2 *",), "Europe/Berlin"),
    "every ten minutes": EverySpec.parse("10m", "Europe/Berlin"),
    "every month": EverySpec.parse("1 month", "Europe/Berlin", datetime(2026, 1, 31, 9)),
    "hourly rule": RRuleSpec(("FREQ=HOURLY;INTERVAL=5",), timezone="Europe/Berlin"),
    "monthly rule": RRuleSpec(("FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0",), timezone="America/Chicago"),
    "yearly rule": RRuleSpec(("FREQ=YEARLY;BYDAY=20MO;BYHOUR=9",), timezone="America/Chicago"),
    "counted rule": RRuleSpec(("FREQ=DAILY;COUNT=5000",), start=datetime(2026, 1, 1, 9)),
    "at": AtSpec((datetime(2026, 12, 31, 23),), "America/Chicago"),
}


def milliseconds(call: Callable[[], object], times: int = 50) -> float:
    """CPU time of one call, the best of three rounds: other programs share the machine."""
    call()
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for _ in range(times):
            call()
        best = min(best, time.process_time() - began)
    return best / times * 1_000


@pytest.mark.parametrize("name", SPECS)
def test_given_any_kind_then_the_next_occurrence_takes_under_a_millisecond(name: str) -> None:
    assert milliseconds(lambda: next_occurrence(SPECS[name], NOW)) < 1


@pytest.mark.parametrize("name", SPECS)
def test_given_any_kind_then_a_tick_is_decided_in_under_a_millisecond(name: str) -> None:
    spec, policies = SPECS[name], Policies()
    last = NOW - timedelta(minutes=1)
    assert milliseconds(lambda: is_due(spec, NOW)) < 0.5
    assert milliseconds(lambda: decide(spec, policies, NOW, NOW, last)) < 1.5


def test_given_the_package_is_imported_then_dagster_and_other_heavy_things_are_not() -> None:
    code = (
        "import sys, scheduler_defs.timing\n"
        "heavy = {'dagster', 'sqlalchemy', 'pydantic', 'holidays', 'croniter', 'dateutil', 'yaml'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
