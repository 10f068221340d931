"""The agent job, executed in this process with real commands under the real guard."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest

from resources import declared_resources
from scheduler_defs import database, tags
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.pool import agent_states
from scheduler_defs.agents.pool.passes import reconcile
from scheduler_defs.agents.pool.runs import InstanceRuns
from scheduler_defs.agents.tick.requests import run_request
from scheduler_defs.agents.working.job import agent_task
from tests.patience import wait_until
from tests.standins.tinytask import TinyTaskServer
from tests.unit.agents.bench import Bench
from tests.unit.agents.yard import now
from tests.unit.task_queue.asking import add, comments


def test_given_a_command_that_succeeds_then_the_task_is_complete_and_run_and_task_name_each_other(
    bench: Bench,
) -> None:
    id = add(bench.queue)
    run = bench.run()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    details = bench.queue.details(id)
    assert details.task.status is TaskStatus.COMPLETE
    assert details.task.run_id in (run.run_id, None)
    assert [link.url for link in details.links] == [f"http://ui:3000/runs/{run.run_id}"]
    assert run.run_id in details.comments[0].content
    assert "exit code 0 after" in details.comments[-1].content
    wanted = {tags.AGENT: "vaela", tags.QUEUE: "dev", tags.TASK: str(id), tags.ATTEMPT: "1"}
    assert wanted.items() <= run.tags.items()
    assert (run.tags[tags.MAX_ATTEMPTS], run.tags[tags.TRIGGER]) == ("3", "agent_queue")
    assert bench.live() == []


def test_given_a_task_when_its_agent_runs_then_it_finds_everything_in_file_environment_and_arguments(
    bench: Bench,
) -> None:
    seen = bench.folder / "seen.json"
    bench.python(
        f"""
        import json, os, pathlib, sys
        document = json.loads(pathlib.Path(os.environ["SIGNALBOX_TASK_FILE"]).read_text())
        mode = os.stat(os.environ["SIGNALBOX_TASK_FILE"]).st_mode & 0o777
        pathlib.Path({str(seen)!r}).write_text(json.dumps(
            {{"file": document, "mode": mode, "argv": sys.argv[1:], "env": dict(os.environ),
              "cwd": os.getcwd()}}
        ))
        """,
        "{task.id}",
        "{task.title}",
        "{agent.name}/{run.attempt}",
        '{"not": "a placeholder"}',
        env=["WANTED"],
    )
    id = add(bench.queue, "x; touch /tmp/pwned $(id) {agent.name} --flag", description="do it\nwell")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANTED", "yes")
        patch.setenv("UNWANTED", "secret")
        run = bench.run()
    found = json.loads(seen.read_text())
    assert found["argv"] == [
        str(id),
        "x; touch /tmp/pwned $(id) {agent.name} --flag",
        "vaela/1",
        '{"not": "a placeholder"}',
    ]
    assert found["mode"] == 0o600
    assert found["file"]["task"]["description"] == "do it\nwell"
    assert found["file"]["task"]["status"] == "working"
    assert (found["file"]["agent"]["name"], found["file"]["run"]["id"]) == ("vaela", run.run_id)
    environment = found["env"]
    assert (environment["WANTED"], environment["SIGNALBOX_TASK"]) == ("yes", str(id))
    assert (environment["SIGNALBOX_AGENT"], environment["SIGNALBOX_RUN"]) == ("vaela", run.run_id)
    assert "UNWANTED" not in environment
    assert "SIGNALBOX_POSTGRES_URL" not in environment
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))
    assert found["cwd"] == str(bench.folder)
    assert not Path(environment["SIGNALBOX_TASK_FILE"]).exists()


def test_given_an_agent_that_speaks_pipes_then_it_gets_the_task_and_its_words_are_logged(
    bench: Bench,
) -> None:
    bench.python(
        """
        from dagster_pipes import open_dagster_pipes
        with open_dagster_pipes() as pipes:
            title = pipes.get_extra("task")["title"]
            pipes.log.info(f"working on {title}")
            pipes.report_custom_message({"task": {"result": {"lines": 3}, "comments": ["half way"]}})
        """
    )
    id = add(bench.queue, "paint the signal")
    run = bench.run()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert "working on paint the signal" in bench.logs(run)
    assert "half way" in comments(bench.queue, id)
    if bench.queue.backend == "postgres":
        assert bench.queue.get(id).result == {"lines": 3}


def test_given_a_command_that_fails_then_the_run_fails_with_its_last_words_and_the_task_returns(
    bench: Bench,
) -> None:
    bench.python("import sys; print('about to'); print('no such branch', file=sys.stderr); sys.exit(3)")
    id = add(bench.queue)
    run = bench.run()
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert (run.tags[tags.FAILURE], run.tags[tags.EXIT_CODE]) == ("exit_code", "3")
    assert "no such branch" in run.tags[tags.ERROR]
    task = bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 1)
    assert "exit code 3" in comments(bench.queue, id)[-1]
    assert tags.RETRIES not in run.tags


def test_given_three_failures_then_the_task_is_a_dead_letter(bench: Bench) -> None:
    """W12: a task whose goose exited with 1 was started again on every pass, for ever."""
    bench.python("raise SystemExit(1)")
    id = add(bench.queue)
    for attempt in (1, 2, 3):
        with database.engine().begin() as connection:
            agent_states.note_start(connection, "vaela", failed=False, now=now())
        assert bench.run().tags[tags.ATTEMPT] == str(attempt)
    assert bench.queue.get(id).status is TaskStatus.FAILED


def test_given_a_timeout_then_the_command_is_ended_and_the_run_says_so(bench: Bench) -> None:
    bench.python("import time; time.sleep(60)", timeout="1s")
    id = add(bench.queue)
    run = bench.run()
    assert run.tags[tags.FAILURE] == "timeout"
    assert "timed out after 1 s" in comments(bench.queue, id)[-1]
    assert bench.queue.get(id).status is TaskStatus.IDLE


def test_given_an_agent_that_says_failed_then_its_word_counts_more_than_exit_code_0(bench: Bench) -> None:
    bench.python(
        """
        import json, os, pathlib
        pathlib.Path(os.environ["SIGNALBOX_REPORT_FILE"]).write_text(
            json.dumps({"status": "failed", "reason": "there is no such repository"})
        )
        """
    )
    id = add(bench.queue)
    run = bench.run()
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert bench.queue.get(id).status is TaskStatus.FAILED
    assert "there is no such repository" in comments(bench.queue, id)[-1]


def test_given_an_agent_that_says_complete_then_a_bad_exit_code_does_not_matter(bench: Bench) -> None:
    bench.python(
        """
        import json, os, pathlib, sys
        report = {"status": "complete", "result": [1], "comments": ["done, the linter still complains"]}
        pathlib.Path(os.environ["SIGNALBOX_REPORT_FILE"]).write_text(json.dumps(report))
        sys.exit(2)
        """
    )
    id = add(bench.queue)
    assert bench.run().status is dg.DagsterRunStatus.SUCCESS
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    assert "done, the linter still complains" in comments(bench.queue, id)


@pytest.mark.parametrize("field", ["command", "cwd"])
def test_given_a_program_or_folder_that_is_not_there_then_no_attempt_is_burnt_and_the_agent_is_passed_over(
    bench: Bench, field: str
) -> None:
    """W8: failed starts cost nothing, so a broken agent drained the queue."""
    if field == "command":
        bench.declare(["no-such-program-anywhere"])
    else:
        bench.declare(["true"], cwd="no/such/folder")
    id = add(bench.queue)
    run = bench.run()
    words = {"command": "program 'no-such-program-anywhere' is not found on PATH", "cwd": "working directory"}
    assert words[field] in run.tags[tags.ERROR]
    assert bench.queue.get(id).attempts == 0
    with database.engine().connect() as connection:
        state = agent_states.states(connection)["vaela"]
    assert state.failed_starts == 1
    assert state.passed_over_until is not None
    assert bench.look().requests == ()


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("missing.yaml", "there is no file 'missing.yaml' in the recipes folder"),
        ("../agent.py", "'../agent.py' leads outside the recipes folder"),
        ("/etc/passwd", "'/etc/passwd' leads outside the recipes folder"),
        ("link.yaml", "'link.yaml' leads outside the recipes folder"),
    ],
)
def test_given_a_tasks_recipe_that_is_not_there_or_outside_then_the_attempt_fails_and_says_so(
    bench: Bench, recipe: str, words: str
) -> None:
    """W11: a missing recipe was started in one phase, and skipped for ever in the other."""
    (bench.folder / "recipes" / "link.yaml").symlink_to("/etc/passwd")
    id = add(bench.queue, recipe=recipe)
    run = bench.run()
    assert words in run.tags[tags.ERROR]
    assert bench.queue.get(id).attempts == 1


def test_given_a_tasks_own_recipe_then_it_goes_before_the_agents(bench: Bench) -> None:
    for name in ("agents.py", "own.py"):
        (bench.folder / "recipes" / name).write_text("")
    bench.declare(
        ["test", "{agent.recipe}", "=", str(bench.folder / "recipes" / "own.py")], recipe="agents.py"
    )
    add(bench.queue, recipe="own.py")
    assert bench.run().status is dg.DagsterRunStatus.SUCCESS


def test_given_a_task_that_changed_meanwhile_then_the_run_is_not_needed_and_nothing_is_executed(
    bench: Bench,
) -> None:
    mark = bench.folder / "mark"
    bench.declare(["touch", str(mark)])
    steps = {
        "canceled": lambda id: bench.queue.cancel(id, reason="", author="ann"),
        "complete": lambda id: bench.queue.complete(id, author="ann"),
        "moved": lambda id: bench.queue.move(id, "qa", author="ann"),
        "assigned": lambda id: bench.queue.assign(id, "oscar", author="ann"),
        "blocked": lambda id: bench.queue.block(id, add(bench.queue, queue="qa"), author="ann"),
    }
    for words, change in steps.items():
        id = add(bench.queue)
        request = bench.request()
        change(id)
        run = bench.run(request)
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert "Not needed: " in bench.logs(run)
        assert words in bench.logs(run)
        assert bench.live() == []
    assert not mark.exists()


def test_given_the_same_request_twice_then_only_one_run_works_on_it(bench: Bench) -> None:
    marks = bench.folder / "marks"
    bench.python(f"open({str(marks)!r}, 'a').write('x')")
    add(bench.queue)
    request = bench.request()
    assert bench.run(request).status is dg.DagsterRunStatus.SUCCESS
    again = bench.run(request)
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert "is no longer requested" in bench.logs(again)
    assert marks.read_text() == "x"


def test_given_an_agent_that_is_not_declared_any_more_then_the_run_is_not_needed(bench: Bench) -> None:
    id = add(bench.queue)
    wanted = run_request(bench.declarations, bench.request())
    assert wanted is not None
    document = {**bench.head, "agents": {"oscar": {"queue": "dev", "command": ["true"]}}}
    (bench.config / "agents.yaml").write_text(json.dumps(document))
    result = agent_task.execute_in_process(
        run_config=wanted.run_config,
        tags=wanted.tags,
        instance=bench.instance,
        resources=declared_resources(bench.declarations),
    )
    assert result.success
    assert bench.queue.get(id).status is TaskStatus.IDLE


@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
def test_given_a_server_that_is_down_when_the_run_starts_then_no_attempt_is_lost(
    bench: Bench, tinytask_server: TinyTaskServer
) -> None:
    id = add(bench.queue)
    request = bench.request()
    tinytask_server.down()
    run = bench.run(request)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert f"the task queue at {tinytask_server.url} does not answer" in run.tags[tags.ERROR]
    tinytask_server.up()
    assert bench.queue.get(id).attempts == 0
    assert bench.run().status is dg.DagsterRunStatus.SUCCESS
    assert bench.queue.get(id).status is TaskStatus.COMPLETE


@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
def test_given_a_server_that_is_down_when_the_run_ends_then_the_result_is_kept_until_it_is_back(
    bench: Bench, tinytask_server: TinyTaskServer
) -> None:
    """W4: the requeue failed, was logged as done, and the task was lost."""
    gone = bench.folder / "gone"
    bench.declare(["sh", "-c", 'touch "$0"; while [ -e "$0" ]; do sleep 0.05; done', str(gone)])
    id = add(bench.queue)

    def take_down(method: str, path: str) -> None:
        """With the second comment, the one about the end, the server goes away."""
        if path.endswith("/links") and method == "POST":
            tinytask_server.before_answer = None
            threading.Thread(target=when_started, daemon=True).start()

    def when_started() -> None:
        wait_until(gone.exists)
        tinytask_server.down()
        gone.unlink()

    tinytask_server.before_answer = take_down
    run = bench.run()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert "it is told how this ended when it is back" in bench.logs(run)
    assert len(bench.live()) == 1
    tinytask_server.up()
    assert bench.queue.get(id).status is TaskStatus.WORKING
    passed = reconcile(
        database.engine(),
        bench.queue,
        bench.declarations,
        "dev",
        runs=InstanceRuns(bench.instance),
        now=now(),
    )
    assert passed.requests == ()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
