"""Another location, for what the daemon finds in it."""

from __future__ import annotations

import dagster as dg

DAILY = dg.DailyPartitionsDefinition("2026-01-01")


@dg.asset(partitions_def=DAILY, group_name="daily")
def numbers() -> int:
    return 1


@dg.asset(group_name="plain")
def letters() -> str:
    return "a"


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["europe", "asia"]), group_name="regions")
def sales() -> int:
    return 1


@dg.op
def work() -> None:
    return None


@dg.job(tags={"team": "ml"})
def train() -> None:
    work()


defs = dg.Definitions(
    assets=[numbers, letters, sales],
    jobs=[
        train,
        dg.define_asset_job("daily_job", selection="numbers"),
        dg.define_asset_job("region_job", selection="sales"),
    ],
)
