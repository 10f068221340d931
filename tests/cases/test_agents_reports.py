"""What agents say about their tasks is never lost, never repeats a secret, and never completes by accident."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from scheduler_defs import database, tags
from scheduler_defs.agents.deciding import Ending, TaskStatus
from scheduler_defs.agents.pool import agent_states
from scheduler_defs.agents.working.job import OP, agent_task
from scheduler_defs.agents.working.report import read_report
from tests.unit.agents.bench import Bench
from tests.unit.task_queue.asking import add, comments


def reporting(bench: Bench, text: str, exit_code: int = 0) -> None:
    """The agent writes this report."""
    bench.python(
        f"""
        import os, pathlib, sys
        pathlib.Path(os.environ["SIGNALBOX_REPORT_FILE"]).write_bytes({text.encode("utf-8", "surrogatepass")!r})
        sys.exit({exit_code})
        """
    )


def ending(folder: Path, text: str) -> tuple[Ending, str]:
    path = folder / "report.json"
    path.write_text(text)
    report = read_report(path, {})
    return report.ending(Ending.SUCCESS), report.reason or report.fault


REST = "failed, retry, needs_input, rate_limited"
KEYS = "result, comments, question, retry_after, not_before"


@pytest.mark.case("agents-X-report-fail-open")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('```json\n{"status": "failed", "reason": "no such branch"}\n```', "no such branch"),
        ('{"status": "Failed", "reason": "no such branch"}', "no such branch"),
        ('{"status": "fail", "reason": "no such branch"}', "no such branch"),
        ('{"status": "failed", "reason": "no such branch",}', "no such branch"),
        ('I could not do it.\n{"status": "failed", "reason": "no such branch"}', "no such branch"),
        ('{"status": "failed", "reason": ["a", "b"]}', "a; b"),
        ('{"status": "failed", "reason": null}', ""),
        ('{"status": "failed", "comments": "one"}', ""),
        ('\ufeff{"status": "failed", "reason": "with a mark"}', "with a mark"),
        (
            '{"status": "perhaps"}',
            "status 'perhaps': allowed are complete, failed, retry, needs_input, rate_limited",
        ),
        ("it failed", "the report cannot be read: Expecting value: line 1 column 1 (char 0)"),
        ('["failed"]', "the report is not a JSON object but list"),
        ("x" * 1_048_577, "the report has more than 1048576 bytes"),
        ("[" * 100_000, "the report cannot be read: nested too deeply"),
        ('{"Status": "Failed", "Reason": "no such branch"}', "no such branch"),
        *(
            (f'{{"status": {none}}}', f"status {said!r}: allowed are complete, {REST}")
            for none, said in (("false", "False"), ("0", "0"), ('""', ""), ("[]", "[]"))
        ),
        *(
            (text, f"the report has only {key!r}: allowed are status, reason, {KEYS}")
            for key, text in (
                ("state", '{"state": "failed"}'),
                ("report", '{"report": {"status": "failed"}}'),
            )
        ),
    ],
)
def test_given_a_report_that_is_not_as_it_should_be_then_it_never_completes_the_task(
    tmp_path: Path, text: str, reason: str
) -> None:
    assert ending(tmp_path, text) == (Ending.ERROR, reason)


@pytest.mark.case("agents-X-report-fail-open")
def test_given_something_else_in_the_reports_place_then_it_never_completes_the_task(tmp_path: Path) -> None:
    assert read_report(tmp_path, {"task": {"status": "complete"}}).fault == "the report is not a file"
    os.mkfifo(tmp_path / "pipe")
    assert read_report(tmp_path / "pipe", {}).fault == "the report is not a file", "reading it never ends"
    assert read_report(tmp_path / "none", {"task": {"status": "complete"}}).status == "complete"


@pytest.mark.case("agents-X-report-content")
@pytest.mark.parametrize("at", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "9999-12-31", "soon"])
def test_given_an_instant_that_cannot_be_waited_for_then_it_is_left_out_and_named(
    tmp_path: Path, at: str
) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"status": "retry", "not_before": at}))
    report = read_report(tmp_path / "report.json", {})
    assert (report.status, report.not_before) == ("retry", None)
    assert "neither was given" in report.notes[0]


@pytest.mark.case("agents-X-report-fail-open")
def test_given_a_report_that_cannot_be_read_and_exit_code_0_then_the_task_is_tried_again_and_says_why(
    bench: Bench,
) -> None:
    reporting(bench, "{not json")
    id = add(bench.queue)
    assert bench.run().status is dg.DagsterRunStatus.FAILURE
    assert bench.queue.get(id).status is TaskStatus.IDLE
    assert "the report cannot be read" in comments(bench.queue, id)[-1]


@pytest.mark.case("agents-X-report-fail-open")
def test_given_one_comment_in_place_of_a_list_then_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"status": "done", "comments": "one"}')
    report = read_report(tmp_path / "report.json", {})
    assert (report.status, report.comments) == ("complete", ("one",))


@pytest.mark.case("agents-X-report-content")
@pytest.mark.parametrize(
    "text",
    [
        '{"result": {"k": "a\\u0000b"}}',
        '{"result": {"k\\u0000": ["\\ud800"]}}',
        '{"result": NaN}',
        '{"comments": [""]}',
        '{"comments": ["a\\u0000b"]}',
        json.dumps({"comments": ["x" * 120_000, "☃" * 60_000]}),
        json.dumps({"result": "☃" * 50_000, "reason": "☃" * 50_000}),
    ],
)
def test_given_odd_content_in_a_report_then_the_verdict_stands(bench: Bench, text: str) -> None:
    reporting(bench, text)
    id = add(bench.queue)
    assert bench.run().status is dg.DagsterRunStatus.SUCCESS
    task = bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.COMPLETE, 1)


@pytest.mark.case("agents-X-report-content")
def test_given_a_failure_whose_reason_has_a_nul_then_it_is_given_up_at_once_with_the_reason(
    bench: Bench,
) -> None:
    reporting(bench, '{"status": "failed", "reason": "no\\u0000way"}')
    id = add(bench.queue)
    bench.run()
    assert bench.queue.get(id).status is TaskStatus.FAILED
    assert "no\ufffdway" in comments(bench.queue, id)[-1]


@pytest.mark.case("agents-X-report-content")
def test_given_a_comment_that_is_too_long_then_it_is_cut_and_says_so(bench: Bench) -> None:
    reporting(bench, json.dumps({"comments": ["x" * 120_000]}))
    id = add(bench.queue)
    run = bench.run()
    assert any("[100000 more characters were cut]" in each for each in comments(bench.queue, id))
    assert "comment: 100000 characters were cut" in bench.logs(run)


@pytest.mark.case("agents-X-error-cut")
def test_given_long_lines_before_the_reason_then_the_reason_is_what_task_and_run_say(bench: Bench) -> None:
    bench.python(
        """
        import json, sys
        for _ in range(4):
            print(json.dumps({"text": "x" * 3000}))
        print("Claude AI usage was odd|1795909060")
        sys.exit(1)
        """
    )
    id = add(bench.queue)
    run = bench.run()
    assert "exit code 1 after" in run.tags[tags.ERROR]
    assert "Claude AI usage was odd|1795909060" in run.tags[tags.ERROR]
    assert "Claude AI usage was odd|1795909060" in comments(bench.queue, id)[-1]


@pytest.mark.case("agents-X-comment-secrets")
@pytest.mark.parametrize("way", ["printed", "reason", "comment", "result"])
def test_given_a_secret_in_what_an_agent_says_then_no_comment_repeats_it(bench: Bench, way: str) -> None:
    key = "sk-ant-api03-" + "A1b2" * 8
    said: dict[str, Any] = {
        "reason": {"status": "failed", "reason": f"api_key={key}"},
        "comment": {"status": "failed", "comments": [f"token {key}"]},
        "result": {"status": "complete", "result": {"log": [f"api_key={key}"]}},
    }.get(way, {})
    bench.python(
        f"""
        import json, os, pathlib, sys
        said = {said!r}
        if said:
            pathlib.Path(os.environ["SIGNALBOX_REPORT_FILE"]).write_text(json.dumps(said))
        print("api_key={key}", file=sys.stderr)
        sys.exit(1)
        """
    )
    id = add(bench.queue)
    run = bench.run()
    details = bench.queue.details(id)
    everything = str([comment.content for comment in details.comments]) + str(details.task.result)
    assert key not in everything + str(run.tags)
    assert "[redacted]" in everything


@pytest.mark.case("agents-X-cooldown-requeue")
def test_given_tasks_that_fail_fast_for_a_reason_of_their_own_then_the_agent_is_not_passed_over(
    bench: Bench,
) -> None:
    bench.declare(["sh", "-c", "exit 1"], retries={"max_attempts": 1})
    for _ in range(4):
        add(bench.queue)
        bench.run()
    with database.engine().connect() as connection:
        state = agent_states.states(connection)["vaela"]
    assert (state.failed_starts, state.passed_over_until) == (0, None)


@pytest.mark.case("agents-X-cooldown-requeue")
def test_given_a_program_that_is_not_there_behind_a_shell_then_it_counts_as_a_failed_start(
    bench: Bench,
) -> None:
    bench.declare(["sh", "-c", "no-such-program-anywhere"])
    add(bench.queue)
    bench.run()
    with database.engine().connect() as connection:
        assert agent_states.states(connection)["vaela"].failed_starts == 1


@pytest.mark.case("attack-a3-env-leak")
@pytest.mark.parametrize("field", ["run_key", "backend", "queue", "task", "agent", "max_attempts"])
def test_given_a_value_from_the_environment_then_no_agent_task_is_launched(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_TEST_SECRET", "7")
    config: dict[str, Any] = {"run_key": "k", "backend": "b", "queue": "q", "task": 1, "agent": "a"}
    config[field] = {"env": "SIGNALBOX_TEST_SECRET"}
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(agent_task, {"ops": {OP: {"config": config}}})
