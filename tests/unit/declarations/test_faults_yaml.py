"""Files that are not YAML, or not the YAML that we want."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scheduler_defs.declarations import load
from tests.unit.declarations.yards import lines, load_yard, write_yard

GOOD = "schedules:\n  nightly: {job: log_triage, every: 1d}\n"

CASES = {
    "duplicate key in an entry": (
        "schedules:\n  a:\n    job: log_triage\n    every: 1m\n    every: 2m\n",
        ["a.yaml:5:5: schedules.a.every: the key 'every' is there already, at line 4, column 5"],
    ),
    "same name twice in a file": (
        "schedules:\n  a: {job: log_triage, every: 1m}\n  a: {job: log_triage, every: 2m}\n",
        ["a.yaml:3:3: schedules.a: the key 'a' is there already, at line 2, column 3"],
    ),
    "same kind twice in a file": (
        GOOD + GOOD,
        ["a.yaml:3:1: schedules: the key 'schedules' is there already, at line 1, column 1"],
    ),
    "tab in the indentation": (
        "schedules:\n\tnightly: {job: log_triage, every: 1d}\n",
        ["a.yaml:2:1: tab in the indentation; use spaces"],
    ),
    "tab after spaces": (
        "schedules:\n  a:\n    job: log_triage\n  \tevery: 1d\n",
        ["a.yaml:4:3: tab in the indentation; use spaces"],
    ),
    "bracket left open": (
        "schedules: {a: [1, 2}\n",
        ["a.yaml:1:21: not YAML: did not find expected ',' or ']' while parsing a flow sequence"],
    ),
    "quote left open": (
        'schedules: "a\n',
        ["a.yaml:2:1: not YAML: found unexpected end of stream while scanning a quoted scalar"],
    ),
    "list at the top": (
        "- a\n",
        ["a.yaml:1:1: must be a mapping with keys such as schedules: or jobs:, not a list"],
    ),
    "text at the top": (
        "hello\n",
        ["a.yaml:1:1: must be a mapping with keys such as schedules: or jobs:, not 'hello'"],
    ),
    "list where a mapping belongs": (
        "schedules:\n  - job: log_triage\n    every: 1d\n",
        ["a.yaml:2:3: schedules: must be a mapping of names to schedules, not a list"],
    ),
    "unknown kind": (
        "schedule:\n  a: {job: log_triage, every: 1m}\n",
        ["a.yaml:1:1: schedule: unknown key; did you mean 'schedules'?"],
    ),
    "not UTF-8": (
        "# grün\nschedules: {}\n".encode("latin-1"),
        ["a.yaml:1:5: byte 0xfc is not UTF-8; save the file as UTF-8"],
    ),
    "control character": (
        b"schedules:\n  a: \x07\n",
        ["a.yaml:2:6: not YAML: control characters are not allowed"],
    ),
    "two documents": (
        GOOD + "---\njobs: {}\n",
        ["a.yaml:3:1: a second document begins here; put each into its own file"],
    ),
    "anchor inside itself": (
        "jobs: &a\n  b: *a\n",
        ["a.yaml:2:6: jobs.b: the alias *a stands inside what it stands for"],
    ),
    "alias without anchor": (
        "jobs: *nowhere\n",
        [
            "a.yaml:1:7: jobs: the alias *nowhere has no anchor &nowhere before it; a text that begins with *"
            " needs quotes"
        ],
    ),
    "tag that makes objects": (
        "jobs:\n  a: {command: !!python/object/apply:os.system [id]}\n",
        [
            "a.yaml:2:16: jobs.a.command: the tag tag:yaml.org,2002:python/object/apply:os.system is not"
            " allowed; write a plain value"
        ],
    ),
    "list as a key": (
        "? [a, b]\n: 1\n",
        ["a.yaml:1:3: a key must be one word or text, not a list or a mapping"],
    ),
    "NaN": (
        "limits:\n  a: {key: team, limit: .nan}\n",
        [
            "a.yaml:2:25: limits.a.limit: .nan is not a number that can be compared or stored; quote it if text"
            " is meant"
        ],
    ),
    "infinity": (
        "limits:\n  a: {key: team, limit: -.inf}\n",
        [
            "a.yaml:2:25: limits.a.limit: -.inf is not a number that can be compared or stored; quote it if text"
            " is meant"
        ],
    ),
    "integer of any length": (
        f"limits:\n  a: {{key: team, limit: {'9' * 5000}}}\n",
        [
            f"a.yaml:2:25: limits.a.limit: {'9' * 24} is too large; integers are between"
            " -9223372036854775807 and 9223372036854775807; quote it if text is meant"
        ],
    ),
    "octal": (
        "limits:\n  a: {key: team, limit: 010}\n",
        [
            "a.yaml:2:25: limits.a.limit: must be a whole number, not '010': some read that as octal; write 10,"
            " or 0o10 for octal"
        ],
    ),
    "merge of a text": (
        "schedules:\n  a: {<<: hello, job: log_triage, every: 1m}\n",
        ["a.yaml:2:7: schedules.a: << takes a mapping, or a list of mappings, to merge in"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_given_a_faulty_file_when_loaded_then_one_line_says_where_and_what(
    tmp_path: Path, text: str | bytes, expected: list[str]
) -> None:
    assert lines(load_yard(tmp_path, text)) == expected


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "\n\n"])
def test_given_an_empty_file_when_loaded_then_it_is_named(tmp_path: Path, text: str) -> None:
    # An editor that truncates before it writes must not be taken for somebody who removes all schedules.
    (line,) = lines(load_yard(tmp_path, text))
    assert line.startswith("a.yaml:1:1: the file is empty; write one of schedules:, jobs:,")


def test_given_a_kind_without_entries_when_loaded_then_that_is_no_fault(tmp_path: Path) -> None:
    assert lines(load_yard(tmp_path, "schedules:\njobs:\n")) == []


def test_given_five_megabytes_when_loaded_then_refused_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    result = load_yard(tmp_path, "# filler\n" * 600_000 + GOOD)
    assert lines(result) == ["a.yaml:1:1: the file has 5.4 MB; at most 4 MB: split it"]
    assert time.monotonic() - began < 100


def test_given_an_alias_bomb_when_loaded_then_refused_before_it_goes_off(tmp_path: Path) -> None:
    bomb = "x-a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"x-{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    began = time.monotonic()
    (line,) = lines(load_yard(tmp_path, bomb))
    assert "aliases add more than 100000 values to this file; write them out" in line
    assert time.monotonic() - began < 10


def test_given_a_merge_bomb_when_loaded_then_refused(tmp_path: Path) -> None:
    bomb = "x-a: &a {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}\n"
    bomb += "x-b:\n" + "".join(f"  k{n}: {{<<: *a}}\n" for n in range(200))
    (line,) = lines(load_yard(tmp_path, bomb))
    assert "aliases add more than 100000 values" in line


def test_given_endless_nesting_when_loaded_then_refused(tmp_path: Path) -> None:
    (line,) = lines(load_yard(tmp_path, "[" * 100_000))
    # Newer builds of libyaml look ahead and give up by themselves at 1,000 levels.
    assert line in ("a.yaml:1:41: nested more than 40 deep", "a.yaml:1:1001: nested more than 40 deep")


def test_given_faults_in_three_files_when_loaded_then_all_are_named_in_one_pass(tmp_path: Path) -> None:
    files = {
        "a.yaml": "schedules:\n\ta: b\n",
        "b.yaml": "schedules:\n  b: {job: log_triage, every: 1m, owner: [x]}\n  c: {job: log_triage}\n",
        "c.yml": "limits: 3\n",
    }
    assert lines(load_yard(tmp_path, files)) == [
        "a.yaml:2:1: tab in the indentation; use spaces",
        "b.yaml:2:42: schedules.b.owner: must be text, not a list",
        "b.yaml:3:3: schedules.c: no rule; write one of cron, every, rrule, at, or check_every with when",
        "c.yml:1:9: limits: must be a mapping of names to limits, not '3'",
    ]


def test_given_the_same_name_in_two_files_when_loaded_then_both_places_are_named(tmp_path: Path) -> None:
    result = load_yard(tmp_path, {"a.yaml": GOOD, "b.yaml": "# other\n" + GOOD})
    assert lines(result) == [
        "a.yaml:2:3: schedules.nightly: the name 'nightly' is used again, at config/b.yaml:3:3",
        "b.yaml:3:3: schedules.nightly: the name 'nightly' is taken already, by config/a.yaml:2:3",
    ]
    assert not result.declarations.schedules, "which of the two is meant is not for us to say"


def test_given_no_folder_when_loaded_then_that_is_the_fault(tmp_path: Path) -> None:
    assert lines(load(tmp_path / "config")) == [
        "config:1:1: there are no declarations here: no *.yaml file in this folder"
    ]


def test_given_things_that_are_no_files_when_loaded_then_they_are_named_and_nothing_hangs(
    tmp_path: Path,
) -> None:
    import os

    config = write_yard(
        tmp_path, {"good.yaml": GOOD, ".hidden.yaml": "\t", "notes.txt": "\t", "old.yaml~": "\t"}
    )
    os.mkfifo(config / "pipe.yaml")
    (config / "folder.yaml").mkdir()
    (config / "dangling.yaml").symlink_to(tmp_path / "nowhere")
    assert lines(load(config)) == [
        "dangling.yaml:1:1: cannot be read: No such file or directory",
        "folder.yaml:1:1: is not a file",
        "pipe.yaml:1:1: is not a file",
    ]


def test_given_a_byte_order_mark_when_loaded_then_it_does_not_matter(tmp_path: Path) -> None:
    assert lines(load_yard(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())) == []


def test_given_windows_line_ends_when_loaded_then_positions_hold(tmp_path: Path) -> None:
    text = "schedules:\r\n  a:\r\n    job: log_triage\r\n    every: 90s\r\n"
    (line,) = lines(load_yard(tmp_path, text))
    assert line.startswith("a.yaml:4:12: schedules.a.every: ")
