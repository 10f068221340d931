""" "Done" is a claim: what must succeed, is run; what failed goes back to the agent, and then to a person."""

from __future__ import annotations

import json
import sys
from typing import Any

import dagster as dg
import pytest

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.working.accepting.acceptance import ACCEPTANCE, acceptance
from scheduler_defs.declarations.models.agents import Accept
from scheduler_defs.errors import SignalboxError
from tests.unit.agents.bench import Bench
from tests.unit.agents.desk import Desk
from tests.unit.agents.desk import desk as desk
from tests.unit.agents.yard import agent
from tests.unit.task_queue.asking import add, comments

MENDS = """
import json, os, pathlib, sys
task = json.loads(pathlib.Path(os.environ["SIGNALBOX_TASK_FILE"]).read_text())["task"]
with open({seen!r}, "a") as file:
    file.write(json.dumps({{"argv": sys.argv[1:], "rejections": task["rejections"]}}) + "\\n")
print(json.dumps({{"type": "result", "session_id": "s-1", "usage": {{"input_tokens": 10}}, "num_turns": 2}}))
if len(task["rejections"]) >= {after}:
    pathlib.Path({good!r}).touch()
"""


def declare(bench: Bench, *, after: int, **fields: Any) -> None:
    """An agent that does it right after so many rejections. What it makes is looked for by `test -e`."""
    script, good = bench.folder / "agent.py", bench.folder / "good"
    script.write_text(MENDS.format(seen=str(bench.folder / "seen"), after=after, good=str(good)))
    check = ["sh", "-c", f"test -e {good} || {{ echo 2 tests failed; exit 5; }}"]
    fields.setdefault("accept", [check, ["true"]])
    command = [sys.executable, str(script)]
    bench.declare(command, resume=[*command, "--resume", "{session.id}", "{answer.text}"], **fields)


def seen(bench: Bench) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bench.folder / "seen").read_text().splitlines()]


def test_given_work_that_is_not_accepted_then_the_output_goes_back_into_the_same_session_until_it_is(
    bench: Bench,
) -> None:
    declare(bench, after=1)
    id = add(bench.queue)
    dependent = add(bench.queue, blocked_by=(id,))
    run = bench.run()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    task = bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.COMPLETE, 1)
    first, second = seen(bench)
    assert first == {"argv": [], "rejections": []}
    assert second["argv"][:2] == ["--resume", "s-1"]
    assert second["argv"][2] == second["rejections"][0]
    assert "exit code 5\n2 tests failed" in second["rejections"][0]
    assert "accepted by 2 commands" in comments(bench.queue, id)[-1]
    assert not bench.queue.get(dependent).blocked
    kept = (bench.folder / "state" / "artifacts" / run.run_id / ACCEPTANCE).read_text()
    assert kept.count("\n2 tests failed\n") == 1
    assert kept.endswith("$ true\n\n[exit code 0]\n")


def test_given_an_agent_that_only_says_done_then_the_task_is_set_aside_with_all_of_it(bench: Bench) -> None:
    declare(bench, after=9, accept={"commands": [["sh", "-c", "echo no; exit 1"]], "rounds": 1})
    id = add(bench.queue)
    dependent = add(bench.queue, blocked_by=(id,))
    bench.run()
    task = bench.queue.get(id)
    assert task.status is TaskStatus.FAILED
    said = comments(bench.queue, id)
    assert len(seen(bench)) == 2
    assert sum("Not accepted:" in each for each in said) == 2
    assert "it said that the task was done, and that was not accepted, 2 times" in said[-1]
    assert bench.queue.get(dependent).blocked
    assert bench.live() == []


def test_given_a_program_that_is_not_there_or_takes_too_long_then_that_is_not_accepted_either(
    bench: Bench,
) -> None:
    for command, said in (
        (["no-such-program"], "no-such-program"),
        (["sleep", "60"], "timed out after 0.2 s"),
    ):
        declare(bench, after=0, accept={"commands": [command], "rounds": 0, "timeout": "1s"})
        declared = bench.declarations.agents["vaela"].accept
        assert declared is not None
        id = add(bench.queue)
        bench.run()
        assert bench.queue.get(id).status is TaskStatus.FAILED
        assert said.replace("0.2", "1") in comments(bench.queue, id)[-1]


def test_given_a_failing_agent_then_nothing_is_checked(bench: Bench) -> None:
    mark = bench.folder / "checked"
    bench.declare(["false"], accept=[["touch", str(mark)]])
    id = add(bench.queue)
    bench.run()
    assert bench.queue.get(id).status is TaskStatus.IDLE
    assert not mark.exists()


