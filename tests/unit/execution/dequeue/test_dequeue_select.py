"""Which queued runs go out: the properties that hold for every queue, and examples that read as rules."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs import tags
from scheduler_defs.execution.queue.capacity import LiveWorker
from scheduler_defs.execution.queue.choice.select import (
    AGEING,
    ActiveRun,
    QueuedRun,
    Reason,
    Selection,
    in_order,
    select,
)
from scheduler_defs.limits import TagLimit

QUEUES = ["runs", "gpu", "io"]
KEYS = ["team", "signalbox/job"]
VALUES = ["a", "b", "c"]

run_tags = st.builds(
    lambda queue, priority, marks: {
        **({tags.CELERY_QUEUE: queue} if queue else {}),
        **({tags.PRIORITY: str(priority)} if priority is not None else {}),
        **marks,
    },
    st.sampled_from([None, *QUEUES, "nobody"]),
    st.none() | st.integers(-3, 3),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)),
)
tag_limits = st.builds(
    lambda key, form, number: TagLimit(
        key, form if form in VALUES else None, form == "per value", number, "config/limits.yaml:1"
    ),
    st.sampled_from(KEYS),
    st.sampled_from([*VALUES, "per value", "all values"]),
    st.integers(0, 4),
)


@st.composite
def queues(draw: st.DrawFn) -> tuple[list[QueuedRun], list[ActiveRun], list[TagLimit], list[LiveWorker]]:
    workers = [
        LiveWorker(f"w{n}", frozenset(served), slots)
        for n, (served, slots) in enumerate(
            draw(
                st.lists(
                    st.tuples(st.sets(st.sampled_from(QUEUES), min_size=1), st.integers(1, 3)), max_size=4
                )
            )
        )
    ]
    queued = [
        QueuedRun(f"q{n}", n, draw(st.integers(0, 600)) * 1.0, draw(run_tags))
        for n in range(draw(st.integers(0, 14)))
    ]
    active: list[ActiveRun] = []
    left = Counter({worker.id: worker.slots for worker in workers})
    for n in range(draw(st.integers(0, 6))):
        holders = [w.id for w in workers if left[w.id]]
        worker = draw(st.sampled_from([None, *holders]))
        if worker is not None:
            left[worker] -= 1
        active.append(ActiveRun(f"a{n}", draw(run_tags), worker, on_its_way=worker is None))
    return queued, active, draw(st.lists(tag_limits, max_size=4)), workers


def counted(limit: TagLimit, runs: list[QueuedRun | ActiveRun]) -> Counter[str | None]:
    """Active runs per tag value that the limit looks at, by the plain meaning of a limit."""
    values = [run.tags[limit.key] for run in runs if limit.key in run.tags]
    if limit.per_value:
        return Counter(values)
    if limit.value is not None:
        return Counter(value for value in values if value == limit.value)
    return Counter({None: len(values)}) if values else Counter()


def fits(picks: list[QueuedRun], active: list[ActiveRun], workers: list[LiveWorker]) -> bool:
    """Hall's condition: every set of queues has slots enough for its runs, wherever they go."""
    held = Counter(run.worker for run in active if run.worker is not None)
    free = {worker: max(0, worker.slots - held[worker.id]) for worker in workers}
    demand = Counter(run.queue for run in picks)
    names = sorted(demand)
    return all(
        sum(demand[queue] for queue in some)
        <= sum(slots for worker, slots in free.items() if worker.queues & set(some))
        for size in range(1, len(names) + 1)
        for some in combinations(names, size)
    )


def allowed(
    picks: list[QueuedRun], active: list[ActiveRun], limits: list[TagLimit], baseline: list[ActiveRun]
) -> bool:
    """No pick takes a limit beyond its number (active runs alone may already be beyond it)."""
    return all(
        number <= limit.limit or number <= counted(limit, [*baseline])[value]
        for limit in limits
        for value, number in counted(limit, [*active, *picks]).items()
    )


@given(queues())
def test_given_any_queue_when_selecting_then_no_limit_is_exceeded(case) -> None:
    queued, active, limits, workers = case
    picks = list(select(queued, active, limits, workers).picks)
    assert allowed(picks, active, limits, active)


