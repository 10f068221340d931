"""`signalbox schedules add|set|remove`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler_defs.cli.main import main
from scheduler_defs.declarations import load
from tests.unit.declarations.yards import write_yard

FILE = "schedules:\n  a: {job: log_triage, every: 1d}\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = write_yard(tmp_path, {"a.yaml": FILE})
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(config))
    return config


def signalbox(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process; the exit code."""
    monkeypatch.setattr("sys.argv", ["signalbox", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return code if isinstance(code, int) else 0


def test_given_a_dry_run_when_edited_then_the_difference_is_shown_and_nothing_written(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert signalbox(monkeypatch, "schedules", "set", "a", "every=2d", "--dry-run") == 0
    out, err = capsys.readouterr()
    assert "-  a: {job: log_triage, every: 1d}\n+  a: {job: log_triage, every: 2d}\n" in out
    assert err.endswith("would be changed\n")
    assert (config / "a.yaml").read_text() == FILE


def test_given_json_when_edited_then_one_document(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("schedules", "add", "b", "job=gpu_report", "cron=*/5 * * * *", "tags.team=ops", "--json")
    assert signalbox(monkeypatch, *arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["name"], document["changed"], document["written"]) == ("b", True, True)
    assert (config / "a.yaml").read_text() == (
        FILE + "  b:\n    job: gpu_report\n    cron: '*/5 * * * *'\n    tags: {team: ops}\n"
    )


def test_given_a_schedule_when_removed_then_it_is_gone(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_yard(config.parent, {"b.yaml": "schedules:\n  c: {job: log_triage, every: 1d}\n"})
    assert signalbox(monkeypatch, "schedules", "remove", "c") == 0
    assert "c:" not in (config / "b.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("set", "a", "every=90s"), 1, "'90s' is not a whole number of minutes"),
        (("set", "b", "every=1d"), 1, "no schedule 'b' is declared"),
        (("set", "a"), 2, "nothing to change: give KEY=VALUE, or --unset KEY"),
        (("set", "a", "every"), 2, "'every': write KEY=VALUE"),
        (("set", "a", "every=1d", "every=2d"), 2, "every is given twice"),
        (("set", "a", "config={a: [}"), 2, "config: '{a: [}'"),
        (("add", "a", "job=log_triage", "every=1d"), 1, "there is a schedule 'a' already"),
    ],
)
def test_given_what_cannot_be_done_when_edited_then_one_line_and_a_defined_exit_code(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    assert signalbox(monkeypatch, "schedules", *arguments) == code
    assert message in capsys.readouterr().err
    assert (config / "a.yaml").read_text() == FILE


def test_given_a_command_when_added_then_its_job_is_declared_with_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (
        "schedules",
        "add",
        "tidy",
        "--every",
        "5m",
        "tags.team=ops",
        "--",
        "env",
        "A=1",
        "tidy",
        "--all",
    )
    assert signalbox(monkeypatch, *words) == 0
    written = (config / "a.yaml").read_text()
    assert written.startswith(FILE)
    loaded = load(config)
    assert not loaded.problems
    assert loaded.declarations.jobs["tidy"].command == ("env", "A=1", "tidy", "--all")
    tidy = loaded.declarations.schedules["tidy"]
    assert (tidy.job, tidy.spec, tidy.tags["team"]) == ("tidy", "every 5m", "ops")
    assert signalbox(monkeypatch, "schedules", "add", "late", "--cron", "0 2 * * *", "--", "late") == 0
    assert load(config).declarations.jobs.keys() == {"tidy", "late"}


@pytest.mark.parametrize(
    "words", [("x", "--", "echo"), ("x",), ("x", "--every", "5m"), ("x", "--every", "soon", "--", "a")]
)
def test_given_half_a_schedule_when_added_then_nothing_is_written(
    config: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    assert signalbox(monkeypatch, "schedules", "add", *words) in (1, 2)
    assert (config / "a.yaml").read_text() == FILE
