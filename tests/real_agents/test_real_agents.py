"""Claude Code, Codex, OpenCode and aider, as they are: work, a lie, tokens, a question, silence, a kill."""

from __future__ import annotations

import datetime as dt

import psutil
import pytest

from scheduler_defs import database, tags
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.questions.answering import answer
from scheduler_defs.agents.sessions.registry import Session, sessions
from tests.patience import wait_until
from tests.real_agents.conftest import RealAgent
from tests.real_agents.model_server import CACHED, FRESH, OUT, QUESTION
from tests.unit.agents.runs_to_kill import start
from tests.unit.agents.yard import now
from tests.unit.task_queue.asking import add, comments

pytestmark = pytest.mark.timeout(600)


def only_session() -> Session:
    with database.engine().connect() as connection:
        (found,) = sessions(connection)
    return found


@pytest.mark.scenario("work that is accepted")
def test_given_work_then_it_is_in_the_tasks_branch_and_its_session_is_known(real: RealAgent) -> None:
    real.declare()
    id = add(real.bench.queue, "Write done.txt")
    real.bench.run()
    assert real.bench.queue.get(id).status is TaskStatus.COMPLETE, comments(real.bench.queue, id)
    assert real.repository.files(f"task/{id}")["done.txt"] == "done"
    if real.name != "aider":
        session = only_session()
        assert (session.cli, session.state, session.task_id) == (real.name, "ended", id)
        assert session.workspace is not None
        assert session.workspace.startswith(str(real.bench.folder))


@pytest.mark.scenario("tokens and cost, as the provider counts")
def test_given_work_then_what_was_used_is_counted_once_and_has_its_price(real: RealAgent) -> None:
    real.declare(price={"input": 1000, "cached": 100, "output": 10_000})
    add(real.bench.queue, "Write done.txt")
    run = real.bench.run()
    if real.name == "aider":  # `Tokens: 2.0k sent, 42 received.`
        assert run.tags[tags.TOKENS_FRESH] == "2042"
        assert float(run.tags[tags.TOKENS_COST_USD]) == pytest.approx(2 * 1.0 + 42 * 0.01, abs=0.01)
        return
    session = only_session()
    # Two calls of the model: the tool's, and the last word. Never counted by line.
    assert run.tags[tags.TOKENS_FRESH] == str(session.tokens)
    assert session.tokens == 2 * (FRESH + OUT)
    assert session.cached == 2 * CACHED
    if real.name == "codex":  # it says nothing of money; the others say themselves what a turn has cost
        cost = 2 * (FRESH * 1000 + CACHED * 100 + OUT * 10_000) / 10**6
        assert float(run.tags[tags.TOKENS_COST_USD]) == pytest.approx(cost)
    else:
        assert float(run.tags[tags.TOKENS_COST_USD]) == pytest.approx(session.cost_usd)


@pytest.mark.scenario("a lie: says done, the check fails")
def test_given_an_agent_that_says_done_too_early_then_it_goes_on_in_its_session_until_it_is(
    real: RealAgent,
) -> None:
    real.mode("text:All done, I believe.")
    check = f"test -e done.txt || {{ echo ok > {real.mode_file}; echo done.txt is missing; exit 1; }}"
    real.declare(accept=[["sh", "-c", check]])
    id = add(real.bench.queue)
    real.bench.run()
    assert real.bench.queue.get(id).status is TaskStatus.COMPLETE, comments(real.bench.queue, id)
    if real.name != "aider":
        assert only_session().turns >= 2, "one session, two turns"
    assert real.repository.files(f"task/{id}")["done.txt"] == "done"


@pytest.mark.scenario("a question, and its answer in the session")
def test_given_a_question_then_the_task_waits_and_the_answer_is_heard_in_the_same_session(
    real: RealAgent,
) -> None:
    real.mode("ask")
    real.declare()
    id = add(real.bench.queue)
    real.bench.run()
    task = real.bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.WAITING, 0), comments(real.bench.queue, id)
    asked = only_session()
    real.mode("ok")
    answer(database.engine(), real.bench.queue, id, "the one of the app", by="jo")
    real.bench.run()
    assert real.bench.queue.get(id).status is TaskStatus.COMPLETE, comments(real.bench.queue, id)
    session = only_session()
    assert session.id == asked.id
    assert session.turns > asked.turns
    assert any(QUESTION in each for each in comments(real.bench.queue, id))


@pytest.mark.scenario("silence")
def test_given_a_model_that_never_answers_then_the_turn_is_ended_as_idle(real: RealAgent) -> None:
    real.mode("hang")
    # OpenCode uses more than 2 % of a core while it waits for its model, so it never counts as idle.
    said, timeout = ("timed out", "2m") if real.name == "opencode" else ("no sign of life", "3m")
    real.declare(idle_after="10s", grace="2s", timeout=timeout)
    id = add(real.bench.queue)
    began = now()
    real.bench.run()
    task = real.bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 1), comments(real.bench.queue, id)
    assert said in comments(real.bench.queue, id)[-1]
    assert real.server.asked.is_set()
    assert now() - began > dt.timedelta(seconds=10)


@pytest.mark.scenario("killed in the middle")
def test_given_a_worker_killed_in_the_middle_then_nothing_of_the_program_is_left_and_the_task_is_done_later(
    real: RealAgent,
) -> None:
    real.mode("hang")
    real.declare()
    id = add(real.bench.queue)
    run = start(real.bench)
    assert real.server.asked.wait(180), "the program has asked its model"
    wait_until(lambda: bool(processes_of(run.run_id)), seconds=60)
    run.kill()
    wait_until(lambda: not processes_of(run.run_id), seconds=60)
    real.mode("ok")
    again = real.bench.request()
    assert again.attempt == 1, "a lost worker is no attempt"
    real.bench.run(again)
    assert real.bench.queue.get(id).status is TaskStatus.COMPLETE, comments(real.bench.queue, id)


def processes_of(run_id: str) -> list[int]:
    """What has been started for a run and lives."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SIGNALBOX_RUN") == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
