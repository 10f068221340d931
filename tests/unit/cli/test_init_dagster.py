"""`signalbox init --from dagster`: locations and limits of a project, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler_defs.cli.init import dagster
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.errors import SignalboxError

WORKSPACE = """
load_from:
  - python_file: {relative_path: defs.py, attribute: defs, location_name: my defs}
  - python_file: other/defs.py
  - python_module: ml.definitions
  - python_package: {package_name: etl, executable_path: venv/bin/python}
  - grpc_server: {host: 10.0.0.7, port: 4000, location_name: theirs}
"""

INSTANCE = """
storage: {postgres: {}}
run_launcher: {module: dagster_docker, class: DockerRunLauncher}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: 7
    tag_concurrency_limits:
      - {key: database, value: redshift, limit: 4}
      - {key: team, value: {applyLimitPerUniqueValue: true}, limit: 2}
      - {key: dagster/backfill, limit: 10}
"""


def carried(folder: Path) -> tuple[Declarations, list[str]]:
    """What is written is free of faults."""
    found = dagster.read(folder)
    found.drop_what_is_faulty()
    config = folder / "yard" / "config"
    config.mkdir(parents=True)
    (config / "dagster.yaml").write_text(found.text())
    loaded = load(config)
    assert loaded.problems == ()
    return loaded.declarations, found.notes


def test_given_a_workspace_file_then_each_entry_is_a_location_with_absolute_paths(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").write_text(WORKSPACE)
    found, notes = carried(tmp_path)
    assert notes == []
    assert list(found.locations) == ["my-defs", "defs", "ml", "etl", "theirs"]
    assert found.locations["my-defs"].python_file == str(tmp_path / "defs.py")
    assert found.locations["my-defs"].attribute == "defs"
    assert found.locations["ml"].working_directory == str(tmp_path)
    assert found.locations["etl"].executable_path == str(tmp_path / "venv/bin/python")
    assert found.locations["theirs"].grpc_server is not None


def test_given_an_instance_file_then_its_tag_limits_are_limits_and_the_rest_is_said(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(INSTANCE)
    found, notes = carried(tmp_path)
    assert [(each.key, each.value, each.per_value, each.limit) for each in found.limits] == [
        ("database", "redshift", False, 4),
        ("team", None, True, 2),
        ("dagster/backfill", None, False, 10),
    ]
    said = "\n".join(notes)
    assert "dagster.yaml: max_concurrent_runs: workers have slots: signalbox up --workers 7" in said
    assert "dagster.yaml: storage: set SIGNALBOX_POSTGRES_URL" in said
    assert "dagster.yaml: run_launcher: runs go to warm workers" in said


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", "[tool.dagster]\nmodule_name = 'ml.definitions'\n"),
        ("pyproject.toml", "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'ml'\n"),
        ("dg.toml", "directory_type = 'project'\n[project]\nroot_module = 'ml'\n"),
    ],
)
def test_given_a_project_without_a_workspace_then_its_module_and_environment_are_found(
    tmp_path: Path, file: str, text: str
) -> None:
    (tmp_path / file).write_text(text)
    (tmp_path / "src").mkdir()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    found, _ = carried(tmp_path)
    (location,) = found.locations.values()
    assert location.python_module == "ml.definitions"
    assert location.working_directory == str(tmp_path / "src")
    assert location.executable_path == str(python)


def test_given_a_dg_workspace_then_each_of_its_projects_is_a_location(tmp_path: Path) -> None:
    (tmp_path / "dg.toml").write_text(
        "directory_type = 'workspace'\n[workspace]\n[[workspace.projects]]\npath = 'a'\n"
        "[[workspace.projects]]\npath = 'b'\n"
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text(f"[tool.dg.project]\nroot_module = '{name}'\n")
    found, _ = carried(tmp_path)
    assert list(found.locations) == ["a", "b"]


def test_given_a_folder_without_any_of_the_files_then_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        SignalboxError, match=r"none of workspace.yaml, dagster.yaml, pyproject.toml, dg.toml"
    ):
        dagster.read(tmp_path)
