"""Patterns that people write never hold anything up."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scheduler_defs.conditions.operators import compare
from scheduler_defs.declarations import load
from scheduler_defs.declarations.building.params import value_fault
from scheduler_defs.declarations.models.conditions import Operator
from scheduler_defs.declarations.models.declared import Param
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.commands.params import check_values
from scheduler_defs.jobs.log_triage.files.finding import find_files
from scheduler_defs.jobs.log_triage.files.permission import AllowedFiles
from scheduler_defs.patterns import pattern_fault

FROZEN = """
jobs:
  j:
    command: [echo]
    params:
      p: {type: string, default: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX, pattern: '(a+)+b'}
"""


@pytest.mark.case("attack-d1-regex-freeze")
def test_a_pattern_that_backtracks_without_end_is_checked_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(FROZEN)
    started = time.process_time()
    found = load(tmp_path)
    assert [problem.path for problem in found.problems] == ["jobs.j.params.p.default"]
    assert "must match (a+)+b" in found.problems[0].message
    assert time.process_time() - started < 5


@pytest.mark.case("attack-d1-regex-freeze")
def test_a_pattern_that_nests_too_deep_is_compiled_or_a_fault_and_no_traceback() -> None:
    nested = "(?:" * 2_000 + "a" + ")*" * 2_000
    assert (
        pattern_fault(nested) is not None
        or value_fault(Param(name="p", type="string", pattern=nested), "a") is None
    )
    assert "is no pattern" in (pattern_fault("(x{1000}){1000}") or "")


@pytest.mark.case("attack-d2-regex-value")
def test_a_launchs_value_is_checked_in_time_that_grows_with_its_length_only() -> None:
    params = {"p": Param(name="p", type="string", pattern="(a+)+b|b")}
    started = time.process_time()
    with pytest.raises(SignalboxError, match="p must match"):
        check_values(params, {"p": "a" * 45 + "X"})
    assert value_fault(params["p"], "a" * 100_000 + "b") is None
    assert time.process_time() - started < 2


@pytest.mark.case("attack-f2-glob-redos")
@pytest.mark.parametrize("glob", ["**/" * 11 + "x", "**/" + "*a" * 12 + "*c"])
def test_globs_of_log_files_are_compared_in_time_that_grows_with_the_path_only(
    tmp_path: Path, glob: str
) -> None:
    deep = tmp_path.joinpath(*["d"] * 30) / ("a" * 49)
    deep.parent.mkdir(parents=True)
    deep.touch()
    started = time.process_time()
    assert find_files([f"{tmp_path}/{glob}"]) == ([], [])
    assert not AllowedFiles([f"{tmp_path}/{glob}"]).covers(str(deep))
    assert AllowedFiles([f"{tmp_path}/{glob[:-1]}*"]).covers(str(deep))
    assert time.process_time() - started < 1


def test_a_set_that_is_none_is_a_fault_and_where_check_did_not_see_it_a_problem(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "reports: {log_files: '/var/log/[z-a]**'}\njobs: {j: {command: [x], artifacts: ['[b-a]', '[]a-z]', '[!0-9]']}}\n"
    )
    assert {problem.message.partition(";")[0] for problem in load(tmp_path).problems} == {
        "'[b-a]' is no set",
        "'[z-a]' is no set",
    }
    found, (problem,) = find_files([f"{tmp_path}/**/[z-a]"])
    assert (found, problem.path) == ([], f"{tmp_path}/**/[z-a]")
    assert not AllowedFiles([f"{tmp_path}/**/[z-a]"]).covers(f"{tmp_path}/z")


@pytest.mark.parametrize("pattern", ["(?=x)y", "(?<!x)y", r"(a)\1", "(?P<n>a)(?P=n)", "(?>a)"])
def test_what_cannot_be_searched_in_linear_time_is_refused_with_the_reason(pattern: str) -> None:
    assert "can take for ever" in (pattern_fault(pattern) or "")


def test_half_of_a_surrogate_pair_is_searched_and_breaks_nothing() -> None:
    assert compare("x\ud800y", Operator.REGEX, "^x.y$")
