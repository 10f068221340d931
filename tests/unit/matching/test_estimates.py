"""How long tasks take, from those that were done."""

from __future__ import annotations

from scheduler_defs.agents.deciding.estimates import Done, Estimates


def done(seconds: float, *, queue: str = "dev", agent: str = "vaela", tags: tuple[str, ...] = ()) -> Done:
    return Done(queue, agent, tags, seconds)


def test_given_fewer_than_five_then_nothing_is_said() -> None:
    assert Estimates([done(10)] * 4).of("dev") is None
    assert Estimates([done(10)] * 5).of("qa") is None


def test_given_done_tasks_then_the_median_and_what_eight_of_ten_take_is_said() -> None:
    found = Estimates([done(seconds) for seconds in (50, 10, 20, 30, 40)]).of("dev")
    assert found is not None
    assert (found.median_seconds, found.low_seconds, found.high_seconds) == (30, 14, 46)
    assert found.basis == "5 of queue dev"


def test_given_enough_of_the_same_agent_and_tag_then_these_count_alone() -> None:
    learned = Estimates(
        [done(10, tags=("docs",))] * 5 + [done(1000, tags=("schema",))] * 5 + [done(300, agent="oscar")] * 5
    )
    docs = learned.of("dev", agent="vaela", tags=("docs", "never-used"))
    assert docs is not None and docs.median_seconds == 10
    assert docs.basis == "5 of queue dev, by vaela, tagged docs"
    oscar = learned.of("dev", agent="oscar", tags=("docs",))
    assert oscar is not None and (oscar.median_seconds, oscar.basis) == (10, "5 of queue dev, tagged docs")
    nobody = learned.of("dev", agent="new")
    assert nobody is not None and nobody.basis == "15 of queue dev"


def test_given_several_tags_then_the_one_whose_tasks_differ_least_counts() -> None:
    wild = [done(seconds, tags=("wild", "small")) for seconds in (1, 10, 100, 1000, 10_000)]
    learned = Estimates([*wild, *(done(60, tags=("small",)) for _ in range(60))])
    found = learned.of("dev", tags=("wild", "small"))
    assert found is not None and found.basis == "65 of queue dev, tagged small"
