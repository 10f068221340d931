"""A declared command as a run: what it gets, what it leaves, and what is said when it fails."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Param
from tests.patience import wait_until
from tests.unit.jobs_command.conftest import Place, declared


def test_when_a_command_succeeds_its_run_does_and_carries_its_facts(place: Place) -> None:
    ran = place.run(declared(command=("echo", "hello world")))

    assert ran.succeeded
    assert ran.tags[tags.JOB] == "a-job"
    assert ran.metadata["command"] == "echo 'hello world'"
    assert ran.metadata["page in Signalbox"].startswith("/signalbox/runs/")
    assert ran.metadata["duration_seconds"] < 10
    assert ran.metadata["peak_memory_bytes"] > 1_000_000
    assert ran.printed() == "hello world\n"


def test_when_a_command_fails_the_run_tells_its_exit_code_and_last_lines(place: Place) -> None:
    ran = place.run(
        declared(command=("sh", "-c", "echo fine; seq 30 >&2; echo 'no such table: t' >&2; exit 3"))
    )

    assert not ran.succeeded
    assert ran.error.startswith("exit code 3; last lines:\n22\n")
    assert ran.error.endswith("\n30\nno such table: t")
    assert ran.metadata["exit_code"] == 3
    assert ran.metadata["stdout"] == "fine"
    assert ran.tags[tags.FAILURE] == "exit_code"
    assert ran.tags[tags.EXIT_CODE] == "3"
    assert ran.tags[tags.ERROR] == "exit code 3: no such table: t"


def test_when_a_failing_command_printed_nothing_to_stderr_its_stdout_is_told(place: Place) -> None:
    ran = place.run(declared(command=("sh", "-c", "echo a report; exit 1")))

    assert ran.error == "exit code 1; last lines:\na report"


def test_when_a_command_is_killed_the_signal_is_named(place: Place) -> None:
    ran = place.run(declared(command=("sh", "-c", "kill -KILL $$")))

    assert (
        ran.error == "killed by signal SIGKILL (exit code 137); nothing that it may have printed had arrived"
    )
    assert ran.tags[tags.EXIT_CODE] == "137"


def test_when_the_time_is_up_the_run_says_so(place: Place) -> None:
    command = ("sh", "-c", "echo half way; touch a.txt; sleep 60")
    ran = place.run(declared(command=command, timeout=timedelta(seconds=1), artifacts=("*.txt",)))

    assert ran.error == "timed out after 1 s; last lines:\nhalf way"
    assert ran.tags[tags.FAILURE] == "timeout"
    assert tags.EXIT_CODE not in ran.tags
    assert ran.metadata["artifacts_count"] == 1


def test_when_the_run_may_take_less_time_than_the_job_the_command_is_ended_then(place: Place) -> None:
    job = declared(command=("sleep", "60"), timeout=timedelta(minutes=1))

    ran = place.run(job, tags={tags.MAX_RUNTIME: "1"})

    assert ran.error == "timed out after 1 s; nothing that it may have printed had arrived"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": ("no-such-program-7",)}, "program 'no-such-program-7' is not found on PATH {path}"),
        (
            {"command": ("true",), "cwd": "gone"},
            "working directory '{project}/gone': No such file or directory",
        ),
        (
            {"command": ("true",), "cwd": "../.."},
            "cwd: '../..' leads out of {project}; allowed are folders in it, and absolute paths",
        ),
        (
            {"command": ("true",), "env": ("SIGNALBOX_POSTGRES_URL",)},
            "env: SIGNALBOX_POSTGRES_URL: Signalbox's own database and broker are not passed on",
        ),
    ],
)
def test_when_a_command_cannot_be_started_one_line_says_why(
    place: Place, options: dict[str, object], message: str
) -> None:
    ran = place.run(declared(**options))

    assert ran.error == message.format(project=place.project, path=os.environ["PATH"])
    assert ran.tags[tags.FAILURE] == "error"
    assert ran.tags[tags.ERROR] == ran.error
    wait_until(lambda: not place.scratches())


def test_when_a_parameter_is_out_of_bounds_the_command_does_not_start(place: Place) -> None:
    params = {
        "count": Param(name="count", type="integer", default=3, minimum=1, maximum=5),
        "size": Param(name="size", type="number", maximum=1.5),
    }
    job = declared(command=("touch", str(place.project / "started")), params=params)

    ran = place.run(job, {"count": 9, "size": 2.0})

    assert ran.error == "config: count must be at most 5, not 9; size must be at most 1.5, not 2.0"
    assert not (place.project / "started").exists()


def test_when_values_fill_arguments_no_shell_sees_them(place: Place) -> None:
    params = {
        "text": Param(name="text"),
        "flag": Param(name="flag", type="boolean", default=True),
        "n": Param(name="n", type="integer", default=7),
    }
    argv = (
        "printf",
        "%s|",
        "{params.text}",
        "n={params.n}",
        "{params.flag}",
        "{run.id}",
        "{schedule}",
        "{ x }",
    )

    ran = place.run(
        declared(command=argv, params=params),
        {"text": "$(id); {params.n} *"},
        tags={tags.SCHEDULE: "nightly"},
    )

    assert ran.printed() == f"$(id); {{params.n}} *|n=7|true|{ran.run_id}|nightly|{{ x }}|"


def test_when_a_command_has_no_cwd_it_runs_in_a_fresh_folder_that_is_removed(place: Place) -> None:
    first = place.run(declared(command=("sh", "-c", "pwd; ls -A; touch left")))
    second = place.run(declared(command=("sh", "-c", "pwd; ls -A; mkdir -p a/b; chmod 0 a")))

    assert first.printed() != second.printed()
    assert len(second.printed().splitlines()) == 1
    wait_until(lambda: not place.scratches())


def test_when_a_command_has_a_relative_cwd_it_is_below_the_project(place: Place) -> None:
    (place.project / "scripts").mkdir()

    ran = place.run(declared(command=("pwd",), cwd="scripts"))

    assert ran.printed() == f"{place.project}/scripts\n"


def test_when_a_cwd_is_a_link_that_leads_out_of_the_project_it_is_refused(place: Place) -> None:
    (place.project / "link").symlink_to("/")

    ran = place.run(declared(command=("pwd",), cwd="link"))

    assert ran.error.startswith("cwd: 'link' leads out of")


def test_when_variables_are_listed_only_they_are_passed_and_never_repeated(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "tok-123456")
    monkeypatch.setenv("OTHER", "not listed")
    script = "env; echo failed with $API_TOKEN >&2; exit 1"

    ran = place.run(declared(command=("sh", "-c", script), env=("API_TOKEN", "UNSET_VARIABLE")))

    names = {line.partition("=")[0] for line in ran.printed().splitlines()}
    assert "API_TOKEN" in names
    assert not names & {"OTHER", "SIGNALBOX_POSTGRES_URL", "SIGNALBOX_BROKER_URL", "DAGSTER_HOME"}
    assert ran.error == "exit code 1; last lines:\nfailed with ***"
    stored = "\n".join(record.to_json() for record in place.instance.all_logs(ran.run_id)) + str(ran.run)
    assert "tok-123456" not in stored
    assert "s3cr3t-password" not in stored
    assert "env: not set in the worker: UNSET_VARIABLE" in ran.logged()


def test_when_a_run_is_under_a_directive_the_command_reads_the_snapshot(place: Place) -> None:
    directive = {"name": "careful", "digest": "ab" * 32, "text": "# Take care\nof ä"}
    script = 'cat "$SIGNALBOX_DIRECTIVE_FILE"; rm "$SIGNALBOX_DIRECTIVE_FILE"'

    ran = place.run(declared(command=("sh", "-c", script)), {"directive": directive})

    assert ran.printed() == "# Take care\nof ä"
    assert ran.metadata["directive"] == "careful@abababababab"
    assert ran.metadata["directive_text"] == directive["text"]
    kept = place.state / "artifacts" / ran.run_id / "directive.md"
    assert kept.read_text() == directive["text"]


def test_when_artifacts_are_named_they_are_kept_and_listed(place: Place) -> None:
    (place.project / "old.json").write_text("from another run")
    (place.project / "secret").symlink_to("/etc/passwd")
    script = (
        "mkdir -p out/deep; echo 12345 > out/deep/a.json; echo 1 > b.json; ln -s b.json c.json;"
        'ln -s /etc/passwd out/d.json; mkfifo out/e.json; echo direct > "$SIGNALBOX_ARTIFACTS/f.txt"'
    )

    ran = place.run(declared(command=("sh", "-c", script), cwd=".", artifacts=("**/*.json", "secret")))

    folder = place.state / "artifacts" / ran.run_id
    kept = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert kept == {"out/deep/a.json": "12345\n", "b.json": "1\n", "c.json": "1\n", "f.txt": "direct\n"}
    assert ran.metadata["artifacts_count"] == 4
    assert ran.metadata["artifacts_bytes"] == 6 + 2 + 2 + 7
    listed = {record.data["path"]: record.data["bytes"] for record in ran.metadata["artifacts"]}
    assert listed["out/deep/a.json"] == 6
    assert "artifact not kept: out/e.json: not a regular file" in ran.logged()
    leads_out = "a symbolic link that leads out of the working directory"
    assert {line for line in ran.logged() if leads_out in line} == {
        f"artifact not kept: out/d.json: {leads_out}",
        f"artifact not kept: secret: {leads_out}",
    }


def test_when_no_file_matches_the_artifacts_a_warning_says_so(place: Place) -> None:
    ran = place.run(declared(command=("true",), artifacts=("*.json", "out")))

    assert ran.succeeded
    assert ran.logged() == ["no file matches artifacts: *.json, out"]


def test_when_artifacts_cannot_be_stored_the_run_fails_and_says_so(place: Place) -> None:
    # Where the artifact should go there is a folder already: the same OSError as a full disk.
    script = 'mkdir "$SIGNALBOX_ARTIFACTS/a.txt"; touch a.txt'

    ran = place.run(declared(command=("sh", "-c", script), artifacts=("*.txt",)))

    assert not ran.succeeded
    assert ran.error.startswith("artifacts could not be kept: [Errno 21] Is a directory")


def test_when_a_command_speaks_pipes_its_messages_are_logs_metadata_and_materializations(
    place: Place,
) -> None:
    code = """
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    pipes.log.warning(f"retry {pipes.retry_number} with {pipes.extras['params']['n']}")
    pipes.report_custom_message({"rows": 12, "source": "a.csv"})
    pipes.report_custom_message("half way")
    pipes.report_asset_materialization(asset_key="table", metadata={"rows": 12})