@given(queues())
def test_given_any_queue_when_selecting_then_live_workers_have_a_slot_for_every_pick(case) -> None:
    queued, active, limits, workers = case
    picks = list(select(queued, active, limits, workers).picks)
    on_their_way = [QueuedRun(run.run_id, 0, 0, run.tags) for run in active if run.worker is None]
    placed = [run for n, run in enumerate(on_their_way) if fits([*on_their_way[: n + 1]], active, workers)]
    if len(placed) == len(on_their_way):
        assert fits([*on_their_way, *picks], active, workers)
    assert fits(picks, active, workers)


@given(queues())
def test_given_any_queue_when_selecting_then_no_waiting_run_could_go_out_too(case) -> None:
    queued, active, limits, workers = case
    active = [run for run in active if run.worker is not None]
    selection = select(queued, active, limits, workers)
    picks = list(selection.picks)
    for run in queued:
        if run.run_id in selection.waiting:
            more = [*picks, run]
            room = all(
                counted(limit, [*active, *more])[value] <= limit.limit
                for limit in limits
                for value in counted(limit, [run])
            )
            assert not (room and fits(more, active, workers))


def test_given_the_same_limit_twice_then_it_counts_once() -> None:
    limit = TagLimit("team", "a", False, 2, "config/limits.yaml:1")
    queued = [QueuedRun(f"q{n}", n, 0.0, {"team": "a"}) for n in range(3)]
    picks = select(queued, [], [limit, limit], [LiveWorker("w", frozenset({"runs"}), 3)]).picks
    assert len(picks) == 2


@given(queues())
def test_given_any_queue_when_not_explaining_then_the_picks_are_the_same(case) -> None:
    assert select(*case, explain=False).picks == select(*case).picks


@given(queues())
def test_given_any_queue_when_selecting_then_every_run_is_picked_or_waits_for_a_reason(case) -> None:
    queued, active, limits, workers = case
    selection = select(queued, active, limits, workers)
    picked = {run.run_id for run in selection.picks}
    assert picked.isdisjoint(selection.waiting)
    assert picked | selection.waiting.keys() == {run.run_id for run in queued}


@given(queues())
def test_given_any_queue_when_selecting_then_picks_keep_the_order_and_no_twin_is_passed_over(case) -> None:
    queued, active, limits, workers = case
    selection = select(queued, active, limits, workers)
    ordered = in_order(queued)
    assert list(selection.picks) == [run for run in ordered if run in selection.picks]
    for n, waiting in enumerate(ordered):
        if waiting.run_id not in selection.waiting:
            continue
        same = {k: v for k, v in waiting.tags.items() if k != tags.PRIORITY}
        for later in ordered[n + 1 :]:
            if {k: v for k, v in later.tags.items() if k != tags.PRIORITY} == same:
                assert later.run_id in selection.waiting


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 600))
def test_given_a_low_priority_when_it_has_waited_its_points_then_no_newcomer_is_ahead(
    low: int, high: int, ageing_seconds: int
) -> None:
    old = QueuedRun("old", 1, 0.0, {tags.PRIORITY: str(low)})
    bound = max(0, high - low) * ageing_seconds
    newcomer = QueuedRun("new", 2, float(bound), {tags.PRIORITY: str(high)})
    assert in_order([newcomer, old], timedelta(seconds=ageing_seconds))[0] is old


def test_given_urgent_runs_without_end_when_one_slot_serves_all_then_a_low_one_starts_in_time() -> None:
    worker = LiveWorker("w", frozenset({"runs"}), 1)
    waiting = [QueuedRun("low", 0, 0.0, {tags.PRIORITY: "0"})]
    minute = 0
    for minute in range(1, 30):
        waiting.append(QueuedRun(f"urgent-{minute}", minute, minute * 60.0 - 59, {tags.PRIORITY: "5"}))
        (pick,) = select(waiting, [], [], [worker]).picks
        waiting.remove(pick)
        if pick.run_id == "low":
            break
    assert minute <= 7


def one(**run_tags: str) -> list[QueuedRun]:
    return [QueuedRun("r", 1, 0.0, run_tags)]


def waits(selection: Selection) -> Reason | None:
    return selection.waiting["r"].reason if selection.waiting else None


