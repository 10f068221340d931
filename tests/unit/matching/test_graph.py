"""Rings of blockers, and how many tasks each one frees."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.agents.deciding.matching.graph import Edge, caught, cycles, freed_counts, ring_through

edges_strategy = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=25)


def test_given_a_ring_when_looked_for_then_it_is_spelled_out_from_its_smallest_task() -> None:
    assert cycles([(5, 3), (3, 5), (7, 3)]) == ((3, 5, 3),)
    assert cycles([(4, 4)]) == ((4, 4),)
    assert cycles([(1, 2), (2, 3), (3, 1), (8, 9), (9, 8)]) == ((1, 2, 3, 1), (8, 9, 8))
    assert cycles([(1, 2), (2, 3), (1, 3)]) == ()


def test_given_a_new_edge_when_it_closes_a_ring_then_the_ring_starts_at_the_asked_task() -> None:
    assert ring_through([(5, 3), (3, 5)], [5]) == (5, 3, 5)
    assert ring_through([(5, 3)], [5, 3]) == ()


def test_given_a_ring_when_asked_who_is_caught_then_those_who_wait_for_it_are_too() -> None:
    edges = [(3, 5), (5, 3), (7, 3), (8, 7), (9, 1)]
    assert caught(edges, cycles(edges)) == {3: (3, 5, 3), 5: (5, 3, 5), 7: (3, 5, 3), 8: (3, 5, 3)}


def test_given_chains_and_diamonds_when_counting_then_each_waiting_task_counts_once() -> None:
    chain = [(n + 1, n) for n in range(1, 11)]
    assert freed_counts(chain)[1] == 10
    assert freed_counts([(2, 1), (3, 1), (4, 2), (4, 3)]) == {1: 3, 2: 1, 3: 1}


def test_given_a_ring_when_counting_then_nothing_is_freed_by_it() -> None:
    assert freed_counts([(3, 5), (5, 3), (7, 3), (2, 1)]) == {1: 1}


def _reach(edges: list[Edge], start: int) -> set[int]:
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        task = waiting.pop()
        for dependent, blocker in edges:
            if blocker == task and dependent not in seen:
                seen.add(dependent)
                waiting.append(dependent)
    return seen


@given(edges_strategy)
def test_given_any_graph_when_rings_are_looked_for_then_they_are_real_and_none_is_missed(
    edges: list[Edge],
) -> None:
    found = cycles(edges)
    for ring in found:
        assert ring[0] == ring[-1] == min(ring)
        assert all(step in edges for step in pairwise(ring))
    really = {task for task, _ in edges if task in _reach(edges, task)}
    assert {task for task in really if task in caught(edges, found)} == really


@given(edges_strategy)
def test_given_any_graph_when_counting_then_it_is_the_number_of_tasks_reached_that_are_not_stuck(
    edges: list[Edge],
) -> None:
    stuck = set(caught(edges, cycles(edges)))
    counts = freed_counts(edges)
    for task in {end for edge in edges for end in edge}:
        expected = len({t for t in _reach(edges, task) if t not in stuck}) if task not in stuck else 0
        assert counts[task] == expected


def test_given_twenty_thousand_waiting_tasks_when_counting_then_each_is_counted_once() -> None:
    edges = [(n, n - 1) for n in range(20_000) if n % 50]
    assert max(freed_counts(edges).values()) == 49
