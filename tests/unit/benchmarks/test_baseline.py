"""A regression fails by its name; what is within the tolerance, or new, does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import baseline
from scheduler_defs.cli.bench.figures import compare, percentile


def measured(**medians: float) -> dict[str, Any]:
    return baseline.document([(name, [value]) for name, value in medians.items()], {})


@pytest.mark.parametrize(
    ("now", "worse"), [(90.0, False), (100.0, False), (110.0, False), (110.1, True), (111.0, True)]
)
def test_ten_percent_more_passes_and_eleven_fails_with_the_name_of_the_part(now: float, worse: bool) -> None:
    found = baseline.regressions(measured(workers=100.0, daemon=5.0), measured(workers=now, daemon=5.0))
    assert [change.measure for change in found] == (["workers"] if worse else [])
    assert all("workers" in str(change) for change in found)


def test_the_tolerance_is_exact_for_fractions() -> None:
    assert not baseline.regressions(measured(part=0.1), measured(part=0.11))


def test_a_measure_that_is_no_longer_there_fails() -> None:
    (missing,) = baseline.regressions(measured(workers=1.0, daemon=1.0), measured(daemon=1.0))
    assert str(missing) == "workers: not measured now, and the baseline has it (1)"


def test_what_is_measured_for_the_first_time_says_nothing() -> None:
    assert not baseline.regressions(measured(daemon=1.0), measured(daemon=1.0, workers=9.0))


def test_from_nothing_to_something_is_worse() -> None:
    (change,) = compare({"statements": 0.0}, {"statements": 1.0}, 10)
    assert change.worse


def test_medians_and_spreads_are_kept() -> None:
    found = baseline.document([("part", [1.0, 4.0, 2.0])], {"help": {"median": 0.1}})
    assert found["ratios"]["part"] == {"median": 2.0, "spread": 3.0, "times": 3}
    assert found["wall"] == {"help": {"median": 0.1}}


def test_on_a_machine_in_use_cpu_is_left_out_and_nothing_else() -> None:
    found = baseline.steady(measured(**{"CPU per run: all (units)": 1.0, "memory": 2.0}))
    assert list(found["ratios"]) == ["memory"]


def test_imports_alone_are_what_any_machine_can_compare() -> None:
    found = baseline.imports_alone(measured(**{"modules imported by the definitions": 1.0, "memory": 2.0}))
    assert list(found["ratios"]) == ["modules imported by the definitions"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ratios": {}}', '{"ratios": {"a": 1}}'])
def test_a_file_that_is_no_baseline_is_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(SystemExit, match="not a baseline"):
        baseline.read(file)


def test_the_checked_in_baseline_can_be_read() -> None:
    found = baseline.read(Path("benchmarks/baseline.json"))
    assert json.dumps(found)
    assert "statements in Postgres per run" in found["ratios"]


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.95, 4.0), (0.25, 1.0), (0.01, 1.0), (1.0, 4.0)])
def test_percentiles_are_values_that_were_measured(share: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
