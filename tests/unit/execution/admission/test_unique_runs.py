"""One run per occurrence, per run key, per attempt at a task: for ever, and whoever asks at once."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest
import sqlalchemy as sa

from scheduler_defs import database, tags
from tests.unit.execution.admission.doors import DUE, Doors


def due(minutes: int) -> dt.datetime:
    return DUE + dt.timedelta(days=1, minutes=minutes)


@pytest.mark.case("recovery-X-two-daemons")
def test_given_an_occurrence_when_a_later_tick_asks_for_it_again_then_there_is_one_run(yard: Doors) -> None:
    first = yard.schedule("line-hourly", due(0), due=due(0))
    before = len(yard.runs())
    again = yard.schedule("line-hourly", due(1), tick="8", due=due(0))
    assert (again.run_id, len(yard.runs())) == (first.run_id, before)


@pytest.mark.case("recovery-X-two-daemons")
def test_given_two_daemons_that_ask_at_once_then_there_is_one_run(yard: Doors) -> None:
    with ThreadPoolExecutor(4) as daemons:
        asked = [
            daemons.submit(yard.schedule, "line-hourly", due(number // 4), tick=str(number), due=due(10))
            for number in range(8)
        ]
        assert len({each.result().run_id for each in asked}) == 1
    runs = yard.instance.get_runs(dg.RunsFilter(tags={tags.SCHEDULED_FOR: due(10).isoformat()}))
    assert len(runs) == 1


def test_given_the_same_instant_in_another_zone_then_it_is_the_same_occurrence(yard: Doors) -> None:
    zone = dt.timezone(dt.timedelta(hours=-6))
    first = yard.schedule("line-hourly", due(20), due=due(20))
    assert yard.schedule("line-hourly", due(21), due=due(20).astimezone(zone)).run_id == first.run_id


def test_given_a_run_whose_occurrence_ran_when_it_is_deleted_then_the_occurrence_does_not_run_again(
    yard: Doors,
) -> None:
    first = yard.schedule("line-hourly", due(30), due=due(30))
    yard.instance.delete_run(first.run_id)
    with pytest.raises(Exception, match="was deleted"):
        yard.schedule("line-hourly", due(31), due=due(30))


def test_given_a_crash_between_creation_and_queueing_when_the_tick_is_repeated_then_its_run_is_queued(
    yard: Doors,
) -> None:
    run = yard.schedule("line-hourly", due(40), due=due(40))
    _set_status(run.run_id, "NOT_STARTED")
    again = yard.schedule("line-hourly", due(41), due=due(40))
    assert (again.run_id, again.status) == (run.run_id, dg.DagsterRunStatus.QUEUED)


def test_given_a_run_key_of_a_sensor_when_it_is_asked_for_unseen_then_there_is_one_run(yard: Doors) -> None:
    request = dg.RunRequest(run_key="file-1", job_name="own")
    first = yard.sensor("watcher", request)
    assert yard.sensor("watcher", request).run_id == first.run_id
    assert yard.sensor("watcher", dg.RunRequest(run_key="file-2", job_name="own")).run_id != first.run_id
    yard.instance.delete_run(first.run_id)
    anew = yard.sensor("watcher", request)
    assert anew.run_id != first.run_id, "Dagster's rule: who deletes the run wants it again"


def test_given_somebodys_own_schedule_then_each_tick_has_its_run(yard: Doors) -> None:
    runs = {
        yard.tick_of_schedule("hourly", dg.RunRequest(run_key="same"), due(number)).run_id
        for number in (0, 1)
    }
    assert len(runs) == 2


def test_given_a_failed_run_when_its_retry_is_asked_for_twice_then_there_is_one(yard: Doors) -> None:
    failed = yard.fail(yard.launchpad("line"))
    assert yard.retry(failed).run_id == yard.retry(failed).run_id


def test_given_an_attempt_at_a_task_then_no_second_run_of_it_lives(yard: Doors) -> None:
    first = yard.agent_queue(attempt=1)
    assert yard.agent_queue(attempt=1, again=".2").run_id == first.run_id
    yard.fail(first)
    assert yard.agent_queue(attempt=1, again=".3").run_id != first.run_id
    assert yard.agent_queue(attempt=2).run_id != first.run_id


def test_given_a_partition_of_a_backfill_then_it_runs_once_in_it(yard: Doors) -> None:
    first = yard.backfill("own", "b", "one")
    assert yard.backfill("own", "b", "one").run_id == first.run_id
    assert yard.backfill("own", "b", "another").run_id != first.run_id


def test_given_launches_by_hand_then_there_are_as_many_runs(yard: Doors) -> None:
    assert yard.launchpad("line").run_id != yard.launchpad("line").run_id
    assert yard.schedules_run("line-hourly").run_id != yard.schedules_run("line-hourly").run_id


def _set_status(run_id: str, status: str) -> None:
    with database.engine().begin() as connection:
        connection.execute(
            sa.text("UPDATE runs SET status = :status WHERE run_id = :run_id"),
            {"status": status, "run_id": run_id},
        )
