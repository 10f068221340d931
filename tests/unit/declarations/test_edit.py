"""Editing schedules in their files: what was asked for, and nothing else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from scheduler_defs.declarations import load
from scheduler_defs.declarations.editing.edit import Edit, Editor, parse_value
from scheduler_defs.errors import SignalboxError
from tests.unit.declarations.yards import lines, write_yard

FILE = """\
# Our schedules.   Spacing like   this is ours, too.
defaults:   {timezone: UTC}

schedules:
    # every morning
    morning:   # said by the boss
        job:   log_triage
        cron: "0 6 * * *"   # before the shift
        tags:
            team: ops
        notify:
          - log
    short: {job: log_triage,   every: 10m}

    # nobody knows why
    # but it is needed
    last:
        job: log_triage
        every: 1d
        description: >
            two
            lines

alerts:
  channels: {log: {type: log}}
"""


def changed_lines(edit: Edit) -> list[str]:
    """Lines that went (-) and came (+)."""
    return [
        line for line in edit.diff.splitlines() if line[:1] in "+-" and not line.startswith(("+++", "---"))
    ]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_yard(tmp_path, {"a.yaml": FILE})


def test_given_a_key_when_set_then_only_its_line_changes(config: Path) -> None:
    edit = Editor(config).set("last", {"every": "2d"})
    assert changed_lines(edit) == ["-        every: 1d", "+        every: 2d"]
    edit.write()
    result = load(config)
    assert lines(result) == []
    assert result.declarations.schedules["last"].spec == "every 2d"


def test_given_an_entry_with_comments_when_set_then_they_stay(config: Path) -> None:
    edit = Editor(config).set("morning", {"priority": 5, "enabled": False})
    assert "# said by the boss" in edit.after and "# before the shift" in edit.after
    assert [line for line in changed_lines(edit) if "priority" in line or "enabled" in line] == [
        "+        priority: 5",
        "+        enabled: false",
    ]
    edit.write()
    schedule = load(config).declarations.schedules["morning"]
    assert (schedule.priority, schedule.enabled, schedule.notify) == (5, False, ("log",))


def test_given_the_value_that_is_there_when_set_then_nothing_changes(config: Path) -> None:
    edit = Editor(config).set("morning", {"job": "log_triage", "tags.team": "ops"})
    assert not edit.changed and edit.diff == ""


def test_given_a_path_when_set_then_it_leads_into_mappings(config: Path) -> None:
    edit = Editor(config).set(
        "short", {"retries.max_attempts": 3, "tags.team": "red", "config": {"max_groups": 5}}
    )
    edit.write()
    schedule = load(config).declarations.schedules["short"]
    assert schedule.retries is not None and schedule.retries.max_attempts == 3
    assert (schedule.tags, schedule.config) == ({"team": "red"}, {"max_groups": 5})
    assert len(changed_lines(edit)) == 2, "an entry on one line stays on one line"


def test_given_another_rule_when_set_then_it_takes_the_place_of_the_old_one(config: Path) -> None:
    editor = Editor(config)
    editor.set("morning", {"every": "1h"}).write()
    assert load(config).declarations.schedules["morning"].kind == "every"
    when = {"subject": "env:X", "op": "exists"}
    editor.set("morning", {"check_every": "5m", "when": when, "cooldown": "1h"}).write()
    assert load(config).declarations.schedules["morning"].kind == "conditional"
    editor.set("morning", {"at": ["2099-01-01T00:00", "2099-01-02"]}).write()
    result = load(config)
    assert lines(result) == []
    assert result.declarations.schedules["morning"].kind == "at"


def test_given_none_when_set_then_the_key_is_taken_away(config: Path) -> None:
    edit = Editor(config).set("morning", {"notify": None, "tags.team": None, "owner": None})
    edit.write()
    schedule = load(config).declarations.schedules["morning"]
    assert (schedule.notify, schedule.tags) == ((), {})


def test_given_a_new_schedule_when_added_then_it_comes_last_and_the_rest_stays(config: Path) -> None:
    edit = Editor(config).add(
        "new-one",
        {"job": "log_triage", "cron": "*/5 * * * *", "retries": {"max_attempts": 2}, "at": None}
        | {"tags": {"version": "1.10", "yes": "yes"}},
    )
    assert sorted(changed_lines(edit)) == sorted(
        [
            "+",
            "+    new-one:",
            "+        job: log_triage",
            "+        cron: '*/5 * * * *'",
            "+        retries: {max_attempts: 2}",
            "+        tags: {version: '1.10', yes: yes}",
        ]
    )
    assert edit.after.index("new-one") < edit.after.index("alerts:")
    edit.write()
    result = load(config)
    assert lines(result) == []
    assert list(result.declarations.schedules) == ["morning", "short", "last", "new-one"]


@pytest.mark.parametrize(
    "text",
    [
        "schedules:\n",
        "schedules: {}\n",
        "schedules: {a: {job: log_triage, every: 1d}}\n",
        "jobs: {}\n",
        "jobs: {}",
        "schedules:\n- a\n",
    ],
)
def test_given_any_shape_of_file_when_added_then_it_is_there_or_refused(tmp_path: Path, text: str) -> None:
    config = write_yard(tmp_path, {"a.yaml": text})
    if "- a" in text:
        with pytest.raises(SignalboxError, match="is not a mapping; mend the file first"):
            Editor(config).add("b", {"job": "log_triage", "every": "1d"}, file="a.yaml")
        return
    Editor(config).add("b", {"job": "log_triage", "every": "1d"}, file="a.yaml").write()
    result = load(config)
    assert lines(result) == []
    assert "b" in result.declarations.schedules


def test_given_no_file_yet_when_added_then_one_is_made(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    edit = Editor(config).add("a", {"job": "log_triage", "every": "1d"})
    assert edit.diff.startswith("--- /dev/null\n+++ config/schedules.yaml\n")
    edit.write()
    assert (config / "schedules.yaml").read_text() == (
        "# yaml-language-server: $schema=../docs/schemas/schedules.json\n\n"
        "schedules:\n  a:\n    job: log_triage\n    every: 1d\n"
    )
    assert lines(load(config)) == []


def test_given_a_schedule_when_removed_then_its_comment_goes_with_it_and_the_others_stay(
    config: Path,
) -> None:
    editor = Editor(config)
    edit = editor.remove("last")
    assert sorted(changed_lines(edit)) == sorted(
        [
            "-",
            "-    # nobody knows why",
            "-    # but it is needed",
            "-    last:",
            "-        job: log_triage",
            "-        every: 1d",
            "-        description: >",
            "-            two",
            "-            lines",
        ]
    )
    edit.write()
    editor.remove("short").write()
    assert "# every morning" in (config / "a.yaml").read_text()
    editor.remove("morning").write()
    result = load(config)
    assert lines(result) == []
    assert not result.declarations.schedules


def test_given_a_schedule_added_and_removed_when_compared_then_the_file_is_as_before(config: Path) -> None:
    editor = Editor(config)
    editor.add("x", {"job": "log_triage", "every": "1d"}).write()
    editor.remove("x").write()
    assert (config / "a.yaml").read_text() == FILE


def test_given_all_on_one_line_when_edited_then_it_works_all_the_same(tmp_path: Path) -> None:
    text = "# one line\nschedules: {a: {job: log_triage, every: 1d}, b: {job: log_triage, every: 1d}} # yes\n"
    config = write_yard(tmp_path, {"a.yaml": text})
    editor = Editor(config)
    editor.set("a", {"every": "2d"}).write()
    editor.remove("b").write()
    text = " ".join((config / "a.yaml").read_text().split())
    assert text == "# one line schedules: {a: {job: log_triage, every: 2d}} # yes"


def test_given_an_alias_when_set_then_it_stays_one(tmp_path: Path) -> None:
    text = "x-o: &often {every: 5m}\nschedules:\n  a:\n    <<: *often\n    job: log_triage\n"
    config = write_yard(tmp_path, {"a.yaml": text})
    Editor(config).set("a", {"priority": 3}).write()
    assert "<<: *often" in (config / "a.yaml").read_text()
    assert load(config).declarations.schedules["a"].priority == 3


def test_given_windows_line_ends_when_set_then_they_stay(tmp_path: Path) -> None:
    text = "schedules:\r\n  a:\r\n    job: log_triage\r\n    every: 1d\r\n"
    config = write_yard(tmp_path, {"a.yaml": text})
    Editor(config).set("a", {"every": "2d"}).write()
    assert (config / "a.yaml").read_bytes() == text.replace("1d", "2d").encode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"every": "90s"}, "schedules.morning.every: '90s' is not a whole number of minutes"),
        ({"job": "nope"}, "schedules.morning.job: there is no job 'nope'"),
        ({"evry": "1d"}, "schedules.morning.evry: unknown key; did you mean 'every'?"),
        ({"cron": None}, "schedules.morning: no rule"),
        ({"job": None}, "schedules.morning: the key 'job' is missing"),
    ],
)
def test_given_a_fault_when_set_then_nothing_is_written(
    config: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(SignalboxError, match="nothing was written, because of:") as caught:
        Editor(config).set("morning", changes)
    assert message in str(caught.value)
    assert (config / "a.yaml").read_text() == FILE


def test_given_a_fault_elsewhere_when_set_then_it_is_no_hindrance(config: Path) -> None:
    write_yard(config.parent, {"b.yaml": "jobs:\n  broken: {command: text}\n"})
    Editor(config).set("last", {"every": "2d"}).write()
    assert "every: 2d" in (config / "a.yaml").read_text()


def test_given_names_that_do_not_fit_when_edited_then_said_why(config: Path) -> None:
    editor = Editor(config)
    with pytest.raises(SignalboxError, match="no schedule 'mornin' is declared in config/; did you mean"):
        editor.set("mornin", {"every": "1d"})
    with pytest.raises(SignalboxError, match="no schedule 'x' is declared"):
        editor.remove("x")
    with pytest.raises(SignalboxError, match="there is a schedule 'last' already"):
        editor.add("last", {"job": "log_triage", "every": "1d"})
    with pytest.raises(SignalboxError, match="bad name 'a b'"):
        editor.add("a b", {"job": "log_triage", "every": "1d"})
    with pytest.raises(SignalboxError, match="are the same name in Dagster"):
        write_yard(config.parent, {"b.yaml": "schedules:\n  a-b: {job: log_triage, every: 1d}\n"})
        editor.add("a_b", {"job": "log_triage", "every": "1d"})
    for file in ("../x.yaml", "x.txt", ".x.yaml"):
        with pytest.raises(SignalboxError, match="is not the name of a YAML file in config/"):
            editor.add("new", {"job": "log_triage", "every": "1d"}, file=file)


def test_given_a_file_that_changed_meanwhile_when_written_then_refused(config: Path) -> None:
    edit = Editor(config).set("last", {"every": "2d"})
    (config / "a.yaml").write_text(FILE + "# newer\n")
    with pytest.raises(SignalboxError, match="has been changed meanwhile; nothing was written"):
        edit.write()
    assert (config / "a.yaml").read_text() == FILE + "# newer\n"
    assert [each.name for each in config.iterdir()] == ["a.yaml"]


def test_given_a_link_and_a_mode_when_written_then_both_stay(tmp_path: Path) -> None:
    config = write_yard(tmp_path, {})
    real = tmp_path / "real.yaml"
    real.write_text(FILE)
    real.chmod(0o640)
    (config / "a.yaml").symlink_to(real)
    Editor(config).set("last", {"every": "2d"}).write()
    assert (config / "a.yaml").is_symlink() and "every: 2d" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1.5", 1.5),
        ("true", True),
        ("", None),
        ("10m", "10m"),
        ("*/5 * * * *", "*/5 * * * *"),
        ("2026-12-31T23:00", "2026-12-31T23:00"),
        ("[a, 1]", ["a", 1]),
        ("{max_attempts: 3}", {"max_attempts": 3}),
        ("'3'", "3"),
        ("a: b", "a: b"),
    ],
)
def test_given_a_word_of_a_command_line_when_parsed_then_it_is_what_it_would_be_in_the_file(
    text: str, value: object
) -> None:
    assert parse_value(text) == value


def test_given_the_example_yard_when_each_schedule_is_edited_then_only_its_lines_change(
    tmp_path: Path,
) -> None:
    from scheduler_defs.settings import PROJECT_ROOT

    files = {path.name: path.read_bytes() for path in (PROJECT_ROOT / "config").glob("*.yaml")}
    config = write_yard(tmp_path, files)
    editor = Editor(config, recipes=PROJECT_ROOT / "recipes")
    for name in load(config, recipes=PROJECT_ROOT / "recipes").declarations.schedules:
        assert 1 <= len(changed_lines(editor.set(name, {"priority": 77}))) <= 2, name
