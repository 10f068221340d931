"""What once went wrong with a declared command: its arguments, its time, and what is said about its end."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Job, Param
from scheduler_defs.execution.guard.guard import run_guarded
from scheduler_defs.execution.guard.starting import NotStartedError, Start
from scheduler_defs.jobs.commands.running.output import CommandOutput, hide
from scheduler_defs.jobs.commands.steps_job import build_steps_job
from tests.unit.jobs_command.conftest import Place, declared, step

KEY = "-----BEGIN\nabcdef123456\n-----END"
PIPES = "from dagster_pipes import open_dagster_pipes as opened\nimport os, sys, time\n"


def piped(code: str, **options: Any) -> Job:
    """A job of a program that speaks Pipes."""
    return declared(command=(sys.executable, "-c", PIPES + code), **options)


@pytest.mark.case("commands-X-tail")
@pytest.mark.parametrize(
    ("code", "artifacts", "summary"),
    [
        ("print('fatal disk full'); sys.exit(3)", ("*.csv",), "exit code 3: fatal disk full"),
        (
            "print('fatal disk full', file=sys.stderr)\n"
            "with opened() as pipes: pipes.log.info('closing')\n"
            "sys.exit(3)",
            (),
            "exit code 3: fatal disk full",
        ),
        (
            "with opened() as pipes:\n time.sleep(0.8)\n raise RuntimeError('disk full on /srv')",
            (),
            "exit code 1: RuntimeError: disk full on /srv",
        ),
    ],
)
def test_given_a_failed_command_then_its_own_last_line_is_told_and_not_one_of_ours(
    place: Place, code: str, artifacts: tuple[str, ...], summary: str
) -> None:
    ran = place.run(piped(code, artifacts=artifacts))

    assert ran.tags[tags.ERROR] == summary
    assert "dagster - " not in ran.error


@pytest.mark.case("commands-C06")
def test_given_a_program_that_is_not_there_then_the_path_that_was_searched_is_told(place: Place) -> None:
    ran = place.run(declared(command=("my_tool",)))

    assert ran.error == f"program 'my_tool' is not found on PATH {os.environ['PATH']}"


@pytest.mark.case("commands-C09")
def test_given_arguments_too_long_for_the_system_then_the_first_such_argument_is_named(place: Place) -> None:
    params = {"text": Param(name="text")}

    ran = place.run(declared(command=("wc", "{params.text}"), params=params), {"text": "x" * 140_000})

    assert ran.error == "program 'wc': argument 1 has 140,000 bytes (at most 131,071)"
    assert ran.tags[tags.FAILURE] == "error"


@pytest.mark.case("commands-C09")
def test_given_many_long_arguments_then_the_events_of_the_run_stay_small(place: Place) -> None:
    params = {"a": Param(name="a")}

    ran = place.run(declared(command=("true", *["{params.a}"] * 12), params=params), {"a": "x" * 100_000})

    assert ran.succeeded
    assert len(ran.metadata["command"]) <= 4000
    assert ran.metadata["command"].startswith("true xxx")


@pytest.mark.case("commands-C09")
def test_given_variables_too_long_for_the_system_then_the_variable_is_named() -> None:
    start = Start(["true"], {"BIG": "y" * 140_000}, None)

    assert start.why_not("exec", 7) == "program 'true': variable BIG has 140,004 bytes (at most 131,071)"


@pytest.mark.case("commands-C10")
def test_given_a_secret_of_several_lines_then_no_line_of_it_is_repeated(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", KEY)
    monkeypatch.setenv("TOKEN", "s3cr3tvalue\n")
    script = 'echo "$KEY" | tail -n 2 >&2; echo "token" $TOKEN rejected >&2; exit 3'

    ran = place.run(declared(command=("sh", "-c", script), env=("KEY", "TOKEN")))

    assert ran.error == "exit code 3; last lines:\n***\n***\ntoken *** rejected"
    stored = "\n".join(record.to_json() for record in place.instance.all_logs(ran.run_id)) + str(ran.run)
    assert "abcdef123456" not in stored
    assert "s3cr3tvalue" not in stored


@pytest.mark.case("commands-C10")
def test_given_a_secret_printed_as_one_line_then_its_lines_are_hidden() -> None:
    assert hide(repr(KEY), [KEY]) == "'***'"
    assert hide("flag e of no", ["e", "no"]) == "flag e of no"


@pytest.mark.case("commands-C10")
@pytest.mark.parametrize("shift", range(0, 60, 7))
def test_given_a_secret_that_the_tail_cuts_in_two_then_no_half_of_it_is_shown(
    tmp_path: Path, shift: int
) -> None:
    secret = "0123456789abcdefghijklmnopqrstuvwxyz"
    with (tmp_path / "log").open("ab", buffering=0) as log, CommandOutput(log.fileno(), log.fileno()) as out:
        os.write(out.stdout, b"x" * 100 + secret.encode() + b"-" * (16 * 1024 - shift + 4 * len(secret)))
        (line,) = out.tail([secret]).lines

    assert not any(secret[n : n + 6] in line for n in range(len(secret) - 6))


@pytest.mark.case("commands-C13")
def test_given_a_python_program_that_is_ended_then_what_it_printed_before_is_there(place: Place) -> None:
    job = place.python("import time; print('first'); time.sleep(60)", timeout=timedelta(seconds=3))

    ran = place.run(job)

    assert ran.printed() == "first\n"
    assert ran.error == "timed out after 3 s; last lines:\nfirst"


@pytest.mark.case("commands-C13")
def test_given_a_program_that_keeps_its_output_to_itself_then_nobody_says_that_it_printed_nothing(
    place: Place,
) -> None:
    code = "import sys, time; sys.stdout = open(1, 'w', 8192, closefd=False); print('kept'); time.sleep(60)"

    ran = place.run(place.python(code, timeout=timedelta(seconds=2)))

    assert ran.error == "timed out after 2 s; nothing that it may have printed had arrived"


@pytest.mark.case("commands-R05")
@pytest.mark.case("commands-R06")
@pytest.mark.parametrize("tag", [None, "abc", "2h", "0", "nan", "-1", "inf", "1e15"])
def test_given_no_usable_time_limit_in_the_tags_then_a_job_with_steps_keeps_its_own(
    place: Place, tag: str | None
) -> None:
    steps = {"a": step("a", command=("sleep", "1")), "b": step("b", "a", command=("sleep", "60"))}
    job = build_steps_job(declared(steps=steps, command=None, timeout=timedelta(seconds=3)))
    began = time.monotonic()

    ran = place.run(job, tags={} if tag is None else {tags.MAX_RUNTIME: tag})

    assert time.monotonic() - began < 30
    assert ran.tags[tags.FAILURE] == "timeout"


@pytest.mark.case("commands-C05")
def test_given_half_a_character_in_an_argument_then_one_line_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(NotStartedError, match="lone surrogate"):
        run_guarded(["echo", "\ud800"], env={"PATH": os.environ["PATH"]})


@pytest.mark.case("newcomer-I01")
def test_given_any_locale_then_arguments_are_utf_8_and_inherited_variables_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("latin-1"))
    monkeypatch.setitem(os.environ, "HOME", "/home/jürgen")

    start = Start(["echo", "ÄÖÜ-ß-漢"], {"HOME": "/home/jürgen", "SIGNALBOX_SCHEDULE": "漢"}, None)

    assert start.arguments() == [b"echo", "ÄÖÜ-ß-漢".encode()]
    assert start.variables() == {
        b"HOME": "/home/jürgen".encode("latin-1"),
        b"SIGNALBOX_SCHEDULE": "漢".encode(),
    }


def test_given_output_of_ours_while_a_command_runs_then_it_is_not_in_the_commands_output(
    place: Place,
) -> None:
    code = "with opened() as pipes:\n pipes.log.info('ours')\n time.sleep(1)\n print('its own')"

    ran = place.run(piped(code))

    assert ran.printed() == "its own\n"
    assert "ours" in ran.logged()
