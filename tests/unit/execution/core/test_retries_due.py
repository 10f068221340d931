"""Failed runs with attempts left, and the sensor that launches the next one."""

import datetime as dt

import dagster as dg
import pytest
import sqlalchemy as sa

from resources import ClockResource, DatabaseResource
from scheduler_defs.acting.runs import control
from scheduler_defs.execution.lookups import retries_due
from scheduler_defs.graphql.client import GraphQLClient
from sensors.retries import retries_sensor
from tests.unit.execution.core.setting import Setting

NOW = dt.datetime.now(dt.UTC)
POLICY = '{"max_attempts": 3, "backoff": "fixed", "base": "PT60S"}'


@dg.op
def nothing() -> None: ...


@dg.job
def line() -> None:
    nothing()


def _failed(setting: Setting, due_in_seconds: float = -1, **tags: str) -> str:
    due = retries_due.instant(NOW + dt.timedelta(seconds=due_in_seconds))
    return setting.run("FAILURE", tags={"signalbox/retry_at": due, "signalbox/retries": POLICY, **tags})


def _tick(setting: Setting, cursor: str | None = None) -> tuple[list[dg.RunRequest], str, str | None]:
    context = dg.build_sensor_context(
        instance=setting.instance,
        cursor=cursor,
        resources={"database": DatabaseResource(), "clock": ClockResource()},
    )
    data = retries_sensor([line]).evaluate_tick(context)
    return list(data.run_requests or []), data.skip_message or "", data.cursor


def test_given_a_failure_with_attempts_left_when_it_is_due_then_the_next_attempt_is_requested(
    setting: Setting,
) -> None:
    run_id = setting.run(
        "STARTED", tags={"signalbox/retries": POLICY.replace("60", "0"), "signalbox/schedule": "s"}
    )
    setting.report(run_id, dg.DagsterEventType.RUN_FAILURE, "red")
    (request,), _, _ = _tick(setting)
    assert request.run_key == f"retry:{run_id}"
    assert request.job_name == "line"
    assert request.tags["signalbox/attempt"] == "2"
    assert request.tags["dagster/parent_run_id"] == run_id
    assert request.tags["signalbox/schedule"] == "s"
    assert "signalbox/retry_at" not in request.tags


@pytest.mark.case("ui-UI-21")
@pytest.mark.parametrize("cursor", ["rubbish", '{"a":', "null", "[]", "{}", "9" * 400, "🚦", "2026-01-01"])
def test_given_a_cursor_that_cannot_be_read_then_it_counts_as_none(setting: Setting, cursor: str) -> None:
    run_id = _failed(setting)
    (request,), _, after = _tick(setting, cursor)
    assert request.run_key == f"retry:{run_id}"
    assert after is not None
    assert dt.datetime.fromisoformat(after).tzinfo is not None


@pytest.mark.case("recovery-B04")
def test_given_a_run_that_succeeded_then_it_is_not_retried_whatever_its_tags_say(setting: Setting) -> None:
    setting.run("SUCCESS", tags={"signalbox/retry_at": retries_due.instant(NOW), "signalbox/retries": POLICY})
    requests, _, _ = _tick(setting)
    assert requests == []


def test_given_a_retry_that_is_not_due_then_the_tick_says_when(setting: Setting) -> None:
    _failed(setting, 3600)
    requests, reason, _ = _tick(setting)
    assert not requests
    assert reason.startswith("1 wait; the next at 20")


def test_given_a_run_that_was_followed_already_then_it_is_not_followed_again(setting: Setting) -> None:
    first = _failed(setting)
    setting.run("QUEUED", tags={"dagster/parent_run_id": first, "dagster/root_run_id": first})
    assert _tick(setting)[0] == []
    assert not retries_due.cancel_retry(setting.instance.run_storage, first)


def test_given_a_cancelled_retry_then_it_is_not_launched(setting: Setting) -> None:
    run_id = _failed(setting)
    assert retries_due.cancel_retry(setting.instance.run_storage, run_id)
    assert not retries_due.cancel_retry(setting.instance.run_storage, run_id)
    assert _tick(setting)[0] == []


def test_given_a_retry_that_a_person_calls_off_then_the_audit_says_so(
    setting: Setting, connection: sa.Connection
) -> None:
    run_id = _failed(setting)
    run = {"run_id": run_id, "status": "FAILURE", "retry_at": "2026-01-01T00:00:00+00:00"}
    assert control.end_run(GraphQLClient("http://127.0.0.1:9"), run)["status"] == "FAILURE"
    with pytest.raises(control.EndedError):
        control.end_run(GraphQLClient("http://127.0.0.1:9"), run)
    subjects = connection.execute(
        sa.text("SELECT subject FROM signalbox.audit_log WHERE action = 'run.retry_called_off'")
    ).scalars()
    assert list(subjects) == [f"run:{run_id}"]


def test_given_a_cancelled_run_then_there_is_nothing_to_retry(setting: Setting) -> None:
    run_id = setting.run("CANCELING", tags={"signalbox/retries": POLICY.replace("60", "0")})
    setting.report(run_id, dg.DagsterEventType.RUN_CANCELED)
    assert _tick(setting)[0] == []


def test_given_processes_of_the_failed_run_that_still_clean_up_then_the_retry_waits_for_them(
    setting: Setting, connection: sa.Connection
) -> None:
    run_id = _failed(setting)
    connection.execute(
        sa.text(
            "INSERT INTO signalbox.leases (run_id, worker_id, host, pid, queue, token, expires)"
            " VALUES (:run_id, 'w', 'h', 1, 'runs', gen_random_uuid(), now() + interval '9 s')"
        ),
        {"run_id": run_id},
    )
    requests, reason, _ = _tick(setting)
    assert requests == []
    assert reason == "1 failed runs still have processes that clean up"
    connection.execute(sa.text("DELETE FROM signalbox.leases"))
    assert len(_tick(setting)[0]) == 1


def test_given_a_job_that_is_gone_then_the_run_says_so_and_the_others_are_retried(setting: Setting) -> None:
    gone = dg.DagsterRun(
        job_name="gone",
        status=dg.DagsterRunStatus.FAILURE,
        tags={"signalbox/retry_at": retries_due.instant(NOW)},
    )
    setting.instance.add_run(gone)
    there = _failed(setting)
    requests, _, _ = _tick(setting)
    assert [request.run_key for request in requests] == [f"retry:{there}"]
    assert setting.get(gone.run_id).tags["signalbox/retry_at"] == "cancelled"
    assert setting.events(gone.run_id) == ["Not tried again: there is no job 'gone' any more."]


@pytest.mark.parametrize("due_in_seconds", [-7200, -1])
def test_given_the_cursor_of_a_tick_before_then_what_waited_then_is_still_found(
    setting: Setting, due_in_seconds: float
) -> None:
    _failed(setting, due_in_seconds)
    _, _, cursor = _tick(setting)
    assert len(_tick(setting, cursor)[0]) == 1


def test_given_a_run_of_assets_then_its_retry_has_the_same_selection(setting: Setting) -> None:
    run = dg.DagsterRun(
        job_name="line",
        status=dg.DagsterRunStatus.FAILURE,
        asset_selection=frozenset({dg.AssetKey("points")}),
        tags={"signalbox/retry_at": retries_due.instant(NOW)},
    )
    setting.instance.add_run(run)
    from sensors.retries import requests

    found = list(requests(setting.instance, [retries_due.PendingRetry(run.run_id, NOW)], {"line"}))
    assert found[0].asset_selection == [dg.AssetKey("points")]