def test_given_queue_agent_and_task_then_the_nearest_says_what_must_succeed(bench: Bench) -> None:
    task = bench.queue.get(add(bench.queue))
    of_queue, of_agent = Accept(commands=(("q",),)), Accept(commands=(("a",),), rounds=5)
    assert acceptance(agent(), None, task) is None
    assert acceptance(agent(), of_queue, task) == of_queue
    assert acceptance(agent(accept=of_agent), of_queue, task) == of_agent


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("payload", "commands"),
    [
        ({"accept": ["make", "test"]}, (("make", "test"),)),
        ({"accept": [["make"], ["ruff", "check"]]}, (("make",), ("ruff", "check"))),
        ({}, (("a",),)),
    ],
)
def test_given_an_agent_that_lets_tasks_say_it_then_they_do(
    bench: Bench, payload: dict[str, Any], commands: Any
) -> None:
    task = bench.queue.get(add(bench.queue, payload=payload))
    declared = Accept(commands=(("a",),), rounds=5)
    found = acceptance(agent(accept=declared, accept_from_task=True), None, task)
    assert found == Accept(commands=commands, rounds=5)
    assert acceptance(agent(accept=declared), None, task) == declared, "unless the agent is declared so"


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
@pytest.mark.parametrize("wrong", ["make test", [], [[]], [1], [["make", 1]], [["x"]] * 21, {"a": 1}])
def test_given_nonsense_for_acceptance_then_the_task_is_set_aside_with_what_is_wanted(
    bench: Bench, wrong: Any
) -> None:
    bench.declare(["true"], accept_from_task=True)
    id = add(bench.queue, payload={"accept": wrong})
    bench.run()
    assert bench.queue.get(id).status is TaskStatus.FAILED
    assert "each a list of texts, are wanted" in comments(bench.queue, id)[-1]


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_worktree_then_the_checks_run_in_it_and_only_accepted_work_is_pushed(desk: Desk) -> None:
    desk.declare(accept={"commands": [["test", "-e", "good"]], "rounds": 0})
    bad = desk.add("pathlib.Path('bad').touch()")
    desk.bench.run()
    good = desk.add("pathlib.Path('good').touch()")
    desk.bench.run()
    assert desk.bench.queue.get(bad).status is TaskStatus.FAILED
    desk.done(good)
    assert desk.repository.branches() == {"main", f"task/{good}"}
    kept = desk.kept(bad)
    assert (kept.accepted_at, kept.files) == (None, 1), "what it did is kept, and known"


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_checks_then_the_agent_cannot_call_its_own_task_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler_defs.cli.tasks.steering import _refuse_own

    environment = bench.folder / "environment"
    bench.declare(["sh", "-c", f"env > {environment}"], accept=[["true"]])
    id = add(bench.queue)
    bench.run()
    given = dict(line.split("=", 1) for line in environment.read_text().splitlines() if "=" in line)
    monkeypatch.setenv("SIGNALBOX_TASK", given["SIGNALBOX_TASK"])
    monkeypatch.setenv("SIGNALBOX_ACCEPT", given["SIGNALBOX_ACCEPT"])
    with pytest.raises(SignalboxError, match="its work is checked when its agent ends"):
        _refuse_own([id])
    _refuse_own([id + 1])


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_rounds_then_the_runs_time_is_enough_for_all_of_them(bench: Bench) -> None:
    from scheduler_defs import tags
    from scheduler_defs.agents.tick.requests import run_request

    def seconds(**fields: Any) -> int:
        bench.declare(["true"], timeout="60s", grace="10s", **fields)
        add(bench.queue)
        wanted = run_request(bench.declarations, bench.request())
        assert wanted is not None
        with_key = bench.live()
        from scheduler_defs import database
        from scheduler_defs.agents.pool import assignments
        from scheduler_defs.agents.pool.assignments import AssignmentEnding
        from tests.unit.agents.yard import now

        with database.engine().begin() as connection:
            for each in with_key:
                assignments.end(connection, each.run_key, AssignmentEnding.LEAVE, now())
                bench.queue.cancel(each.task_id, reason="", author="test")
        return int(wanted.tags[tags.MAX_RUNTIME])

    assert seconds() == 130
    assert seconds(accept={"commands": [["a"], ["b"]], "rounds": 2, "timeout": "100s"}) == 60 + 3 * (70 + 220)
