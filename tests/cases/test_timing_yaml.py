"""YAML as people write it by accident: one line says where the slip is and what to write instead."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_defs import settings
from scheduler_defs.cli.terminal.values import parse_settings
from scheduler_defs.declarations import current
from scheduler_defs.declarations.editing.edit import Editor
from scheduler_defs.declarations.models.declared import Param
from scheduler_defs.errors import UsageError
from tests.unit.declarations.yards import lines, load_yard, write_yard

SCHEDULE = "schedules:\n  s:\n    job: log_triage\n    every: 1d\n"
COMMAND = "jobs:\n  j: {{command: {}}}\n"
PARAMS = {
    "at": Param(name="at"),
    "choice": Param(name="choice", choices=("on", "off")),
    "rows": Param(name="rows", type="integer"),
    "x": Param(name="x", type="number"),
}


@pytest.mark.case("timing-Y01")
@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("at=10:30", "10:30"),
        ("at=2026-01-01", "2026-01-01"),
        ("at=007", "007"),
        ("at=1_000", "1_000"),
        ("at=1.10", "1.10"),
        ("choice=on", "on"),
        ("rows=010", 10),
        ("x=1e3", 1000.0),
    ],
)
def test_given_a_text_that_old_yaml_reads_as_a_number_then_the_parameters_type_decides(
    pair: str, value: object
) -> None:
    found = parse_settings([pair], PARAMS)
    assert found == {pair.partition("=")[0]: value}
    json.dumps(found)


@pytest.mark.case("timing-Y01")
@pytest.mark.parametrize(
    "pair", ["rows=10:30", "rows=1_000", "rows=2026-01-01", "rows=1.10", "x=10:30", "x=1_000"]
)
def test_given_no_number_where_one_is_wanted_then_one_line_says_so(pair: str) -> None:
    with pytest.raises(UsageError, match=r"must be a (whole )?number$") as caught:
        parse_settings([pair], PARAMS)
    assert "\n" not in str(caught.value)


@pytest.mark.case("timing-Y01")
@pytest.mark.parametrize("text", ["10:30", "010", "on", "2026-01-01", "1_000"])
def test_given_a_job_in_python_then_such_a_text_stays_text(text: str) -> None:
    assert parse_settings([f"n={text}"]) == {"n": text}


@pytest.mark.case("timing-Y03")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            SCHEDULE + "\u00a0\u00a0\u00a0\u00a0owner: me\n",
            "5:1: the character U+00A0 (no-break space) in the indentation; use spaces",
        ),
        (
            "schedules:\n  s:\n    job: log_triage\n\u00a0   every: 1d\n    owner: me\n",
            "4:1: the character U+00A0 (no-break space) in the indentation; use spaces",
        ),
        (
            SCHEDULE + "\u3000\u3000owner: me\n",
            "5:1: the character U+3000 (ideographic space) in the indentation; use spaces",
        ),
        (
            SCHEDULE.replace("job: ", "job:\u2003"),
            "3:9: the character U+2003 (em space) where a space is meant; use spaces, or quote the whole text",
        ),
        (
            SCHEDULE.replace("1d", "1d\u00a0# daily"),
            "4:12: schedules.s.every: the character U+00A0 (no-break space) where a space is meant; use spaces,"
            " or quote the whole text",
        ),
        (
            "# one\u2028two\n" + SCHEDULE,
            "1:6: the character U+2028 (line separator) ends a line for some readers of YAML and not for others;"
            r" remove it, or write \L within double quotes",
        ),
        (
            SCHEDULE + "    owner: a\x85b\n",
            "5:13: the character U+0085 (next line) ends a line for some readers of YAML and not for others;"
            r" remove it, or write \N within double quotes",
        ),
    ],
)
def test_given_odd_white_space_then_the_fault_names_it_in_its_own_line(
    tmp_path: Path, text: str, fault: str
) -> None:
    assert f"a.yaml:{fault}" in lines(load_yard(tmp_path, text))


@pytest.mark.case("timing-Y03")
def test_given_odd_white_space_in_quotes_or_inside_a_text_then_it_stays(tmp_path: Path) -> None:
    text = SCHEDULE + '    owner: Ann\u00a0Lee\n    description: "\u00a0a\u3000\\L"\n'
    found = load_yard(tmp_path, text)
    assert lines(found) == []
    schedule = found.declarations.schedules["s"]
    assert (schedule.owner, schedule.description) == ("Ann\u00a0Lee", "\u00a0a\u3000\u2028")


@pytest.mark.case("timing-Y03")
@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_given_the_line_ends_of_any_system_when_a_schedule_is_edited_then_they_stay_alike(
    tmp_path: Path, end: str
) -> None:
    config = write_yard(tmp_path, {"a.yaml": SCHEDULE.replace("\n", end)})
    for edit in (
        Editor(config).add("t", {"job": "log_triage", "every": "2d"}),
        Editor(config).set("s", {"every": "3d", "owner": "me"}),
    ):
        after = edit.after
        assert after.replace(end, "").count("\r") == after.replace(end, "").count("\n") == 0
        assert after.count(end) > SCHEDULE.count("\n")


@pytest.mark.case("timing-Y05")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "schedules:\n  s: {job: log_triage, cron: * * * * *}\n",
            '2:30: a text that begins with * needs quotes: cron: "* * * * *"',
        ),
        (
            "schedules:\n  s:\n    cron: * * * * *\n",
            '3:11: a text that begins with * needs quotes: cron: "* * * * *"',
        ),
        (
            "schedules:\n  s:\n    cron: */5 * * * *  # often\n",
            '3:11: a text that begins with * needs quotes: cron: "*/5 * * * *"',
        ),
        (
            "schedules:\n  s:\n    cron: @daily\n",
            '3:11: a text that begins with @ needs quotes: cron: "@daily"',
        ),
        (
            "schedules:\n  s:\n    cron:\n      - @daily\n",
            '4:9: a text that begins with @ needs quotes: "@daily"',
        ),
        (COMMAND.format("[find, ., -name, *.log]"), '2:33: a text that begins with * needs quotes: "*.log"'),
        (COMMAND.format("[echo, %H]"), '2:23: a text that begins with % needs quotes: "%H"'),
        (COMMAND.format("[echo, `id`]"), '2:23: a text that begins with ` needs quotes: "`id`"'),
        (COMMAND.format("[echo, &, b]"), '2:23: a text that begins with & needs quotes: "&"'),
        (
            "jobs:\n  j:\n    description: |x\n",
            '3:18: a text that begins with | needs quotes: description: "|x"',
        ),
        (
            "jobs:\n  j:\n    description: > x\n",
            '3:18: a text that begins with > needs quotes: description: "> x"',
        ),
        (
            "jobs:\n  j:\n    description: a: b\n",
            "3:18: a text with ': ' in it needs quotes: description: \"a: b\"",
        ),
        (
            "jobs:\n  j: {description: a: b, x: 1}\n",
            "2:20: a text with ': ' in it needs quotes: description: \"a: b\"",
        ),
        (
            "jobs:\n  j:\n    cwd: {state}/x\n",
            '3:10: a text that begins with { and goes on after it needs quotes: cwd: "{state}/x"',
        ),
        ('jobs:\n  j:\n    description: *a "b"\n', None),
    ],
)
def test_given_a_value_that_must_be_quoted_then_the_fault_shows_how(
    tmp_path: Path, text: str, fault: str | None
) -> None:
    (line,) = lines(load_yard(tmp_path, text))
    assert "needs quotes" in line
    if fault is not None:
        assert line == f"a.yaml:{fault}"
        quoted = fault.partition("needs quotes: ")[2]
        assert (
            lines(load_yard(tmp_path, f"x-a: {{{quoted}}}\n" if ": " in quoted[:15] else f"x-a: {quoted}\n"))
            == []
        )


@pytest.mark.case("timing-Y05")
@pytest.mark.parametrize("text", ["!important", "! important"])
def test_given_a_text_that_begins_with_a_tag_then_it_is_not_cut(tmp_path: Path, text: str) -> None:
    (line,) = lines(load_yard(tmp_path, SCHEDULE + f"    owner: {text}\n"))
    assert line.endswith("is not allowed; write a plain value, or quote the text")


@pytest.mark.case("timing-Y06")
def test_given_a_quoted_merge_key_then_it_is_a_key_like_any_other(tmp_path: Path) -> None:
    text = "x-a: &a {priority: 1}\n" + SCHEDULE + "    MERGE: *a\n"
    assert load_yard(tmp_path, text.replace("MERGE", "<<")).declarations.schedules["s"].priority == 1
    for quoted in ("'<<'", '"<<"'):
        (line,) = lines(load_yard(tmp_path, text.replace("MERGE", quoted)))
        assert line.startswith("a.yaml:6:5: schedules.s.<<: unknown key; allowed are")


@pytest.mark.case("timing-Y06")
def test_given_a_merged_entry_when_it_is_edited_then_the_files_first_lines_stay(tmp_path: Path) -> None:
    text = "\n\n# mine\nx-a: &a {job: log_triage}\nschedules:\n  s: {every: 1h, <<: *a}\n"
    config = write_yard(tmp_path, {"a.yaml": text})
    assert Editor(config).set("s", {"every": "2h"}).after == text.replace("1h", "2h")


@pytest.mark.case("timing-Y07")
@pytest.mark.parametrize("sha", ["61e9540", "23e2345", "1e999", "61e95", "0681924019", "0x1F", "1_000"])
def test_given_a_hash_that_looks_like_a_number_where_text_is_wanted_then_it_is_kept(
    tmp_path: Path, sha: str
) -> None:
    job = f"jobs:\n  j: {{command: [printf, '%s', {sha}]}}\n"
    found = load_yard(tmp_path, job + SCHEDULE.replace("log_triage", "j") + f"    tags: {{sha: {sha}}}\n")
    assert lines(found) == []
    command = found.declarations.jobs["j"].command
    assert command is not None
    assert (command[-1], found.declarations.schedules["s"].tags["sha"]) == (sha, sha)


@pytest.mark.case("timing-Y07")
@pytest.mark.parametrize("sha", ["61e9540", "23e2345"])
def test_given_a_hash_beyond_all_numbers_in_config_then_it_is_a_text(tmp_path: Path, sha: str) -> None:
    job = (
        f"jobs:\n  j: {{command: [a, '{{params.sha}}'], params: {{sha: {{type: string, default: {sha}}}}}}}\n"
    )
    found = load_yard(tmp_path, job + SCHEDULE.replace("log_triage", "j") + f"    config: {{sha: {sha}}}\n")
    assert lines(found) == []
    assert found.declarations.schedules["s"].config == {"sha": sha}


@pytest.mark.case("timing-Y07")
@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("61e9540", "'61e9540'"),
        ("0681924019", "'0681924019': some read such numbers as octal; write 681924019"),
        ("017", "'017': some read that as octal; write 17, or 0o17 for octal"),
        ("-007", "'-007': some read such numbers as octal; write -7"),
    ],
)
def test_given_such_a_text_where_a_number_is_wanted_then_the_fault_proposes_what_can_be_written(
    tmp_path: Path, number: str, said: str
) -> None:
    (line,) = lines(load_yard(tmp_path, SCHEDULE + f"    priority: {number}\n"))
    assert line == f"a.yaml:5:15: schedules.s.priority: must be a whole number, not {said}"


@pytest.mark.case("timing-Y07")
@pytest.mark.parametrize("number", [".inf", "9" * 30])
def test_given_what_no_number_holds_then_the_fault_says_to_quote_a_text(tmp_path: Path, number: str) -> None:
    (line,) = lines(load_yard(tmp_path, SCHEDULE + f"    tags: {{sha: {number}}}\n"))
    assert line.endswith("quote it if text is meant")


@pytest.mark.case("timing-Y08")
@pytest.mark.parametrize("below", ["", "config"])
def test_given_a_folder_behind_a_link_when_the_link_is_turned_then_the_new_files_are_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    for name, every in (("one", "1h"), ("two", "2h")):
        folder = tmp_path / "releases" / name / below
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text(f"schedules:\n  s: {{job: log_triage, every: {every}}}\n")
        (folder.parent / "recipes").mkdir(exist_ok=True)
    link = tmp_path / "current"
    link.symlink_to("releases/one")
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(link / below))
    monkeypatch.delenv("SIGNALBOX_RECIPES", raising=False)
    where = settings.settings()
    assert str(where.config) == str(link / below)

    def rule() -> tuple[str, str]:
        found = current(where.config, tmp_path / "state")
        assert found.problems == ()
        return found.declarations.schedules["s"].spec, where.recipes.resolve().parent.name

    before = rule()
    fresh = tmp_path / "fresh"
    fresh.symlink_to("releases/two")
    fresh.replace(link)
    assert (before[0], rule()[0]) == ("every 1h", "every 2h")
    assert (before[1], rule()[1]) == (("one", "two") if below else ("releases", "releases"))


@pytest.mark.case("timing-Y08")
def test_given_a_link_on_the_command_line_then_every_process_gets_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    code = (
        "import os; from pathlib import Path; from scheduler_defs.cli.folders import choose_folders;"
        f"choose_folders(Path({str(tmp_path / 'link')!r}), None); print(os.environ['SIGNALBOX_CONFIG'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == str(tmp_path / "link")
