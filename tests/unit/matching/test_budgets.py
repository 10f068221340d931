"""Budgets and signs of life, decided: pure."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.agents.deciding import AgentView, Candidate, Policy, match
from scheduler_defs.agents.deciding.budgets import Allowance, Use, bucket, reached
from scheduler_defs.agents.deciding.idling import Signs, Watching, is_idle, prompt
from scheduler_defs.agents.usage.records import cost_of, use_of
from scheduler_defs.agents.usage.tally import Tally, Used
from scheduler_defs.declarations.models.declared import Price

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
PRICE = Price(input=2.0, output=10.0, cached=0.5)


@pytest.mark.parametrize(
    ("use", "allowed", "said"),
    [
        (Use(tokens=1_204_000), Allowance(tokens=1_000_000), "1,204,000 of 1,000,000 fresh tokens"),
        (Use(cached_tokens=5), Allowance(cached_tokens=5), "5 of 5 cached tokens"),
        (Use(turns=3), Allowance(turns=2), "3 of 2 turns"),
        (Use(cost_usd=2.5), Allowance(tokens=9, cost_usd=2), "$2.50 of $2.00"),
        (Use(seconds=3700), Allowance(seconds=3600), "1h1m40s of 1h of work"),
        (Use(tokens=99, seconds=1e9), Allowance(tokens=100), None),
    ],
)
def test_given_what_was_used_then_what_is_reached_is_said(
    use: Use, allowed: Allowance, said: str | None
) -> None:
    assert reached(use, allowed, 0) == said


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 5))
def test_given_people_who_allow_as_much_again_then_it_is_reached_at_that_multiple(
    used: int, limit: int, granted: int
) -> None:
    over = reached(Use(tokens=used), Allowance(tokens=limit), granted) is not None
    assert over == (used >= limit * (granted + 1))


def test_given_what_is_counted_apart_then_its_name_says_so() -> None:
    facts = {"task": "7", "agent": "ann", "queue": "dev", "day": NOW.date()}
    assert bucket(("agent", "day"), **facts) == "agent=ann day=2026-11-29"
    assert bucket(("task",), **facts) == "task=7"
    assert bucket((), **facts) == "all"


@given(st.sets(st.integers(0, 3)), st.integers(1, 8))
def test_given_agents_over_their_budget_then_none_of_them_is_given_a_task(over: set[int], count: int) -> None:
    agents = [AgentView(f"a{n}", 2, budget="budget day reached" if n in over else "") for n in range(4)]
    tasks = [Candidate(n, NOW, priority=n) for n in range(count)]
    decided = match(tasks, agents, now=NOW, policy=Policy())
    assert not {each.agent for each in decided.placed} & {f"a{n}" for n in over}
    assert len(decided.placed) == min(count, 2 * (4 - len(over)))
    assert len(over) < 4 or "a0 budget day reached" in decided.waiting[0].reason


def said(document: object) -> str:
    return json.dumps(document)


def test_given_a_turn_of_claude_then_its_messages_count_until_its_end_takes_their_place() -> None:
    tally = Tally()
    message = {"id": "m1", "usage": {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 7}}
    tally.add([said({"type": "assistant", "message": message})] * 2)
    assert tally.total() == Used(11, 7, 1, None, 1), "the same message twice counts once"
    tally.add([said({"type": "assistant", "message": {**message, "id": "m2"}}), "not JSON", "{"])
    assert tally.total() == Used(22, 14, 2, None, 2)
    end = {"type": "result", "num_turns": 2, "total_cost_usd": 0.5, "usage": {"input_tokens": 30}}
    tally.add([said(end)])
    assert tally.total() == Used(30, 0, 2, 0.5, 0)


def test_given_a_price_then_it_counts_where_the_provider_says_none() -> None:
    assert cost_of(Used(1_000_000, 2_000_000, None, None, 500_000), PRICE) == 1 + 5 + 1
    assert cost_of(Used(1_000_000), PRICE) == 10.0, "in or out is not said: the dearer counts"
    assert cost_of(Used(1, 1, 1, 0.25, 1), PRICE) == 0.25
    assert cost_of(Used(1), None) is None
    assert cost_of(Used(), PRICE) is None
    assert use_of(Used(5, None, 2), None, 1.5) == Use(5, 0, 2, 0.0, 1.5)


def watched(*signs: tuple[float, int, float]) -> Watching:
    first, *others = [Signs(*each) for each in signs]
    state = Watching.begin(first)
    for each in others:
        state = state.after(each)
    return state


def test_given_output_or_cpu_time_then_it_is_alive_and_without_them_quiet() -> None:
    assert watched((0, 0, 0), (10, 0, 0), (20, 0, 0.1)).quiet_seconds == 20, "a hundredth of a core is none"
    assert watched((0, 0, 0), (10, 5, 0), (20, 5, 0)).quiet_seconds == 10
    assert watched((0, 0, 0), (10, 0, 9), (20, 0, 18)).quiet_seconds == 0
    assert watched((0, 0, 9), (10, 0, 0)).quiet_seconds == 0, "a process has ended"
    assert watched((0, 0, 0), (100, 0, 0)).alive(90).quiet_seconds == 10


def test_given_a_question_at_the_end_of_the_output_then_less_quiet_is_enough() -> None:
    assert is_idle(40, 600, waits=True)
    assert not is_idle(40, 600, waits=False)
    assert is_idle(10, 10, waits=False)


@pytest.mark.parametrize(
    "line",
    [
        "Proceed? [y/N] ",
        "\x1b[1mOverwrite config.yaml?\x1b[0m (yes/no): ",
        "Do you want to allow this tool?",
        "Password for ann: ",
        "Press Enter to continue",
        "Enter passphrase for key '/k': ",
    ],
)
def test_given_a_prompt_then_it_is_seen(line: str) -> None:
    assert prompt(line) is not None


@pytest.mark.parametrize("line", ["", "Running tests", "Do you want tea? No.", "12 passed in 3 s", "Why?"])
def test_given_other_words_then_they_are_no_prompt(line: str) -> None:
    assert prompt(line) is None
