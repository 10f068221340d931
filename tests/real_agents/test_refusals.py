"""What the real programs say when their provider refuses work: no attempt is burnt, the slot is free."""

from __future__ import annotations

import datetime as dt

import pytest

from scheduler_defs import database
from scheduler_defs.agents.deciding import AgentMode, TaskStatus
from scheduler_defs.agents.pool import agent_states
from scheduler_defs.agents.quotas.store import Pool, pools
from tests.real_agents.conftest import RealAgent
from tests.unit.agents.yard import now
from tests.unit.task_queue.asking import add, comments

pytestmark = pytest.mark.timeout(600)


def refused(real: RealAgent, mode: str) -> Pool:
    """The pool after a run that its provider has refused: closed, and no attempt burnt."""
    real.mode(mode)
    real.declare(grace="2s")
    id = add(real.bench.queue)
    real.bench.run()
    task = real.bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0), comments(real.bench.queue, id)
    with database.engine().connect() as connection:
        pool = pools(connection)["agent:vaela"]
    assert real.bench.look().requests == (), "nothing starts only to hit the wall"
    return pool


@pytest.mark.scenario("a limit with its reset told")
def test_given_a_limit_with_its_reset_then_the_pool_is_closed_until_then(
    real: RealAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    if real.name == "claude":  # as a subscription
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-any")
    pool = refused(real, "limit:7200")
    assert pool.state.rejections == 0
    assert pool.state.closed_until is not None
    assert abs(pool.state.closed_until - now() - dt.timedelta(hours=2)) < dt.timedelta(minutes=10)


@pytest.mark.scenario("a limit without a reset told")
def test_given_a_limit_without_its_reset_then_the_pool_is_closed_for_a_while_and_probed(
    real: RealAgent,
) -> None:
    """The 429 says `Retry-After` to all of them; Claude Code by key, OpenCode and aider keep it to themselves."""
    pool = refused(real, "limit:7200")
    assert pool.state.rejections == 1
    assert pool.state.closed_until is not None
    assert pool.state.closed_until - now() <= dt.timedelta(minutes=1)


@pytest.mark.scenario("an overload")
def test_given_an_overload_then_the_pool_is_closed_for_a_while(real: RealAgent) -> None:
    assert refused(real, "overloaded").state.rejections == 1


@pytest.mark.scenario("a wrong key")
def test_given_a_wrong_key_then_the_agent_is_paused_with_the_reason_and_no_attempt_is_burnt(
    real: RealAgent,
) -> None:
    real.mode("auth")
    real.declare(grace="2s")
    id = add(real.bench.queue)
    real.bench.run()
    task = real.bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0), comments(real.bench.queue, id)
    with database.engine().connect() as connection:
        state = agent_states.states(connection)["vaela"]
    assert state.mode is AgentMode.PAUSED
    assert "its login is refused" in (state.reason or "")
    assert real.bench.look().requests == ()
