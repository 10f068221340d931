"""What a command says about its run and its files: never more than is its to say, never what nobody can read."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path, PurePosixPath
from typing import Any

import dagster as dg
import pytest

from scheduler_defs.agents.working.report import read_report
from scheduler_defs.declarations.models.declared import Job
from scheduler_defs.execution.failure import one_line
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from scheduler_defs.jobs.commands.artifacts.globs import Glob
from scheduler_defs.jobs.commands.artifacts.keep import keep
from scheduler_defs.jobs.commands.pipes.messages import MOST_MESSAGES
from scheduler_defs.jobs.commands.pipes.metadata import harmless
from scheduler_defs.text import storable, storable_json
from tests.unit.jobs_command.conftest import Place, declared

PIPES = "from dagster_pipes import open_dagster_pipes as opened\nimport os, sys, time\n"


def piped(code: str, **options: Any) -> Job:
    """A job of a program that speaks Pipes."""
    return declared(command=(sys.executable, "-c", PIPES + code), **options)


@pytest.mark.case("commands-C05")
def test_given_pipes_messages_that_nobody_could_store_then_they_are_stored_with_a_mark(place: Place) -> None:
    code = (
        "with opened() as pipes:\n"
        " pipes.log.info('log \\ud800')\n"
        " pipes.report_custom_message({'key\\ud800': 'value \\udfff', 'nul': 'a\\0b'})\n"
        " pipes.report_asset_materialization(asset_key='a', metadata={'m': 'x\\ud800'})\n"
    )

    ran = place.run(piped(code))

    assert "log \ufffd" in ran.logged()
    assert ran.metadata["key\ufffd"] == "value \ufffd"
    assert ran.metadata["nul"] == "a\ufffdb"
    "".join(record.to_json() for record in place.instance.all_logs(ran.run_id)).encode()


@pytest.mark.case("commands-C05")
def test_given_a_file_name_that_is_no_text_then_what_is_said_of_it_is(place: Place) -> None:
    code = "import os; os.symlink('/etc/passwd', b'caf\\xe9'); open(b'caf\\xe8', 'w').close()"

    ran = place.run(place.python(code, artifacts=("*",)))

    assert ran.succeeded
    assert [row.data["path"] for row in ran.metadata["artifacts"]] == ["caf\ufffd"]
    (line,) = [line for line in ran.logged() if line.startswith("artifact not kept")]
    assert line == ("artifact not kept: caf\ufffd: a symbolic link that leads out of the working directory")


@pytest.mark.attack
@pytest.mark.case("commands-C05")
@pytest.mark.parametrize(
    "document",
    [
        {"status": "complete", "result": {"log": "a\0b"}},
        {"status": "failed", "reason": "a\ud800b"},
        {"status": "retry", "comments": ["a\0b"]},
    ],
)
def test_given_an_agents_report_with_nul_or_half_characters_then_it_counts(
    tmp_path: Path, document: dict[str, object]
) -> None:
    (tmp_path / "report.json").write_text(json.dumps(document))

    found = [read_report(tmp_path / "report.json", {}), read_report(tmp_path / "none", {"task": document})]

    for report in found:
        assert report.status == document["status"]
        assert not report.fault
        said = json.dumps([report.result, report.reason, report.comments], ensure_ascii=False)
        assert "a\ufffdb" in said


@pytest.mark.case("commands-C05")
def test_given_such_texts_from_any_code_then_events_and_tags_are_readable(
    postgres_url: str,
) -> None:
    storage = SignalboxStorage(postgres_url)
    run = dg.DagsterRun(job_name="j", tags={"team": "a\0b", "half": "\ud800"})
    storage.run_storage.add_run(run)
    storage.run_storage.add_run_tags(run.run_id, {"later": "c\0d\udfff"})
    entry = dg.EventLogEntry(
        error_info=None,
        level=20,
        user_message="\ud83d \ud83d\ude00 \\ud83d",
        run_id=run.run_id,
        timestamp=time.time(),
    )
    storage.event_log_storage.store_event(entry)

    (stored,) = storage.run_storage.get_runs(dg.RunsFilter(run_ids=[run.run_id]))
    found = {key: stored.tags[key] for key in ("team", "half", "later")}
    assert found == {"team": "a\ufffdb", "half": "\ufffd", "later": "c\ufffdd\ufffd"}
    (record,) = storage.event_log_storage.get_logs_for_run(run.run_id)
    assert record.user_message == "\ufffd 😀 \\ud83d"


@pytest.mark.case("commands-C05")
def test_given_an_error_with_such_texts_then_its_tag_can_be_stored() -> None:
    assert one_line("a\0b \ud800") == "a\ufffdb \ufffd"
    assert storable("Grüße 漢 😀") == "Grüße 漢 😀"
    assert storable_json(json.dumps("😀\ud83d\\ud83d")) == json.dumps("😀\ufffd\\ud83d")


@pytest.mark.case("commands-C11")
def test_given_a_file_that_cannot_be_read_then_the_others_are_kept_and_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, opened = tmp_path / "from", os.open
    source.mkdir()
    for name in ("a.txt", "secret", "z.txt"):
        (source / name).write_text(name)

    def refusing(path, flags, *rest, **named):  # root may read everything
        if Path(os.fsdecode(path)).name == "secret":
            raise PermissionError(13, "Permission denied", path)
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refusing)
    kept = keep(["**"], source, tmp_path / "to")

    assert [item.path for item in kept.artifacts] == ["a.txt", "z.txt"]
    assert kept.refused == ("secret: Permission denied",)


@pytest.mark.case("commands-C11")
def test_given_a_folder_that_cannot_be_entered_then_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "from" / "closed").mkdir(parents=True)
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)

    assert keep(["**"], tmp_path / "from", tmp_path / "to").refused == ("closed: Permission denied",)


@pytest.mark.case("commands-C11")
def test_given_a_file_with_holes_then_its_copy_has_them_and_its_data(tmp_path: Path) -> None:
    source = tmp_path / "from" / "hole"
    source.parent.mkdir()
    with source.open("wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"here")

    (kept,) = keep(["*"], source.parent, tmp_path / "to").artifacts

    copy = tmp_path / "to" / "hole"
    assert kept.size == copy.stat().st_size == 1 << 30
    assert copy.stat().st_blocks * 512 < 1 << 21
    with copy.open("rb") as file:
        file.seek(1 << 29)
        assert file.read(5) == b"here\0"


@pytest.mark.case("commands-X-long-name")
@pytest.mark.parametrize("length", [247, 250, 255])
def test_given_the_longest_names_that_a_file_can_have_then_they_are_kept(place: Place, length: int) -> None:
    ran = place.run(place.python(f"open('n' * {length}, 'w')", artifacts=("*",)))

    assert ran.succeeded
    assert ran.metadata["artifacts_count"] == 1


@pytest.mark.case("attack-f2-glob-redos")
@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**/" * 11 + "x", "d/" * 30 + "y"),
        ("*a" * 12 + "*c", "a" * 49),
    ],
)
def test_given_a_glob_of_many_wildcards_then_it_is_answered_at_once(pattern: str, path: str) -> None:
    began = time.monotonic()

    assert not Glob(pattern).matches(PurePosixPath(path))
    assert time.monotonic() - began < 1


@pytest.mark.case("attack-f2-glob-redos")
def test_given_more_files_than_there_is_time_for_then_keeping_them_ends(tmp_path: Path) -> None:
    for number in range(9):
        path = tmp_path / "from" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    now = iter(range(100))

    kept = keep(["*"], tmp_path / "from", tmp_path / "to", seconds=5, clock=lambda: float(next(now)))

    assert 0 < len(kept.artifacts) < 9
    assert kept.refused == ("after 5 s the time for keeping files was up; the rest is not kept",)


@pytest.mark.case("attack-g1-pipes-forge")
def test_given_forged_facts_of_the_run_then_they_are_left_out_and_named(place: Place) -> None:
    code = (
        "with opened() as pipes:\n"
        " pipes.report_custom_message({'artifacts_folder': '/etc', 'exit_code': 0, 'stdout': 'x', 'rows': 7})\n"
    )

    ran = place.run(piped(code))

    assert ran.metadata["rows"] == 7
    assert not {"artifacts_folder", "exit_code", "stdout"} & set(ran.metadata)
    assert "[pipes] set by Signalbox alone, so left out: artifacts_folder, exit_code, stdout" in ran.logged()


@pytest.mark.case("attack-g1-pipes-forge")
def test_given_a_materialization_of_a_built_in_report_then_it_is_left_out(place: Place) -> None:
    code = (
        "with opened() as pipes:\n"
        " pipes.report_asset_materialization(asset_key='log_triage')\n"
        " pipes.report_asset_materialization(asset_key='export')\n"
    )

    ran = place.run(piped(code))

    made = [event.asset_key for event in ran.of(dg.DagsterEventType.ASSET_MATERIALIZATION)]
    assert made == [dg.AssetKey("export")]
    assert "[pipes] left out: asset log_triage is made by another job" in ran.logged()


@pytest.mark.case("attack-g1-pipes-forge")
@pytest.mark.parametrize("url", ["javascript:alert(1)", " java\nscript:alert(1)", "data:text/html,x"])
def test_given_a_link_that_would_run_something_then_it_is_text(url: str) -> None:
    shown = harmless({"bad": dg.MetadataValue.url(url), "good": dg.MetadataValue.url("https://example.org")})

    assert isinstance(shown["bad"], dg.TextMetadataValue)
    assert isinstance(shown["good"], dg.UrlMetadataValue)


@pytest.mark.case("attack-g2-pipes-flood")
def test_given_a_flood_of_messages_then_the_first_are_stored_and_the_others_counted(place: Place) -> None:
    code = (
        "with opened() as pipes:\n"
        f" for n in range({MOST_MESSAGES + 50}): pipes.log.info(f'line {{n}}')\n"
        " pipes.log.info('x' * 100)\n"
    )

    ran = place.run(piped(code))

    logged = [line for line in ran.logged() if line.startswith("line ")]
    assert len(logged) == MOST_MESSAGES
    assert f"[pipes] 51 more log messages are left out (a run stores {MOST_MESSAGES:,})" in ran.logged()
    assert ran.printed() == ""


@pytest.mark.case("attack-g2-pipes-flood")
def test_given_a_very_long_message_then_it_is_cut(place: Place) -> None:
    ran = place.run(piped("with opened() as pipes: pipes.log.info('x' * 50000)"))

    (line,) = [line for line in ran.logged() if line.startswith("xxx")]
    assert len(line) == 10_000


def test_given_a_script_of_several_pipes_programs_then_all_of_them_are_heard(place: Place) -> None:
    program = PIPES + "with opened() as pipes: pipes.log.info(f'from {os.getpid()}')"
    script = f'{sys.executable} -c "{program}"; {sys.executable} -c "{program}"'

    ran = place.run(declared(command=("sh", "-c", script)))

    assert len([line for line in ran.logged() if line.startswith("from ")]) == 2
    assert not [line for line in ran.logged() if "unexpected message" in line]
