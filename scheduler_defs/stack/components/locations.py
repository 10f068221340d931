"""The other code locations of a stack: those that are declared, and further entries of `workspace.yaml`.

Each is served once, by a code server of its own environment that webserver and daemon share. What is declared
is resolved here, in a process that ends (`queues`); the supervisor keeps the result.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from scheduler_defs.atomic import write_atomically
from scheduler_defs.stack.components.component import Component, StopPhase
from scheduler_defs.stack.machine.environment import COMPONENT

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.settings.locations import Location

LOCATIONS = "locations"
"""The step after which the workspace of the stack is written."""
PREFIX = "location-"
_TARGETS = {
    "python_file": "--python-file",
    "python_module": "--module-name",
    "package_name": "--package-name",
    "autoload_defs_module": "--autoload-defs-module-name",
}


@dataclass(frozen=True)
class Served:
    """One location. `target`: options of its code server; `server`: where somebody else's listens instead."""

    name: str
    target: tuple[str, ...] = ()
    working_directory: str = ""
    executable: str = ""
    server: Mapping[str, Any] | None = None

    @property
    def component(self) -> str:
        """Its name among the stack's components."""
        return PREFIX + self.name

    @property
    def has_own_environment(self) -> bool:
        """Whether its Python is not the stack's."""
        return bool(self.executable) and not same_environment(self.executable)


def same_environment(executable: str) -> bool:
    """Whether a Python is that of this process. Those of two environments are often links to one program."""
    here, there = Path(sys.executable), Path(executable)
    return here.parent.resolve() == there.parent.resolve()


def declared(location: Location, project: Path) -> Served:
    """A declared location, with its paths made absolute: relative ones begin in the project."""
    if location.grpc_server is not None:
        given = location.grpc_server.model_dump(exclude_none=True)
        if not given.get("ssl"):
            given.pop("ssl", None)
        return Served(location.name, server=given)
    key = next(key for key in _TARGETS if getattr(location, key) is not None)
    value = str(getattr(location, key))
    if key == "python_file":
        value = str(project / value)
    default = Path(value).parent if key == "python_file" else project
    folder = project / location.working_directory if location.working_directory else default
    attribute = ("--attribute", location.attribute) if location.attribute else ()
    executable = str(project / location.executable_path) if location.executable_path else sys.executable
    return Served(location.name, (_TARGETS[key], value, *attribute), str(folder), executable)


def of_workspace(project: Path, own: str) -> list[Served]:
    """Further entries of the `workspace.yaml` in a folder, as Dagster reads them; none of a faulty one."""
    path = project / "workspace.yaml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if len(document.get("load_from") or ()) < 2:
            return []
    except (OSError, ValueError, yaml.YAMLError, AttributeError, TypeError):
        return []
    # Dagster takes most of a second to import: only where there is anything to read.
    from scheduler_defs.execution.workspace_file import entries

    return [
        Served(
            each.name,
            each.options,
            "" if each.server else each.working_directory or str(project),
            "" if each.server else each.executable or sys.executable,
            each.server,
        )
        for each in entries(document, path)
        if each.name != own
    ]


def written(found: Iterable[Served]) -> list[dict[str, Any]]:
    """As JSON."""
    return [asdict(each) for each in found]


def parse(text: bytes) -> list[Served]:
    """Read what `python -m scheduler_defs.stack.components.queues` printed."""
    given = json.loads(text).get(LOCATIONS, [])
    return [Served(**{**each, "target": tuple(each["target"])}) for each in given]


def socket_of(folder: Path, name: str) -> Path:
    """Where the location is found: a link to the socket of the code server that serves it now."""
    return folder / hashlib.sha256(name.encode()).hexdigest()[:8]


def write_workspace(path: Path, own: Path, own_name: str, folder: Path, served: Iterable[Served]) -> None:
    """Write the file in which webserver and daemon find all code servers."""
    servers: list[dict[str, Any]] = [{"socket": str(own), "location_name": own_name}]
    for each in served:
        where = each.server if each.server is not None else {"socket": str(socket_of(folder, each.name))}
        servers.append({**where, "location_name": each.name})
    write_atomically(path, yaml.safe_dump({"load_from": [{"grpc_server": one} for one in servers]}))


def address(workspace: Path, name: str) -> str:
    """What gRPC connects to for a location of the written workspace. LookupError: unknown."""
    document = yaml.safe_load(workspace.read_text(encoding="utf-8"))
    for entry in document["load_from"]:
        server = entry["grpc_server"]
        if server["location_name"] == name:
            if "socket" in server:
                return f"unix:{server['socket']}"
            return f"{server.get('host') or 'localhost'}:{server['port']}"
    raise LookupError(f"{workspace} has no location {name}")


def component(served: Served, socket: Path) -> Component:
    """The code server of a location, in its environment; one that is somebody else's is only asked."""
    if served.server is not None:
        where = served.server.get("socket") or f"{served.server.get('host')}:{served.server.get('port')}"
        return Component(
            served.component, None, (), str(where), stop_phase=StopPhase.CODE, stops_nothing_else=True
        )
    argv = (
        *(served.executable, "-m", "dagster", "api", "grpc", "--socket", str(socket)),
        *("--lazy-load-user-code", "--use-python-environment-entry-point", "--log-level", "warning"),
        *("--location-name", served.name, "--working-directory", served.working_directory),
        *served.target,
    )
    return Component(
        served.component,
        argv,
        (),
        " ".join(part for part in served.target if not part.startswith("--")),
        stop_phase=StopPhase.CODE,
        cwd=Path(served.working_directory),
        # What one that ended has left is swept by its mark: not those of the one that serves meanwhile.
        variables={COMPONENT: f"{served.component}{socket.suffix}"},
        useless_after_seconds=30.0,
        forked=served.executable == sys.executable,
        stops_nothing_else=True,
    )
