"""Who may launch a report may not read the worker's environment or files with it."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import Field

from scheduler_defs.jobs.builtin import BUILTIN_ASSETS, BUILTIN_JOBS
from scheduler_defs.jobs.plain_config import plain_schema
from scheduler_defs.jobs.reports import op_name

FROM_ENVIRONMENT = {"env": "SIGNALBOX_TEST_SECRET"}


def job(name: str) -> dg.JobDefinition:
    return dg.Definitions(assets=BUILTIN_ASSETS, jobs=list(BUILTIN_JOBS.values())).resolve_job_def(name)


@pytest.mark.case("attack-a3-env-leak")
@pytest.mark.parametrize("name", BUILTIN_JOBS)
@pytest.mark.parametrize("field", ["name", "digest", "text"])
def test_given_a_directive_from_the_environment_then_no_report_is_launched(
    name: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_TEST_SECRET", "swordfish")
    directive = {"name": "n", "digest": "d", "text": "t", field: FROM_ENVIRONMENT}
    assert_refused(name, {"directive": directive})


@pytest.mark.case("attack-a3-env-leak")
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("log_triage", {"globs": [FROM_ENVIRONMENT]}),
        ("log_triage", {"max_groups": FROM_ENVIRONMENT}),
        ("service_map", {"allowlist": [FROM_ENVIRONMENT]}),
        ("service_map", {"docker_timeout_seconds": FROM_ENVIRONMENT}),
    ],
)
def test_given_a_value_from_the_environment_then_no_report_is_launched(
    name: str, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_TEST_SECRET", "7")
    assert_refused(name, config)


@pytest.mark.case("attack-a3-env-leak")
def test_given_any_config_class_then_its_plain_schema_has_no_field_that_reads_the_environment() -> None:
    class Inner(dg.Config):
        word: str = "x"
        flags: dict[str, bool]

    class Outer(dg.Config):
        inner: Inner | None = None
        numbers: list[int] = Field(default=[1])
        ratio: float = 0.5

    readers = {source.key for source in (dg.StringSource, dg.IntSource, dg.BoolSource)}
    assert readers <= {kind.key for kind in dg.Shape(Outer.to_fields_dict()).type_iterator()}
    kinds = {kind.key for kind in dg.Shape(plain_schema(Outer)).type_iterator()}
    assert kinds >= {"String", "Int", "Bool", "Float"}
    assert not kinds & readers
    assert plain_schema(Outer)["numbers"].default_value == [1]


class Yard:
    """Declarations, logs and a private file, and launches of `log_triage` as the launchpad does them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        for name in ("config", "state", "logs", "private"):
            (folder / name).mkdir()
        self.log = folder / "logs" / "app.log"
        self.log.write_text("ERROR disk 7 full\n")
        self.diary = folder / "private" / "diary.log"
        self.diary.write_text("ERROR the vault combination is 4711 and user alice likes cats\n")
        monkeypatch.setenv("SIGNALBOX_CONFIG", str(folder / "config"))
        monkeypatch.setenv("SIGNALBOX_STATE", str(folder / "state"))
        self.declare(f"reports: {{log_files: '{folder}/logs/**'}}\n")

    def declare(self, text: str) -> None:
        (self.folder / "config" / "jobs.yaml").write_text(text)

    def launch(self, *globs: str) -> tuple[str, str]:
        """What went wrong, and everything that the run left behind."""
        config = {"ops": {op_name("log_triage"): {"config": {"globs": list(globs)}}}}
        with dg.DagsterInstance.ephemeral() as instance:
            result = job("log_triage").execute_in_process(
                run_config=config, instance=instance, raise_on_error=False
            )
            (report,) = [*self.folder.glob(f"state/artifacts/{result.run_id}/*.json")] or [None]
            events = instance.all_logs(result.run_id)
        failures = [
            event.dagster_event.step_failure_data.user_failure_data
            for event in events
            if event.dagster_event and event.dagster_event.is_step_failure
        ]
        text = "".join(repr(event) for event in events) + (report.read_text() if report else "")
        return "".join(failure.description or "" for failure in failures if failure), text


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return Yard(tmp_path, monkeypatch)


@pytest.mark.case("attack-a4-file-read")
@pytest.mark.parametrize(
    "glob",
    [
        "{yard}/private/diary.log",
        "{yard}/private/*",
        "{yard}/**",
        "{yard}/logs/../private/diary.log",
        "{yard}/logs/../**",
        "{yard}/logs*/../private/*.log",
        "/etc/shadow",
        "/**",
        "~/.ssh/*",
        "logs/*",
        "{yard}/no/such/folder/*",
    ],
)
def test_given_files_that_are_not_declared_when_launched_then_one_line_refuses_them(
    yard: Yard, glob: str
) -> None:
    failure, text = yard.launch(glob.replace("{yard}", str(yard.folder)))
    assert "is not among the files that declarations let log_triage read" in failure
    assert f"{yard.folder}/logs/**" in failure and "\n" not in failure
    assert "vault" not in text


@pytest.mark.case("attack-a4-file-read")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_given_a_link_out_of_the_declared_files_when_read_then_it_is_named_and_not_followed(
    yard: Yard, kind: str
) -> None:
    link = yard.log.parent / "link.log"
    link.symlink_to(yard.diary if kind == "file" else yard.diary.parent)
    found = f"{link}{'' if kind == 'file' else '/*.log'}"
    failure, text = yard.launch(f"{yard.folder}/logs/*.log", *([] if kind == "file" else [found]))
    assert "vault" not in text
    if kind == "file":
        assert not failure
        assert "leads to a file that declarations do not name" in text and "disk <*> full" in text
    else:
        assert "is not among the files" in failure


@pytest.mark.case("attack-a4-file-read")
def test_given_declared_files_when_a_launch_names_some_of_them_then_it_reads_them(yard: Yard) -> None:
    for glob in (f"{yard.folder}/logs/**", f"{yard.folder}/logs/app.log", f"{yard.folder}/logs/a*"):
        yard.log.write_text(yard.log.read_text() + "ERROR disk 8 full\n")
        failure, text = yard.launch(glob)
        assert not failure
        assert "disk <*> full" in text


@pytest.mark.case("attack-a4-file-read")
def test_given_globs_in_a_schedule_then_they_are_declared_too(yard: Yard) -> None:
    yard.declare(
        f"schedules: {{t: {{job: log_triage, every: 1d, config: {{globs: ['{yard.folder}/private/*.log']}}}}}}\n"
    )
    failure, text = yard.launch(str(yard.diary))
    assert not failure
    assert "vault" in text


@pytest.mark.case("attack-a4-file-read")
def test_given_no_word_on_reports_then_only_the_stacks_and_the_systems_logs_are_read(yard: Yard) -> None:
    yard.declare("limits: {}\n")
    failure, text = yard.launch(str(yard.log))
    assert f"{yard.folder}/state/logs/*.log*, /var/log/** (reports: log_files)" in failure
    assert "disk" not in text.replace(failure, "")


def assert_refused(name: str, config: dict[str, Any]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="root:ops:") as refusal:
        dg.validate_run_config(job(name), {"ops": {op_name(name): {"config": config}}})
    assert "swordfish" not in str(refusal.value)
