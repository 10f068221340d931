"""Other code locations: how they are resolved, served, replaced and found."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scheduler_defs.declarations import load
from scheduler_defs.stack.components import locations
from scheduler_defs.stack.components.locations import Served
from scheduler_defs.stack.components.queues import Queues, declared_queues, with_steps
from scheduler_defs.stack.machine.record import State
from scheduler_defs.stack.supervising import locations as serving
from scheduler_defs.stack.supervising.locations import LocationServer, LocationServers
from scheduler_defs.stack.supervising.minder import Minder, StackContext
from scheduler_defs.stack.supervising.watch import SOURCES, fingerprint

DECLARED = """
locations:
  file: {python_file: ml/defs.py, attribute: defs}
  module: {python_module: ml.defs, working_directory: code, queue: gpu}
  own: {package_name: ml, executable_path: /venv/bin/python}
  theirs: {grpc_server: {host: ml.example, port: 4000}}
"""


def resolved(folder: Path) -> dict[str, Served]:
    (folder / "config").mkdir()
    (folder / "config" / "locations.yaml").write_text(DECLARED)
    found = load(folder / "config")
    assert found.problems == ()
    return {name: locations.declared(each, folder) for name, each in found.declarations.locations.items()}


def test_given_declared_locations_then_relative_paths_begin_in_the_project(tmp_path: Path) -> None:
    found = resolved(tmp_path)
    assert found["file"].target == ("--python-file", str(tmp_path / "ml/defs.py"), "--attribute", "defs")
    assert found["file"].working_directory == str(tmp_path / "ml")
    assert found["module"].working_directory == str(tmp_path / "code")
    assert found["own"].working_directory == str(tmp_path)
    assert [name for name, each in found.items() if each.has_own_environment] == ["own"]
    assert found["theirs"].server == {"host": "ml.example", "port": 4000}


def test_given_a_location_then_its_code_server_is_dagsters_in_its_environment_and_stops_nothing_else(
    tmp_path: Path,
) -> None:
    made = locations.component(resolved(tmp_path)["own"], tmp_path / "socket.2")
    assert made.variables["SIGNALBOX_COMPONENT"] == "location-own.2", "it is swept by itself alone"
    assert made.name == "location-own"
    assert made.argv is not None
    assert made.argv[:5] == ("/venv/bin/python", "-m", "dagster", "api", "grpc")
    assert made.argv[-2:] == ("--package-name", "ml")
    assert made.stops_nothing_else


def test_given_further_entries_of_the_workspace_then_they_are_served_just_the_same(tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = [
        {"python_module": {"module_name": "scheduler_defs.definitions", "location_name": "signalbox"}},
        {"python_file": {"relative_path": "ml/defs.py", "executable_path": "/venv/bin/python"}},
        {"grpc_server": {"port": 4000, "location_name": "theirs"}},
    ]
    (tmp_path / "workspace.yaml").write_text(yaml.safe_dump({"load_from": entries}))
    found = locations.of_workspace(tmp_path, "signalbox")
    assert [each.name for each in found] == ["defs.py", "theirs"]
    assert found[0].target == ("--python-file", str(tmp_path / "ml/defs.py"))
    assert found[0].executable == "/venv/bin/python"
    assert found[1].server == {"host": "localhost", "port": 4000}
    assert locations.parse(json.dumps({"locations": locations.written(found)}).encode()) == found


def test_given_the_written_workspace_then_each_location_is_found_in_it(tmp_path: Path) -> None:
    path = tmp_path / "workspace.yaml"
    served = resolved(tmp_path)
    locations.write_workspace(path, Path("/run/code"), "signalbox", tmp_path, served.values())
    assert locations.address(path, "signalbox") == "unix:/run/code"
    assert locations.address(path, "file") == f"unix:{locations.socket_of(tmp_path, 'file')}"
    assert locations.address(path, "theirs") == "ml.example:4000"
    with pytest.raises(LookupError):
        locations.address(path, "nobody")


def test_given_locations_then_their_queues_are_served_and_steps_of_those_in_our_environment(
    tmp_path: Path,
) -> None:
    served = resolved(tmp_path)
    declared = declared_queues(load(tmp_path / "config").declarations)
    assert declared == Queues(("runs", "gpu"), ())
    assert with_steps(declared, [served["own"]]).steps == ()
    assert with_steps(declared, served.values()).steps == ("steps",)


def test_given_files_of_a_location_then_a_change_is_seen_and_what_is_installed_is_not_looked_at(
    tmp_path: Path,
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / ".venv").mkdir()
    (tmp_path / "inner" / "defs.py").write_text("1")
    before = fingerprint(tmp_path, SOURCES)
    (tmp_path / ".venv" / "a.py").write_text("1")
    (tmp_path / "notes.txt").write_text("1")
    assert fingerprint(tmp_path, SOURCES) == before
    (tmp_path / "inner" / "defs.py").write_text("22")
    assert fingerprint(tmp_path, SOURCES) != before
    assert len(fingerprint(tmp_path, dataclasses.replace(SOURCES, most=0))) == 0


class Server:
    """What a minder of a location's code server would find: loaded, or not."""

    loads: bool = True


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackContext:
    async def mind(minder: Minder) -> None:
        minder._set(State.HEALTHY if Server.loads else State.UNHEALTHY, "" if Server.loads else "no module x")
        await asyncio.Event().wait()

    monkeypatch.setattr(Minder, "mind", mind)
    monkeypatch.setattr(serving, "_LOOKED_AT_SECONDS", 0.001)
    monkeypatch.setattr(Server, "loads", True)
    ready = {locations.LOCATIONS: asyncio.Event()}
    return StackContext("id", {"SIGNALBOX_STATE": str(tmp_path)}, tmp_path, ready, lambda: None)


