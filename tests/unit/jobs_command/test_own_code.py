"""The user's Python beside the declarations joins the location, and one fault of it stops one file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_defs.assembly import loadable
from scheduler_defs.declarations import load as load_declarations
from scheduler_defs.declarations.reading.own_code import own_code
from scheduler_defs.jobs.own_code import PACKAGE, load
from tests.unit.declarations.yards import lines, write_yard

JOB = """
import dagster as dg
from ._words import WORD

@dg.op
def say(context):
    context.log.info(WORD)

@dg.job
def greet():
    say()

@dg.asset
def price() -> int:
    return 3

prices = dg.define_asset_job("prices", selection=[price])
often = dg.ScheduleDefinition(name="greet_often", job=greet, cron_schedule="*/5 * * * *")
"""
YARD = "jobs: {hello: {command: [echo]}}\nschedules: {nightly: {job: greet, every: 1d}, p: {job: prices, every: 1d}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    config = write_yard(tmp_path, {"a.yaml": YARD})
    write(
        config, {"greet.py": JOB, "_words.py": "WORD = 'hi'\n", "script.py": "raise SystemExit('was run')\n"}
    )
    yield config
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def write(config: Path, files: dict[str, str]) -> None:
    folder = config.parent / "jobs"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def test_given_python_that_imports_dagster_then_its_definitions_join_and_schedules_may_name_its_jobs(
    config: Path,
) -> None:
    declared = load_declarations(config)
    assert lines(declared) == []
    code = own_code(config)
    assert [path.name for path in code.files] == ["greet.py"], "scripts and helpers are not loaded"
    assert code.jobs == {"greet", "prices"}
    own = load(code)
    repository = loadable(declared.declarations, own).get_repository_def()
    assert not own.faults
    assert {"greet", "prices", "hello"} <= set(repository.job_names)
    assert {"greet_often", "nightly", "p"} <= {schedule.name for schedule in repository.schedule_defs}
    assert "price" in {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import dagster as dg\n\nx = 1 / 0\n", "jobs/bad.py:3:1: ZeroDivisionError: division by zero"),
        ("import dagster as dg\ndef x(:\n", "jobs/bad.py:2:1: SyntaxError: "),
        ("import dagster\nimport sys\nsys.exit(3)\n", "jobs/bad.py:3:1: SystemExit: 3"),
        ("import dagster as dg\n\n@dg.asset\ndef price(): ...\n", "jobs/greet.py:1:1: Duplicate asset key"),
        ("import dagster as dg\n\n@dg.job\ndef log_triage(): ...\n", "jobs/bad.py:1:1: "),
    ],
)
def test_given_a_faulty_file_then_it_is_named_and_the_rest_is_loaded(
    config: Path, text: str, said: str
) -> None:
    write(config, {"bad.py": text})
    own = load(own_code(config))
    repository = loadable(load_declarations(config).declarations, own).get_repository_def()
    (fault,) = own.faults
    assert str(fault).startswith(said), str(fault)
    assert "\n" not in str(fault)
    assert "hello" in repository.job_names and "log_triage" in repository.job_names
    if "price" not in text:
        assert "greet" in repository.job_names


def test_given_a_change_in_any_file_then_the_fingerprint_is_another(config: Path) -> None:
    seen = {own_code(config).fingerprint}
    for files in (
        {"_words.py": "WORD = 'ho'\n"},
        {"new.py": "import dagster\n"},
        {"greet.py": "import dagster\n"},
    ):
        write(config, files)
        seen.add(own_code(config).fingerprint)
    assert len(seen) == 4


def test_given_no_python_then_nothing_is_different(tmp_path: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": "schedules: {x: {job: greet, every: 1d}}\n"})
    write(config, {"script.py": "print(1)\n"})
    assert own_code(config).files == ()
    assert "greet" in lines(load_declarations(config))[0]
