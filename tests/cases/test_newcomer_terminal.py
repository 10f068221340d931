"""What strangers met at the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler_defs.cli.main import system_said
from scheduler_defs.cli.terminal.output import counted, print_json, print_line, print_record, print_table, say
from scheduler_defs.cli.terminal.values import parse_settings
from scheduler_defs.declarations.models.declared import Param
from scheduler_defs.errors import SignalboxError, UsageError
from scheduler_defs.jobs.commands.params import check_values

ROOT = Path(__file__).parents[2]
EVIL = "\x1b[31mred\x1b]0;pwn\x07 \x9b2J two\nlines \u202e"
SHOWN = r"\x1b[31mred\x1b]0;pwn\x07 \x9b2J two\nlines \u202e"
PARAMS = {
    "text": Param(name="text"),
    "rows": Param(name="rows", type="integer"),
    "share": Param(name="share", type="number"),
    "flag": Param(name="flag", type="boolean"),
    "pick": Param(name="pick", choices=("a", "b")),
    "few": Param(name="few", type="integer", maximum=4),
}


def signalbox(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALBOX_")}
    return subprocess.run(
        [sys.executable, "-m", "scheduler_defs.cli.main", *words],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def on_terminal(code: str, columns: int) -> str:
    """What a program prints on a terminal of this width."""
    main, other = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=other, cwd=ROOT, env={**os.environ, "COLUMNS": str(columns)}
    ) as program:
        os.close(other)
        found = b"".join(_read(main))
        program.wait(60)
    os.close(main)
    return re.sub(r"\x1b\[[0-9;]*m", "", found.decode())


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # its end, on Linux
            return
        if not data:
            return
        yield data


@pytest.mark.case("newcomer-X-set")
@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("text=2026-01-01", "2026-01-01"),
        ("text=x # y", "x # y"),
        ("text=&a b", "&a b"),
        ("text=one\ntwo", "one\ntwo"),
        ("text=12", "12"),
        ("text=1.10", "1.10"),
        ("text=yes", "yes"),
        ("text=null", "null"),
        ("text=a: b", "a: b"),
        ("text=12:30", "12:30"),
        ("text=[1", "[1"),
        ("text=Straße=x", "Straße=x"),
        ("text=", ""),
        ("rows=83", 83),
        ("rows=0123", 123),
        ("share=1", 1),
        ("share=.5", 0.5),
        ("flag=true", True),
    ],
)
def test_given_a_declared_parameter_then_its_type_decides_what_a_text_is(pair: str, value: Any) -> None:
    found = parse_settings([pair], PARAMS)[pair.partition("=")[0]]

    assert found == value
    assert type(found) is type(value)


@pytest.mark.case("newcomer-X-set")
@pytest.mark.parametrize(
    ("pair", "said"),
    [
        *((f"rows={text}", "must be a whole number") for text in ("1:30", "1_0", "1.0", "٣", "", "9" * 5000)),
        *((f"share={text}", "must be a number") for text in ("nan", "Infinity", "x", "")),
        *((f"flag={text}", "must be true or false") for text in ("yes", "TRUE", "1", "")),
        *(
            (pair, "must be between -9223372036854775807 and")
            for pair in ("rows=1" + "0" * 19, "share=-1e400")
        ),
        ("pick=c", "must be one of a, b, not 'c'"),
        ("few=5", "must be at most 4"),
        ("other=1", "no parameter 'other'"),
    ],
)
def test_given_a_text_that_is_not_allowed_then_it_is_refused_before_anything_is_launched(
    pair: str, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        parse_settings([pair], PARAMS)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.case("newcomer-X-set")
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 10**19, 10**400])
def test_given_a_number_that_cannot_be_stored_then_no_door_takes_it(value: float) -> None:
    with pytest.raises(SignalboxError, match="share must be between"):
        check_values({"share": PARAMS["share"]}, {"share": value})


@pytest.mark.case("newcomer-X-set")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-01", "2026-01-01"),
        ("0123", "0123"),
        ("12:30", "12:30"),
        ("yes", "yes"),
        ("3", 3),
        ("[a]", ["a"]),
    ],
)
def test_given_a_job_in_python_then_values_are_what_they_are_in_the_files(text: str, value: Any) -> None:
    found = parse_settings([f"x={text}"])["x"]

    assert found == value
    json.dumps(found)


@pytest.mark.case("newcomer-X-oserror")
def test_given_what_the_system_refuses_then_one_line_says_what_and_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = signalbox("down", "--state", str(tmp_path / "file" / "below"))

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Not a directory" in done.stderr
    assert str(tmp_path / "file") in done.stderr


@pytest.mark.case("newcomer-X-oserror")
@pytest.mark.case("newcomer-I07")
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "x/supervisor.log"), "x/supervisor.log: Permission denied"),
        (OSError(30, "Read-only file system", "config/.x"), "config/.x: Read-only file system"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (OSError(), "OSError"),
    ],
)
def test_given_an_error_of_the_system_then_it_is_one_line(error: OSError, line: str) -> None:
    assert str(system_said(error)) == line
    assert system_said(error).exit_code == 1


@pytest.mark.attack
@pytest.mark.case("attack-e2-terminal")
def test_given_control_characters_from_outside_then_no_terminal_obeys_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("TITLE", "N"), [(EVIL, 1)], empty="")
    print_record({"title": EVIL, "links": [EVIL], "more": {"key": EVIL}})
    print_line(EVIL)
    say(EVIL)
    out, err = capsys.readouterr()

    assert out.count(SHOWN) == 5
    assert not any(ord(character) < 32 and character != "\n" for character in out + err)
    assert not any(0x7F <= ord(character) <= 0x9F or character == "\u202e" for character in out + err)


@pytest.mark.attack
@pytest.mark.case("attack-e2-terminal")
def test_given_control_characters_in_json_then_they_are_escapes_and_mean_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = {"title": EVIL, "half": "\ud800", "good": "Grüße 漢 😀"}
    print_json(document)
    out = capsys.readouterr().out

    assert json.loads(out) == document
    assert "Grüße 漢 😀" in out
    assert not any(ord(character) < 32 or 0x7F <= ord(character) <= 0x9F for character in out.rstrip("\n"))


@pytest.mark.case("newcomer-I01")
@pytest.mark.parametrize("words", [("check", "--json"), ("schedules", "next"), ("schedules", "next", "漢")])
def test_given_a_locale_without_letters_then_texts_are_printed_as_they_are(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "a.yaml").write_text(
        "jobs: {Straße-漢: {command: [x]}}\nschedules: {s: {job: y, every: 1m}}\n"
    )
    ascii_only = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    found = {
        "as usual": signalbox("--config", str(tmp_path), *words),
        "without letters": signalbox("--config", str(tmp_path), *words, **ascii_only),
    }

    said = {name: (done.stdout, done.stderr) for name, done in found.items()}
    assert said["without letters"] == said["as usual"]
    assert "漢" in "".join(said["as usual"])
    assert "Traceback" not in "".join(said["as usual"])


@pytest.mark.case("newcomer-X-table")
def test_given_a_terminal_of_80_columns_then_names_and_states_are_whole() -> None:
    code = (
        "from scheduler_defs.cli.terminal.output import print_table\n"
        "print_table(('COMPONENT','STATE','PID','SINCE','RESTARTS','ADDRESS','DETAIL'), [('worker-runs',"
        "'restarting',12345,'2026-11-29 01:02:03',3,'http://127.0.0.1:3000/and/some/more','word ' * 30)], empty='')"
    )

    lines = on_terminal(code, 80).splitlines()

    assert max(map(len, lines)) <= 80
    assert any(line.startswith("worker-runs  restarting  12345") for line in lines)


@pytest.mark.case("newcomer-X-table")
def test_given_a_narrow_terminal_then_what_up_shows_keeps_names_and_states() -> None:
    code = (
        "import datetime as dt\n"
        "from rich.console import Console\n"
        "from tests.cases.test_newcomer_terminal import starting\n"
        "Console(width=80).print(starting())\n"
    )

    shown = on_terminal(code, 80)

    assert "code-server  starting" in shown
    assert "healthy" in shown


def starting() -> Any:
    """The screen of `up` while the stack starts."""
    from scheduler_defs.stack.health.outlook import Outlook
    from scheduler_defs.stack.machine.record import ComponentRecord, StackRecord, State
    from scheduler_defs.stack.supervising.display import table

    now = "2026-11-29T01:02:03+00:00"
    address = "postgresql+psycopg2://postgres@/signalbox?host=/home/me/yard/.signalbox/run"
    items = [
        ComponentRecord("postgres", State.HEALTHY, 1, None, now, 0, address, ""),
        ComponentRecord("code-server", State.STARTING, 2, None, now, 0, "127.0.0.1:4000", "no: " + "x" * 90),
    ]
    return table(StackRecord("s", 1, now, False, "http://127.0.0.1:3000", {}, tuple(items)), Outlook())


@pytest.mark.case("newcomer-X-show")
def test_given_an_object_then_it_is_shown_as_people_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"queues": ["dev", "qa"], "last_run": {"status": "SUCCESS", "error": None}, "owner": None})

    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]

    assert lines == [["FIELD", "VALUE"], ["queues", "dev, qa"], ["last_run", "status: SUCCESS"]]


@pytest.mark.case("attack-X-wording")
def test_given_one_or_many_then_the_noun_fits() -> None:
    assert [counted(n, "task") for n in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]


@pytest.mark.case("newcomer-X-docs-why")
def test_given_version_then_it_is_said() -> None:
    done = signalbox("--version")

    assert done.stdout.startswith("signalbox 0.")
    assert done.returncode == 0


def test_given_a_half_typed_line_then_commands_and_names_are_proposed() -> None:
    completing = {"_SIGNALBOX_COMPLETE": "complete_bash", "COMP_CWORD": "3"}

    names = signalbox(**completing, COMP_WORDS="signalbox schedules show n").stdout.split()
    jobs = signalbox(**completing, COMP_WORDS="signalbox jobs launch log").stdout.split()

    assert "nightly-census" in names
    assert jobs == ["log_triage"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_given_a_shell_then_its_completion_script_is_printed(shell: str) -> None:
    done = signalbox("completion", shell)

    assert "_SIGNALBOX_COMPLETE" in done.stdout
    assert done.stderr == ""