def test_given_no_live_worker_for_its_queue_when_selecting_then_the_run_waits_and_says_so() -> None:
    workers = [LiveWorker("w", frozenset({"runs"}), 2)]
    assert waits(select(one(**{tags.CELERY_QUEUE: "gpu"}), [], [], workers)) is Reason.NO_WORKER


def test_given_all_slots_taken_when_selecting_then_the_run_waits_for_a_slot() -> None:
    workers = [LiveWorker("w", frozenset({"runs"}), 1)]
    assert waits(select(one(), [ActiveRun("a", {}, "w")], [], workers)) is Reason.NO_SLOT
    assert waits(select(one(), [ActiveRun("a", {}, on_its_way=True)], [], workers)) is Reason.NO_SLOT
    assert waits(select(one(), [ActiveRun("a", {})], [], workers)) is None


def test_given_a_full_limit_when_selecting_then_the_run_names_it_and_others_pass() -> None:
    limit = TagLimit(tags.JOB, "big", False, 1, "config/jobs.yaml:7")
    workers = [LiveWorker("w", frozenset({"runs"}), 3)]
    queued = [*one(**{tags.JOB: "big"}), QueuedRun("other", 2, 1.0, {tags.JOB: "small"})]
    selection = select(queued, [ActiveRun("a", {tags.JOB: "big"}, "w")], [limit], workers)
    assert selection.waiting["r"].limits == (limit,)
    assert [run.run_id for run in selection.picks] == ["other"]


def test_given_a_limit_of_zero_when_selecting_then_nothing_with_that_tag_goes_out() -> None:
    limit = TagLimit("team", None, False, 0, "config/limits.yaml:2")
    selection = select(one(team="x"), [], [limit], [LiveWorker("w", frozenset({"runs"}), 1)])
    assert waits(selection) is Reason.LIMIT


def test_given_a_shared_and_a_special_worker_when_both_queues_wait_then_all_slots_are_used() -> None:
    workers = [LiveWorker("shared", frozenset({"a", "b"}), 1), LiveWorker("special", frozenset({"a"}), 1)]
    queued = [
        QueuedRun("1", 1, 0.0, {tags.CELERY_QUEUE: "a"}),
        QueuedRun("2", 2, 0.0, {tags.CELERY_QUEUE: "b"}),
    ]
    assert len(select(queued, [], [], workers).picks) == 2


def test_given_a_priority_that_is_no_number_when_ordering_then_it_counts_as_zero() -> None:
    assert QueuedRun("r", 1, 0.0, {tags.PRIORITY: "urgent"}).priority == 0


@pytest.mark.case("ui-UI-15")
@pytest.mark.parametrize("priority", ["9" * 400, "-" + "9" * 400, "9" * 5000])
@pytest.mark.parametrize("ageing", [timedelta(0), AGEING])
def test_given_a_priority_that_no_clock_can_hold_when_ordering_then_the_queue_goes_on(
    priority: str, ageing: timedelta
) -> None:
    runs = [QueuedRun("odd", 2, 9.0, {tags.PRIORITY: priority}), QueuedRun("plain", 1, 9.0, {})]
    assert [run.run_id for run in in_order(runs, ageing)] == ["plain", "odd"]


def test_given_no_ageing_when_ordering_then_priority_alone_decides() -> None:
    old = QueuedRun("old", 1, 0.0, {})
    urgent = QueuedRun("urgent", 2, 1e6, {tags.PRIORITY: "1"})
    assert in_order([old, urgent], timedelta(0)) == [urgent, old]


def test_given_a_pool_that_is_full_when_selecting_then_the_run_takes_neither_slot_nor_limit() -> None:
    class Full:
        def blocks(self, run: QueuedRun) -> bool:
            return run.pools is not None

        def take(self, run: QueuedRun) -> None:
            assert run.pools is None

    limit = TagLimit("team", None, False, 1, "config/limits.yaml:2")
    queued = [
        QueuedRun("r", 1, 0.0, {"team": "x"}, pools="db"),
        QueuedRun("free", 2, 1.0, {"team": "x"}),
    ]
    selection = select(queued, [], [limit], [LiveWorker("w", frozenset({"runs"}), 1)], pools=Full())
    assert [run.run_id for run in selection.picks] == ["free"]
    assert selection.waiting["r"].reason is Reason.POOL
