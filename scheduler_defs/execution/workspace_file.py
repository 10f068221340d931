"""The entries of a `workspace.yaml` as Dagster reads them (private Dagster API, contract-tested)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._core.workspace.load import location_origins_from_config


@dataclass(frozen=True)
class WorkspaceEntry:
    """One code location. `options`: of its code server; `server`: where somebody else's listens instead."""

    name: str
    options: tuple[str, ...] = ()
    working_directory: str | None = None
    executable: str | None = None
    server: Mapping[str, Any] | None = field(default=None)


def entries(document: Mapping[str, object], path: Path) -> list[WorkspaceEntry]:
    """Of the file's content. Relative paths begin at `path`. Raises what Dagster raises for a faulty one."""
    return [
        _entry(name, origin) for name, origin in location_origins_from_config(document, str(path)).items()
    ]


def _entry(name: str, origin: object) -> WorkspaceEntry:
    if isinstance(origin, GrpcServerCodeLocationOrigin):
        given = {key: value for key in ("host", "port", "socket") if (value := getattr(origin, key))}
        return WorkspaceEntry(name, server={**given, **({"ssl": True} if origin.use_ssl else {})})
    if not isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin):
        raise TypeError(f"{name}: {type(origin).__name__} is not known")
    target = origin.loadable_target_origin
    keys = {
        "--python-file": target.python_file,
        "--module-name": target.module_name,
        "--package-name": target.package_name,
        "--autoload-defs-module-name": target.autoload_defs_module_name,
        "--attribute": target.attribute,
    }
    options = tuple(part for key, value in keys.items() if value for part in (key, str(value)))
    return WorkspaceEntry(name, options, target.working_directory, target.executable_path)
