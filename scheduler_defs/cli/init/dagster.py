"""A Dagster project's own files as declarations: its code locations and its limits. Read, and never run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scheduler_defs.cli.init.translation import Translation
from scheduler_defs.errors import SignalboxError

FILES = ("workspace.yaml", "dagster.yaml", "pyproject.toml", "dg.toml")
_KINDS = {
    "python_file": ("python_file", "relative_path"),
    "python_module": ("python_module", "module_name"),
    "python_package": ("package_name", "package_name"),
    "autoload_defs_module": ("autoload_defs_module", "module_name"),
}
_ELSEWHERE_HERE = {
    "storage": "set SIGNALBOX_POSTGRES_URL to its Postgres, and the history stays; SQLite has no way over",
    "run_launcher": "runs go to warm workers; a container per run has no place here",
    "run_coordinator": "Signalbox' own takes its place",
    "run_monitoring": "leases take its place: a lost worker is found in 30 s",
    "run_retries": "give jobs the tag signalbox/max_attempts, or schedules retries:",
    "compute_logs": "what runs print is in the state folder, or where artifacts are sent",
    "retention": "retention: says how long everything is kept (docs/retention.md)",
    "schedules": "threads are set in the dagster.yaml of the installation",
    "sensors": "threads are set in the dagster.yaml of the installation",
    "secrets": "what the environment of `signalbox up` has, locations have",
}


def read(folder: Path) -> Translation:
    """What the files of a folder say. Raises SignalboxError where there is none of them."""
    if not any((folder / name).is_file() for name in FILES):
        raise SignalboxError(f"{folder}: none of {', '.join(FILES)} is here")
    carried, folder = Translation(), folder.resolve()
    locations: dict[str, dict[str, Any]] = {}
    for name, written in _locations(carried, folder):
        number, free = 2, name
        while free in locations:
            free, number = f"{name}-{number}", number + 1
        locations[free] = written
    if locations:
        carried.more["locations"] = locations
    if limits := _of_instance(carried, folder):
        carried.more["limits"] = limits
    return carried


def _locations(carried: Translation, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    entries = _yaml(folder / "workspace.yaml").get("load_from") or []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping):
            yield from _of_workspace(carried, folder, entry)
    if entries:
        return
    for project in _projects(folder):
        yield from _of_project(carried, project)


def _of_workspace(
    carried: Translation, folder: Path, entry: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, given in entry.items():
        if kind == "grpc_server" and isinstance(given, Mapping):
            server = {key: given[key] for key in ("host", "port", "socket", "ssl") if given.get(key)}
            name = (
                given.get("location_name")
                or f"{given.get('host', 'localhost')}-{given.get('port', 'socket')}"
            )
            yield carried.free_name(str(name)), {"grpc_server": server}
            continue
        if kind not in _KINDS:
            carried.note(f"workspace.yaml: {kind}", "is not known here")
            continue
        key, main = _KINDS[kind]
        options = dict(given) if isinstance(given, Mapping) else {main: given}
        target = str(options.pop(main, ""))
        name = options.pop("location_name", None) or Path(target).stem
        written = {key: str(folder / target) if key == "python_file" else target}
        for option, value in options.items():
            path = option in ("working_directory", "executable_path")
            written[option] = str(folder / value) if path else value
        if key != "python_file":
            written.setdefault("working_directory", str(folder))
        yield carried.free_name(str(name)), written


def _projects(folder: Path) -> list[Path]:
    """The folder itself, or the projects of a `dg` workspace in it."""
    named = (_dg(folder).get("workspace") or {}).get("projects") or []
    found = [folder / str(each["path"]) for each in named if isinstance(each, Mapping) and "path" in each]
    return found or [folder]


def _of_project(carried: Translation, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    tool = _toml(folder / "pyproject.toml").get("tool") or {}
    old, project = tool.get("dagster") or {}, _dg(folder).get("project") or {}
    root = project.get("root_module")
    module = project.get("code_location_target_module") or old.get("module_name")
    module = module or (f"{root}.definitions" if root else None)
    if not module:
        carried.note(str(folder), "no tool.dg.project and no tool.dagster.module_name says where its code is")
        return
    source = folder / "src"
    python = folder / ".venv" / "bin" / "python"
    name = project.get("code_location_name") or old.get("code_location_name") or folder.name
    yield (
        carried.free_name(str(name)),
        {
            "python_module": str(module),
            "working_directory": str(source if source.is_dir() else folder),
            **({"executable_path": str(python)} if python.exists() else {}),
        },
    )


def _of_instance(carried: Translation, folder: Path) -> dict[str, Any]:
    """Limits of `dagster.yaml`; the rest of it is noted."""
    document = _yaml(folder / "dagster.yaml")
    coordinator = (document.get("run_coordinator") or {}).get("config") or {}
    concurrency = document.get("concurrency") or {}
    runs = {**coordinator, **(concurrency.get("runs") or {})}
    if (most := runs.get("max_concurrent_runs")) is not None:
        carried.note(
            "dagster.yaml: max_concurrent_runs", f"workers have slots: signalbox up --workers {most}"
        )
    if concurrency.get("pools"):
        carried.note(
            "dagster.yaml: concurrency.pools", "limits of pools are kept in the database: set them anew"
        )
    for key, why in _ELSEWHERE_HERE.items():
        if document.get(key):
            carried.note(f"dagster.yaml: {key}", why)
    limits: dict[str, Any] = {}
    for limit in runs.get("tag_concurrency_limits") or ():
        key, value = str(limit.get("key", "")), limit.get("value")
        each = isinstance(value, Mapping) and bool(value.get("applyLimitPerUniqueValue"))
        said = {"per_value": True} if each else {} if value is None else {"value": str(value)}
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{key}-{value}" if said.get("value") else key).strip("-")
        limits[name or "limit"] = {"key": key, **said, "limit": limit.get("limit")}
    return limits


def _dg(folder: Path) -> Mapping[str, Any]:
    tool = _toml(folder / "pyproject.toml").get("tool") or {}
    return _toml(folder / "dg.toml") or tool.get("dg") or {}


def _yaml(path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SignalboxError(f"{path}: {' '.join(str(error).split())}") from None
    return found if isinstance(found, Mapping) else {}


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SignalboxError(f"{path}: {' '.join(str(error).split())}") from None