"""
    job = declared(
        command=(sys.executable, "-c", code), params={"n": Param(name="n", type="integer", default=4)}
    )

    ran = place.run(job)

    assert ran.succeeded
    assert "retry 0 with 4" in ran.logged()
    assert (ran.metadata["rows"], ran.metadata["source"]) == (12, "a.csv")
    assert ran.metadata["messages"] == ["half way"]
    (materialized,) = ran.of(dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert materialized.asset_key == dg.AssetKey("table")


def test_when_pipes_messages_are_garbage_the_run_does_not_suffer(place: Place) -> None:
    code = """
import os
from dagster_pipes import decode_param
path = decode_param(os.environ["DAGSTER_PIPES_MESSAGES"])["path"]
open(path, "ab").write(b'\\xff\\xfe not json\\n{"method": "nonsense", "params": {}}\\n{"half')
"""
    ran = place.run(declared(command=(sys.executable, "-c", code)))

    assert ran.succeeded
    assert len([line for line in ran.logged() if line.startswith("[pipes] unreadable message: ")]) == 2


def test_when_a_command_does_not_speak_pipes_nothing_is_logged_about_it(place: Place) -> None:
    ran = place.run(declared(command=("true",)))

    assert ran.logged() == []


def test_when_output_is_binary_and_long_the_failure_is_readable(place: Place) -> None:
    script = "head -c 3000000 /dev/zero; head -c 100000 /dev/urandom; printf '\\n\\0\\033[31mred\\n'; exit 1"

    ran = place.run(declared(command=("sh", "-c", script)))

    assert ran.error.endswith("\nred")
    assert len(ran.error) < 6000
    assert ran.tags[tags.ERROR] == "exit code 1: red"
    assert "\0" not in ran.error


def test_when_the_run_is_interrupted_the_command_is_ended_and_its_folder_removed(place: Place) -> None:
    started = place.project / "started"
    script = f"trap 'touch {place.project}/cleaned; exit' TERM; sleep 60 & touch {started}; wait"
    job = declared(command=("sh", "-c", script))

    def interrupt() -> None:
        while not started.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    began = time.monotonic()
    ran = place.run(job)
    thread.join()

    assert not ran.succeeded
    assert time.monotonic() - began < 10
    wait_until((place.project / "cleaned").exists)
    wait_until(lambda: not place.scratches())


def test_when_a_command_needs_the_project_a_placeholder_names_it(place: Place) -> None:
    (place.project / "hello.py").write_text("print('hello')")

    ran = place.run(declared(command=("python3", "{project}/hello.py", "{state}")))

    assert ran.printed() == "hello\n"
    assert ran.metadata["command"] == f"python3 {place.project}/hello.py {place.state}"
    assert Path(place.project, "hello.py").exists()
