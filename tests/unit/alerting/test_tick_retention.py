"""The history of ticks stays bounded, whatever fails every few seconds."""

from __future__ import annotations

from typing import cast

import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.instance.config import get_default_tick_retention_settings, get_tick_retention_settings
from dagster._core.scheduler.instigation import TickStatus

from scheduler_defs.settings import PROJECT_ROOT

RETENTION = cast(
    "dict[str, dict[str, object]]", yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())["retention"]
)


def days(of: InstigatorType) -> dict[TickStatus, int]:
    return dict(
        get_tick_retention_settings(RETENTION[of.value.lower()], get_default_tick_retention_settings(of))
    )


def test_given_the_settings_when_read_by_dagster_then_no_kind_of_tick_is_kept_for_ever() -> None:
    for of in (InstigatorType.SCHEDULE, InstigatorType.SENSOR):
        assert {status for status, kept in days(of).items() if kept <= 0} == set()


def test_given_a_sensor_that_fails_every_five_seconds_when_kept_then_it_is_some_ten_thousands_of_ticks() -> (
    None
):
    assert days(InstigatorType.SENSOR)[TickStatus.FAILURE] * 24 * 3600 / 5 < 60_000
