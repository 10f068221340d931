"""Queues that share agents: by their order, or each as much as its weight."""

from __future__ import annotations

import random
from collections import Counter
from math import gcd

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.agents.deciding import Policy
from scheduler_defs.agents.deciding.matching.match import QueueTasks, match_together
from scheduler_defs.agents.deciding.matching.reservations import Reservation
from scheduler_defs.agents.deciding.matching.shares import Shares, window
from tests.unit.matching.cases import NOW, agent, task

weights_strategy = st.lists(st.integers(1, 7), min_size=2, max_size=4).map(
    lambda found: {f"q{n}": weight for n, weight in enumerate(found)}
)
sequences = settings(max_examples=60, deadline=None)


@sequences
@given(weights_strategy, st.integers(1, 12), st.data())
def test_given_queues_that_all_want_more_then_each_gets_its_weight_of_any_placements_in_a_row(
    weights: dict[str, int], slots: int, data: st.DataObject
) -> None:
    recent = data.draw(st.lists(st.sampled_from(sorted(weights)), max_size=60))
    shares = Shares(["vaela"], weights, slots, recent)
    divisor = gcd(*weights.values())
    reduced = {name: weight // divisor for name, weight in weights.items()}
    length = window(sum(reduced.values()), slots)
    given: list[str] = []
    for _ in range(4 * length):
        given.append(shares.next_of(list(weights)))
        shares.give(given[-1])
    times = length // sum(reduced.values())
    expected = {name: times * weight for name, weight in reduced.items()}
    for start in range(length, 3 * length):
        assert Counter(given[start : start + length]) == expected


@sequences
@given(weights_strategy, st.integers(1, 12), st.integers(0, 1 << 30))
def test_given_rivals_that_come_and_go_then_no_queue_that_wants_more_waits_for_longer_than_a_round(
    weights: dict[str, int], slots: int, seed: int
) -> None:
    draw, shares = random.Random(seed), Shares(["vaela"], weights, slots)
    round_ = window(sum(weights.values()), slots) + len(weights)
    waits = 0
    for _ in range(6 * round_):
        contenders = [name for name in weights if name == "q0" or draw.random() < 0.6]
        chosen = shares.next_of(contenders)
        shares.give(chosen)
        waits = 0 if chosen == "q0" else waits + 1
        assert waits < round_


def test_given_a_queue_without_work_for_long_then_it_does_not_catch_up() -> None:
    shares = Shares(["vaela"], {"dev": 1, "qa": 1}, 1, ["dev"] * 500)
    given = []
    for _ in range(6):
        given.append(shares.next_of(["dev", "qa"]))
        shares.give(given[-1])
    assert given == ["qa", "dev", "qa", "dev", "qa", "dev"]


@settings(max_examples=25, deadline=None)
@given(weights_strategy, st.integers(1, 9), st.integers(0, 1 << 30))
def test_given_passes_that_each_take_only_their_own_then_slots_are_shared_by_weight(
    weights: dict[str, int], limit: int, seed: int
) -> None:
    """As the sensors do it: each queue's pass decides for all, and reserves what is its own."""
    draw, ids = random.Random(seed), iter(range(1, 1 << 20))
    waiting = {name: [task(next(ids)) for _ in range(2000)] for name in weights}
    running: list[str] = []
    history: list[str] = []
    while len(history) < 600:
        for name in draw.sample(sorted(weights), len(weights)):
            agents = [agent("vaela", limit, len(running))]
            queues = {each: QueueTasks(found[:limit], agents, Policy()) for each, found in waiting.items()}
            shares = Shares(["vaela"], weights, limit, history[::-1])
            placed = match_together(queues, now=NOW, shares=[shares])[name].placed
            done = {placement.task for placement in placed}
            waiting[name] = [each for each in waiting[name] if each.id not in done]
            running += [name] * len(placed)
            history += [name] * len(placed)
        for _ in range(draw.randint(1, max(1, len(running)))):
            if running:
                running.pop(draw.randrange(len(running)))
    total, off = sum(weights.values()), limit + sum(weights.values())
    counted = Counter(history)
    for name, weight in weights.items():
        assert abs(counted[name] - len(history) * weight / total) <= off, (counted, weights)


def test_given_no_weights_then_the_first_queue_takes_what_it_can_and_the_next_what_is_left() -> None:
    agents = [agent("vaela", 3)]
    queues = {
        "dev": QueueTasks([task(1), task(2)], agents, Policy()),
        "qa": QueueTasks([task(3, priority=9), task(4)], agents, Policy()),
    }
    decided = match_together(queues, now=NOW)
    assert [each.task for each in decided["dev"].placed] == [1, 2]
    assert [each.task for each in decided["qa"].placed] == [3]
    assert decided["qa"].waiting[0].reason == "no free slot: vaela 3/3"


def test_given_an_agent_of_one_queue_only_then_what_it_takes_counts_for_nobody() -> None:
    shared, own = agent("vaela", 2), agent("oscar", 8)
    dev = [task(n) for n in range(1, 20)]
    qa = [task(n) for n in range(21, 40)]
    queues = {
        "dev": QueueTasks(dev, [shared], Policy()),
        "qa": QueueTasks(qa, [shared, own], Policy()),
    }
    shares = Shares(["vaela"], {"dev": 1, "qa": 1}, 2)
    decided = match_together(queues, now=NOW, shares=[shares])
    assert Counter(each.agent for each in decided["dev"].placed) == {"vaela": 1}
    assert Counter(each.agent for each in decided["qa"].placed) == {"vaela": 1, "oscar": 8}


def test_given_paths_in_one_repository_then_queues_that_take_turns_do_not_touch_them_at_a_time() -> None:
    agents = [agent("vaela", 4)]
    both = frozenset({"dev", "qa"})
    queues = {
        "dev": QueueTasks([task(1, paths=("src/**",))], agents, Policy(), (), both),
        "qa": QueueTasks(
            [task(2, paths=("src/a.py",)), task(3, paths=("docs/a.md",))],
            agents,
            Policy(),
            [Reservation(9, ("docs/**",))],
            both,
        ),
    }
    decided = match_together(queues, now=NOW, shares=[Shares(["vaela"], {"dev": 1, "qa": 1}, 4)])
    assert [each.task for each in decided["dev"].placed] == [1]
    assert decided["qa"].placed == ()
    assert [each.reason for each in decided["qa"].waiting] == [
        "waits for path src/a.py (task 1 has src/**)",
        "waits for path docs/a.md (task 9 has docs/**)",
    ]
