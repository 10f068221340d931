"""Report files, and how a report becomes an asset, a job and its run config."""

import json
import os
from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs import tags
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.builtin import BUILTIN_ASSETS, BUILTIN_JOBS
from scheduler_defs.jobs.reports import (
    REPORTS,
    code,
    markdown_table,
    op_name,
    write_atomically,
    write_report,
)
from tests.unit.declarations.yards import write_yard


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    write_yard(tmp_path, {"jobs.yaml": f"reports: {{log_files: '{tmp_path}/*.log'}}\n"})
    return tmp_path / "state"


def test_report_is_written_as_json_and_markdown_below_the_run(state: Path) -> None:
    written = write_report("run-1", "x", {"numbers": [1], "text": "é"}, "# X\n")
    assert written.json_path == state / "artifacts" / "run-1" / "x.json"
    document = json.loads(written.json_path.read_text())
    assert (document["report"], document["run_id"], document["numbers"], document["text"]) == (
        "x",
        "run-1",
        [1],
        "é",
    )
    assert written.markdown_path.read_text() == "# X\n"
    assert sorted(path.name for path in written.json_path.parent.iterdir()) == ["x.json", "x.md"]


@pytest.mark.parametrize(("run_id", "name"), [("../x", "x"), ("", "x"), ("r", "a/b"), ("r", ".hidden")])
def test_report_outside_the_artifacts_is_refused(run_id: str, name: str) -> None:
    with pytest.raises(SignalboxError, match="expected letters"):
        write_report(run_id, name, {}, "")


def test_interrupted_write_leaves_the_old_text_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, "old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["x.json"]


def test_markdown_cells_and_code_cannot_break_out() -> None:
    assert markdown_table(("a",), [("x|y\nz",), (None,)])[2:] == ["| x\\|y z |", "| - |"]
    assert code("a`b``c") == "```a`b``c```"
    assert code("`a`") == "`` `a` ``"


def test_every_report_is_an_asset_with_a_job_of_its_name() -> None:
    assert set(BUILTIN_JOBS) == set(REPORTS) == {asset.key.to_user_string() for asset in BUILTIN_ASSETS}
    definitions = dg.Definitions(
        assets=BUILTIN_ASSETS, jobs=list(BUILTIN_JOBS.values()), executor=dg.in_process_executor
    )
    dg.Definitions.validate_loadable(definitions)
    for name in REPORTS:
        job = definitions.resolve_job_def(name)
        assert [node.name for node in job.nodes] == [op_name(name)]
        assert job.run_tags[tags.JOB] == name


def test_launched_config_and_directive_reach_the_report(state: Path, tmp_path: Path) -> None:
    from scheduler_defs.declarations.models.declared import Declarations, Directive
    from scheduler_defs.launching import run_config

    (tmp_path / "a.log").write_text("ERROR it broke 1\nERROR it broke 2\n")
    directive = Directive.model_construct(name="night", text="Be brief.", digest="abc123")
    config = run_config(
        Declarations.model_construct(jobs={}), "log_triage", {"globs": [f"{tmp_path}/*.log"]}, directive
    )
    definitions = dg.Definitions(assets=BUILTIN_ASSETS, jobs=list(BUILTIN_JOBS.values()))
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("log_triage").execute_in_process(
            run_config=config, instance=instance
        )
    (materialization,) = result.asset_materializations_for_node(op_name("log_triage"))
    assert materialization.asset_key == dg.AssetKey("log_triage")
    assert (materialization.metadata["lines"].value, materialization.metadata["error"].value) == (2, 2)
    report = json.loads((state / "artifacts" / result.run_id / "log_triage.json").read_text())
    assert report["directive"] == {"name": "night", "digest": "abc123", "text": "Be brief."}
    assert [(group["template"], group["count"]) for group in report["groups"]] == [("ERROR it broke <*>", 2)]
    assert "it broke" in (state / "artifacts" / result.run_id / "log_triage.md").read_text()


def test_positions_are_not_saved_when_the_report_is_not_written(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler_defs.jobs import report_asset as built

    (tmp_path / "a.log").write_text("ERROR it broke 1\n")
    asset = next(asset for asset in BUILTIN_ASSETS if asset.key.to_user_string() == "log_triage")
    config = {"ops": {op_name("log_triage"): {"config": {"globs": [f"{tmp_path}/*.log"]}}}}

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(built, "write_report", full)
        with dg.DagsterInstance.ephemeral() as instance:
            assert not dg.materialize(
                [asset], run_config=config, instance=instance, raise_on_error=False
            ).success
    assert not (state / "log_triage" / "positions.json").exists()
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([asset], run_config=config, instance=instance)
    assert result.asset_materializations_for_node(op_name("log_triage"))[0].metadata["lines"].value == 1
