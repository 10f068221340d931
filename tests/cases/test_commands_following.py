"""What is said of runs at the terminal: why they failed, what they wait for, what they printed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from scheduler_defs.cli.runs.launch_report import report_launch
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.queue.choice.explain import why_waiting
from scheduler_defs.execution.queue.choice.select import Reason, Selection, Wait
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.outputs import last_lines
from scheduler_defs.graphql.runs import cancel, follow, launch
from scheduler_defs.limits import TagLimit
from sensors.retries import retries_sensor

DOCS = Path(__file__).parents[2] / "docs"
FAILURE = "dagster._core.definitions.events.Failure: exit code 3; last lines:\nfatal disk full\n"
LOG = {"out-1": ("hello signalbox\n" + "more\n" * 30, "fatal disk full\n")}


class Webserver(GraphQLClient):
    """Answers as Dagster's does for one run that has failed."""

    def __init__(self, status: str = "FAILURE", **answers: Callable[..., Any]) -> None:
        super().__init__("http://127.0.0.1:1")
        self._status, self._answers = status, answers

    def call(self, operation: str, **variables: Any) -> Any:
        if operation in self._answers:
            return self._answers[operation](**variables)
        return getattr(self, f"_{operation}")(**variables)

    def _Runs(self, **_: Any) -> Any:
        tags = [{"key": "signalbox/error", "value": "exit code 3: fatal disk full"}]
        run = {"runId": "run-1", "jobName": "j", "status": self._status, "tags": tags}
        return {"results": [{**run, "creationTime": 1.0, "startTime": 2.0, "endTime": 3.0}]}

    def _RunEvents(self, after: str | None, **_: Any) -> Any:
        common = {"timestamp": "1000", "level": "ERROR", "stepKey": "j"}
        events = [
            {**common, "eventType": "LOGS_CAPTURED", "message": "", "fileKey": "out-1", "stepKeys": ["j"]},
            {**common, "eventType": "STEP_FAILURE", "message": "Step failed.", "error": {"message": FAILURE}},
            {**common, "eventType": "RUN_FAILURE", "message": "Run failed.", "error": None},
        ]
        return {"cursor": "end", "hasMore": False, "events": [] if after else events}

    def _CapturedLogs(self, logKey: list[str], cursor: str | None, limit: int) -> Any:
        assert logKey[:2] == ["run-1", "compute_logs"]
        out, err = ("", "") if cursor else LOG[logKey[2]]
        return {"stdout": out, "stderr": err, "cursor": "end"}

    def _CancelRun(self, **_: Any) -> Any:
        return {"run": {"runId": "run-1", "status": self._status}}


@pytest.mark.case("commands-X-follow")
def test_given_a_failed_run_then_following_it_tells_the_reason() -> None:
    events = list(follow(Webserver(), "run-1", pause=lambda: None))

    assert [event["error"] for event in events] == [
        None,
        "exit code 3; last lines:\nfatal disk full",
        "exit code 3: fatal disk full",
    ]


@pytest.mark.case("newcomer-X-output")
def test_given_a_run_that_was_waited_for_then_its_output_and_its_reason_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as ended:
        report_launch(Webserver(), {"run_id": "run-1", "status": "QUEUED"}, wait=True, as_json=False)

    shown = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert shown.out.startswith("hello signalbox\nmore\n")
    assert "fatal disk full\n" in shown.err
    assert "signalbox: run run-1 failed: exit code 3: fatal disk full\n" in shown.err


@pytest.mark.case("newcomer-X-output")
def test_given_much_output_then_its_last_lines_are_shown() -> None:
    lines = last_lines(Webserver(), "run-1", 20)

    assert lines == {"stdout": ["more"] * 20, "stderr": ["fatal disk full"]}


@pytest.mark.case("attack-X-wording")
@pytest.mark.case("commands-X-words")
@pytest.mark.case("timing-X-new-job")
def test_given_a_job_that_is_not_loaded_yet_then_that_is_said() -> None:
    def refuse(**_: Any) -> Any:
        raise SignalboxError("Could not find Pipeline signalbox.__repository__.nap")

    with pytest.raises(SignalboxError, match=r"does not have the job nap \(yet\)"):
        launch(Webserver(LaunchRun=refuse), "nap", {}, {})


@pytest.mark.case("attack-X-wording")
def test_given_a_running_run_is_cancelled_then_it_is_said_to_be_ending() -> None:
    assert cancel(Webserver("STARTED"), "run-1") == {"run_id": "run-1", "status": "CANCELING"}


@pytest.mark.case("newcomer-X-why-queued")
@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (None, None),
        (Wait(Reason.NO_WORKER, "gpu"), "no live worker serves the queue 'gpu'"),
        (Wait(Reason.NO_SLOT, "runs"), "all 0 slots of the workers that serve the queue 'runs' are taken"),
        (Wait(Reason.POOL, "runs"), "a Dagster concurrency pool that it needs is full"),
    ],
)
def test_given_a_queued_run_then_what_it_waits_for_is_said(
    wait: Wait | None, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler_defs.execution.queue.choice import explain

    waiting = {} if wait is None else {"run-1": wait}
    monkeypatch.setattr(explain, "select", lambda *_, **__: Selection((), waiting))

    class Nothing:
        queued = active = workers = ()

    assert why_waiting(Nothing(), (), "run-1") == said  # pyright: ignore[reportArgumentType]


@pytest.mark.case("newcomer-X-why-queued")
def test_given_a_limit_that_is_used_up_then_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from scheduler_defs.execution.queue.choice import explain

    limit = TagLimit("signalbox/job", "slow", False, 1, "config/jobs.yaml:3:5")
    wait = Wait(Reason.LIMIT, "runs", (limit,))
    monkeypatch.setattr(explain, "select", lambda *_, **__: Selection((), {"run-1": wait}))

    class Nothing:
        queued = active = workers = ()

    assert (
        why_waiting(Nothing(), (), "run-1")  # pyright: ignore[reportArgumentType]
        == "a limit is used up: 1 of signalbox/job=slow (config/jobs.yaml:3:5)"
    )


@pytest.mark.case("commands-R01")
def test_given_a_waiting_attempt_then_the_docs_say_how_to_call_it_off() -> None:
    jobs, cli = ((DOCS / name).read_text(encoding="utf-8") for name in ("jobs.md", "cli.md"))

    assert "`signalbox runs cancel` of the failed run calls its next attempt off" in jobs
    assert "or calls off the next attempt of a failed one" in cli


@pytest.mark.case("commands-X-retry-wait")
def test_given_a_due_retry_then_the_docs_say_how_late_it_may_start() -> None:
    seconds = dt.timedelta(seconds=retries_sensor([]).minimum_interval_seconds or 0).total_seconds()

    assert seconds <= 5  # and the sensor daemon looks every few seconds by itself
    assert "starts up to 10 s after it is due" in (DOCS / "jobs.md").read_text(encoding="utf-8")
