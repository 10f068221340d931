"""`signalbox backup --schedule`: declared in the file as a person would have written it."""

import json
from pathlib import Path

import pytest

from scheduler_defs.cli.main import main
from scheduler_defs.declarations import load
from tests.unit.declarations.yards import write_yard

OTHER = "schedules:\n  a: {job: log_triage, every: 1d}  # stays\n"
THERE = """schedules:
  nightly-backup:  # before people come
    job: database_backup
    cron: "30 1 * * *"
    config: {folder: /mnt/old, keep: 14}
"""


def signalbox(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["signalbox", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = write_yard(tmp_path, {"a.yaml": OTHER})
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(config))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    return config / "a.yaml"


@pytest.mark.parametrize(("when", "spec"), [("6h", "every 6h"), ("30 1 * * *", "30 1 * * *")])
def test_given_none_then_one_is_added_and_one_line_says_what_was_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], when: str, spec: str
) -> None:
    assert signalbox(monkeypatch, "backup", "--schedule", when, "--to", "/mnt/backups") == 0
    out, err = capsys.readouterr()
    assert "+    job: database_backup\n" in out
    assert err == f"{file}: changed; backup runs database_backup ({spec}) into /mnt/backups\n"
    assert file.read_text().startswith(OTHER)
    loaded = load(file.parent)
    assert not loaded.problems
    assert loaded.declarations.schedules["backup"].config == {"folder": "/mnt/backups"}


def test_given_one_then_it_gets_the_rule_and_keeps_everything_else(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(THERE)
    assert signalbox(monkeypatch, "backup", "--schedule", "12h", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["name"], document["written"]) == ("nightly-backup", True)
    rule = '    cron: "30 1 * * *"\n'
    assert file.read_text() == THERE.replace(rule, "") + "    every: 12h\n"
    assert signalbox(monkeypatch, "backup", "--schedule", "12h", "--to", "/mnt/new") == 0
    assert "{folder: /mnt/new, keep: 14}" in file.read_text()
    assert "# before people come" in file.read_text()


def test_given_a_dry_run_or_what_cannot_be_then_nothing_is_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert signalbox(monkeypatch, "backup", "--schedule", "6h", "--dry-run") == 0
    assert (
        "would be changed; backup runs database_backup (every 6h) into backups/ in" in capsys.readouterr().err
    )
    assert signalbox(monkeypatch, "backup", "--schedule", "61 1 * * *") == 1
    assert signalbox(monkeypatch, "backup", "--dry-run") == 2
    assert file.read_text() == OTHER
    file.write_text(THERE + "  second: {job: database_backup, every: 1d}\n")
    assert signalbox(monkeypatch, "backup", "--schedule", "6h") == 1
    assert "(nightly-backup, second): change one with `schedules set`" in capsys.readouterr().err