def test_given_a_change_that_cannot_be_loaded_then_what_was_there_goes_on_and_the_reason_is_shown(
    tmp_path: Path, context: StackContext
) -> None:
    async def story() -> None:
        server = LocationServer(
            Served("ml", ("--python-file", "x"), str(tmp_path), sys.executable), context, tmp_path
        )
        link = locations.socket_of(tmp_path, "ml")
        await server._begin()
        await asyncio.sleep(0)
        first = link.readlink()
        Server.loads = False
        await server._begin()
        record = server.record()
        assert link.readlink() == first
        assert record is not None
        assert (record.state, record.detail) == (State.HEALTHY, "serves what was there before: no module x")
        Server.loads = True
        await server._begin()
        record = server.record()
        assert link.readlink() != first
        assert record is not None
        assert record.detail == ""
        await server.stop()

    asyncio.run(story())


def test_given_a_location_that_never_loaded_then_the_next_try_takes_its_place(
    tmp_path: Path, context: StackContext
) -> None:
    async def story() -> None:
        server = LocationServer(
            Served("ml", ("--python-file", "x"), str(tmp_path), sys.executable), context, tmp_path
        )
        Server.loads = False
        await server._begin()
        await asyncio.sleep(0)
        first = locations.socket_of(tmp_path, "ml").readlink()
        await server._begin()
        assert locations.socket_of(tmp_path, "ml").readlink() != first
        await server.stop()

    asyncio.run(story())


def test_given_changed_declarations_then_only_the_changed_location_is_served_anew(
    tmp_path: Path, context: StackContext
) -> None:
    a = Served("a", ("--python-file", "x"), str(tmp_path), sys.executable)
    b = dataclasses.replace(a, name="b")
    workspace = tmp_path / "workspace.yaml"

    async def story() -> None:
        servers = LocationServers(
            context, workspace=workspace, own=(Path("/own"), "signalbox"), folder=tmp_path
        )
        servers._tell_the_webserver = lambda: None  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            await servers.apply(tasks, [a, b])
            kept = servers._serving["a"][0]
            await servers.apply(tasks, [a, dataclasses.replace(b, target=("--module-name", "y"))])
            assert servers._serving["a"][0] is kept
            await servers.apply(tasks, [a])
            assert list(servers._serving) == ["a"]
            names = [
                each["grpc_server"]["location_name"]
                for each in yaml.safe_load(workspace.read_text())["load_from"]
            ]
            assert names == ["signalbox", "a"]
            await servers.stop()

    asyncio.run(story())


def test_given_a_program_that_is_not_there_then_that_is_the_locations_detail(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    context = StackContext("id", {}, tmp_path / "logs", {}, lambda: None)
    served = Served("ml", ("--python-file", "x"), str(tmp_path), str(tmp_path / "bin" / "python"))

    async def story() -> None:
        server = LocationServer(served, context, tmp_path)
        await server._begin()
        async with asyncio.timeout(60):
            while (record := server.record()) is None or record.state is not State.UNHEALTHY:
                await asyncio.sleep(0.01)
        assert record.detail.endswith("bin/python: No such file or directory")
        await server.stop()

    asyncio.run(story())
