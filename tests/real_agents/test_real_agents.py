"""Claude Code, Codex, OpenCode and aider, as they are: work that is accepted, a lie, a limit, a wrong key."""

from __future__ import annotations

import datetime as dt

import pytest

from scheduler_defs import database, tags
from scheduler_defs.agents.deciding import AgentMode, TaskStatus
from scheduler_defs.agents.pool import agent_states
from scheduler_defs.agents.quotas.store import pools
from scheduler_defs.agents.sessions.registry import sessions
from tests.real_agents.conftest import RealAgent
from tests.unit.agents.yard import now
from tests.unit.task_queue.asking import add, comments

pytestmark = pytest.mark.timeout(300)


def test_given_work_then_it_is_in_the_tasks_branch_and_what_was_used_is_on_the_run_and_its_session(
    real: RealAgent,
) -> None:
    real.declare()
    id = add(real.bench.queue, "Write done.txt")
    run = real.bench.run()
    assert real.bench.queue.get(id).status is TaskStatus.COMPLETE, comments(real.bench.queue, id)
    assert real.repository.files(f"task/{id}")["done.txt"] == "done"
    if real.name == "aider":  # it has no sessions, and says in thousands what it has used
        assert run.tags[tags.TOKENS_FRESH] == "2042"
        return
    with database.engine().connect() as connection:
        (session,) = sessions(connection)
    assert (session.cli, session.state, session.task_id) == (real.name, "ended", id)
    assert session.workspace is not None and session.workspace.startswith(str(real.bench.folder))
    # Two calls of the model: the tool's, and the last word. Never counted by line.
    assert run.tags[tags.TOKENS_FRESH] == str(session.tokens)
    assert session.tokens == 2 * (1200 + 42)
    assert session.cached == 2 * 800


def test_given_an_agent_that_says_done_too_early_then_it_goes_on_in_its_session_until_it_is(
    real: RealAgent,
) -> None:
    real.mode("text:All done, I believe.")
    check = f"test -e done.txt || {{ echo ok > {real.mode_file}; echo done.txt is missing; exit 1; }}"
    real.declare(accept=[["sh", "-c", check]])
    id = add(real.bench.queue)
    real.bench.run()
    assert real.bench.queue.get(id).status is TaskStatus.COMPLETE, comments(real.bench.queue, id)
    if real.name != "aider":  # it begins anew, and finds what is missing in the task's file
        with database.engine().connect() as connection:
            (session,) = sessions(connection)
        assert session.turns >= 2, "one session, two turns"
    assert real.repository.files(f"task/{id}")["done.txt"] == "done"


def test_given_a_limit_then_the_pool_is_closed_until_its_reset_and_no_attempt_is_burnt(
    real: RealAgent,
) -> None:
    if real.name in ("opencode", "aider"):
        pytest.skip(f"{real.name} says nothing of a limit, or not when it ends, and waits it out in its slot")
    real.mode("limit:3600")
    real.declare()
    id = add(real.bench.queue)
    real.bench.run()
    task = real.bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0), comments(real.bench.queue, id)
    with database.engine().connect() as connection:
        pool = pools(connection)["agent:vaela"]
    assert pool.state.closed_until is not None
    if real.name == "codex":  # by key, Claude Code tells no reset
        assert abs(pool.state.closed_until - now() - dt.timedelta(hours=1)) < dt.timedelta(minutes=3)
    assert real.bench.look().requests == ()


def test_given_a_wrong_key_then_the_agent_is_paused_with_the_reason_and_no_attempt_is_burnt(
    real: RealAgent,
) -> None:
    if real.name != "codex":
        pytest.skip(f"{real.name} goes on for longer than a test")
    real.mode("auth")
    real.declare()
    id = add(real.bench.queue)
    real.bench.run()
    task = real.bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0), comments(real.bench.queue, id)
    with database.engine().connect() as connection:
        assert agent_states.states(connection)["vaela"].mode is AgentMode.PAUSED
