"""The comparison with Drain3: what it measures, and that grouping is no worse."""

from benchmarks.log_grouping import accuracy, means, measure
from benchmarks.log_samples import FORMATS


def test_only_groups_that_hold_exactly_the_messages_of_a_template_count() -> None:
    assert accuracy("aabb", [1, 1, 2, 2]) == 1.0
    assert accuracy("aabb", [1, 1, 2, 3]) == 0.5
    assert accuracy("aabb", [1, 1, 1, 2]) == 0.0


def test_messages_in_public_formats_are_grouped_at_least_as_well_as_by_drain3() -> None:
    found = means({name: measure(name, 1500, 1, seed=11) for name in FORMATS})
    assert found["accuracy"] >= found["drain3_accuracy"]
    assert found["accuracy"] > 0.95
