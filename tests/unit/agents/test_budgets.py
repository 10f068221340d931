"""Budgets and signs of life at a run: it is stopped, nothing is lost, people are asked once."""

from __future__ import annotations

import datetime as dt
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.deciding.budgets import Use
from scheduler_defs.agents.questions.answering import answer
from scheduler_defs.agents.questions.inbox import Question, open_entries
from scheduler_defs.agents.usage import budgets, records
from scheduler_defs.agents.usage.budgets import Budgets
from scheduler_defs.agents.usage.records import TurnOf
from scheduler_defs.agents.working import watching
from scheduler_defs.declarations.models.declared import Budget
from tests.unit.agents.bench import Bench
from tests.unit.agents.desk import signalbox_here as signalbox_here
from tests.unit.agents.test_cli import Signalbox
from tests.unit.agents.yard import HERE, now
from tests.unit.task_queue.asking import add, comments

pytestmark = pytest.mark.parametrize("queue", ["postgres"], indirect=True)

SPENDS = """
import json, pathlib, sys, time
seen = pathlib.Path({seen!r})
with seen.open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
print(json.dumps({{"type": "system", "session_id": "s-1"}}), flush=True)
message = {{"id": f"m{{len(sys.argv)}}", "usage": {{"input_tokens": 900, "output_tokens": 100}}}}
print(json.dumps({{"type": "assistant", "session_id": "s-1", "message": message}}), flush=True)
if "{wait}" and len(sys.argv) == 1:
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.2)


def declare(bench: Bench, held: dict[str, Any], *, wait: str = "", **fields: Any) -> None:
    script = bench.folder / "agent.py"
    script.write_text(SPENDS.format(seen=str(bench.folder / "seen"), wait=wait))
    command = [sys.executable, str(script)]
    bench.head["budgets"] = held
    bench.declare(command, resume=[*command, "{session.id}", "{answer.text}"], **fields)


def asked() -> list[Question]:
    with database.engine().connect() as connection:
        return open_entries(connection)


def argv(bench: Bench) -> list[list[str]]:
    return [json.loads(line) for line in (bench.folder / "seen").read_text().splitlines()]


def test_given_a_task_over_its_budget_then_its_turn_ends_it_asks_and_an_answer_lets_it_have_as_much_again(
    bench: Bench,
) -> None:
    declare(bench, {"each": {"per": "task", "tokens": 1000}}, wait="yes")
    id = add(bench.queue)
    run = bench.run()
    assert run.is_success, "nothing has failed"
    assert bench.queue.get(id).status is TaskStatus.WAITING
    (question,) = asked()
    assert question.body.startswith(
        f"budget each reached: 1,000 of 1,000 fresh tokens (task={id}). Answer to let it"
    )
    assert bench.look().requests == ()
    answer(database.engine(), bench.queue, id, "go on", by="ann")
    bench.run()
    assert argv(bench) == [[], ["s-1", "go on"]], "in the same session"
    task = bench.queue.get(id)
    assert (task.status, task.attempts, asked()) == (TaskStatus.COMPLETE, 1, [])


def test_given_a_shared_budget_that_is_used_up_then_nothing_begins_people_are_asked_once_and_allow_more(
    bench: Bench, signalbox_here: Signalbox
) -> None:
    declare(bench, {"team": {"per": ["agent", "day"], "tokens": 1500, "time": "1h"}})
    first, second, third = (add(bench.queue) for _ in range(3))
    bench.run()
    bench.run()
    assert bench.queue.get(first).status is bench.queue.get(second).status is TaskStatus.COMPLETE
    waits = bench.look()
    day = f"{now():%Y-%m-%d}"
    said = f"budget team reached: 2,000 of 1,500 fresh tokens (agent=vaela day={day})"
    assert waits.requests == ()
    assert said in waits.agents
    bench.look()
    (entry,) = asked()
    assert (entry.kind, entry.body) == ("budget", f"{said}. Allow as much again?")
    code, (row,), _ = signalbox_here("budgets", "--json")
    assert (code, row["state"], row["used"]["tokens"], row["limits"]["tokens"]) == (0, "reached", 2000, 1500)
    code, allowed, _ = signalbox_here("budgets", "allow", "team", "--by", "ann", "--json")
    assert (code, allowed["allowed"]) == (0, [f"agent=vaela day={day}"])
    assert [each.task_id for each in bench.look().requests] == [third]
    code, _, told = signalbox_here("budgets", "allow", "team")
    assert (code, "nothing of it is used up" in told) == (1, True)


def test_given_a_shared_budget_reached_in_a_turn_then_the_task_goes_back_without_an_attempt_and_goes_on_later(
    bench: Bench, signalbox_here: Signalbox
) -> None:
    declare(bench, {"all": {"tokens": 1000}}, wait="yes")
    id = add(bench.queue)
    bench.run()
    task = bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0)
    assert any("budget all reached" in each and "no attempt" in each for each in comments(bench.queue, id))
    assert bench.look().requests == ()
    signalbox_here("budgets", "allow", "all")
    bench.run()
    assert argv(bench) == [[], ["s-1", "Go on."]]
    assert bench.queue.get(id).status is TaskStatus.COMPLETE


def test_given_a_budget_that_lets_turns_finish_then_they_do(bench: Bench) -> None:
    declare(bench, {"all": {"tokens": 10, "when_reached": "finish"}})
    id = add(bench.queue)
    bench.run()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE


def test_given_a_limit_that_was_raised_or_a_new_day_then_nobody_is_asked_any_more(bench: Bench) -> None:
    declare(bench, {"all": {"turns": 1}})
    add(bench.queue)
    add(bench.queue)
    bench.run()
    bench.look()
    assert [each.kind for each in asked()] == ["budget"]
    declare(bench, {"all": {"turns": 5}})
    assert len(bench.look().requests) == 1
    assert asked() == []


def test_given_two_runs_that_tell_at_once_then_one_of_them_sees_the_budget_reached(bench: Bench) -> None:
    engine = database.engine()
    held = Budgets({"all": Budget(name="all", source=HERE, per=(), tokens=100)}, "postgres")
    both = Barrier(2)

    def tell(run: str) -> bool:
        both.wait()
        with engine.begin() as connection:
            budgets.lock(connection)
            turn = TurnOf(run, 1, "postgres", 1, "ann", "dev", dt.datetime.now(dt.UTC))
            records.note(connection, turn, Use(tokens=60))
            found = held.reached(connection, task_id=1, agent="ann", queue="dev", now=now())
        return found is not None

    with ThreadPoolExecutor(2) as threads:
        for round in range(10):
            with engine.begin() as connection:
                connection.execute(sa.text("DELETE FROM signalbox.agent_turns"))
            seen = list(threads.map(tell, (f"a{round}", f"b{round}")))
            assert seen.count(True) == 1


def idle(bench: Bench, code: str, **fields: Any) -> tuple[TaskStatus, str]:
    bench.python(code, idle_after="2s", retries={"max_attempts": 1}, **fields)
    id = add(bench.queue)
    bench.run()
    return bench.queue.get(id).status, comments(bench.queue, id)[-1]


def test_given_a_command_without_a_sign_of_life_then_it_is_ended_as_a_failed_attempt(bench: Bench) -> None:
    status, said = idle(bench, "import time; print('thinking', flush=True); time.sleep(60)")
    assert status is TaskStatus.FAILED
    assert "no sign of life; no output, no CPU time and no changed file for " in said


def test_given_a_command_that_waits_at_a_question_then_the_question_is_named(bench: Bench) -> None:
    _, said = idle(bench, "import time; print('Proceed? [y/N] ', end='', flush=True); time.sleep(60)")
    assert "it waits for input: Proceed? [y/N]; no output" in said


@pytest.mark.parametrize(
    "code",
    [
        "import time\nend = time.time() + 6\nwhile time.time() < end: pass",
        "import pathlib, time\nfor n in range(6): pathlib.Path('made').write_text(str(n)); time.sleep(1)",
        "import subprocess; subprocess.run(['sh', '-c', 'end=$(($(date +%s)+6));"
        " while [ $(date +%s) -lt $end ]; do :; done'], check=True)",
    ],
    ids=["cpu", "files", "child"],
)
def test_given_a_quiet_command_that_works_then_it_is_left_alone(bench: Bench, code: str) -> None:
    status, said = idle(bench, code)
    assert status is TaskStatus.COMPLETE, said


def test_given_an_agent_that_is_nudged_then_its_turn_ends_and_its_session_goes_on(bench: Bench) -> None:
    declare(bench, {}, wait="yes", idle_after="2s", when_idle="nudge")
    id = add(bench.queue)
    bench.run()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    first, (session, told) = argv(bench)
    assert (first, session) == ([], "s-1")
    assert told.startswith("Your turn was ended: no sign of life;")


def test_given_a_policy_that_only_shows_then_it_is_shown_and_goes_on(bench: Bench) -> None:
    bench.python("import time; time.sleep(6)", idle_after="1s", when_idle="show")
    id = add(bench.queue)
    run = bench.run()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    assert "no sign of life" in bench.logs(run)


def test_given_other_files_that_change_then_only_those_of_the_agent_count(
    tmp_path: Path, queue: object
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "log").write_text("new")
    assert watching.newest_change(tmp_path, [tmp_path / "state"]) is None
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("x")
    found = watching.newest_change(tmp_path, [tmp_path / "state"])
    assert found == (tmp_path / "a" / "b").stat().st_mtime
