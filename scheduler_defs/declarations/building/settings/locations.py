"""`locations:`, from what is written to what is in force."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from scheduler_defs.declarations.building.common import approve
from scheduler_defs.declarations.models.settings.locations import GrpcServer, Location
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.explaining import read_entry
from scheduler_defs.declarations.written.settings.locations import TARGETS, GrpcServerEntry, LocationEntry
from scheduler_defs.settings import OWN_LOCATION

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_MODULES = ("python_module", "package_name", "autoload_defs_module")
_PATHS = ("python_file", "working_directory", "executable_path")
_OF_OUR_SERVERS = ("attribute", "working_directory", "executable_path")


def build_location(entry: Entry) -> Location | None:
    """The location, or None and faults noted."""
    written = read_entry(entry, LocationEntry)
    if written is None:
        return None
    if entry.name == OWN_LOCATION:
        entry.fault(f"the name {OWN_LOCATION!r} is the program's own location; choose another")
    given = [key for key in TARGETS if getattr(written, key) is not None]
    if len(given) != 1 and not entry.dropped & set(TARGETS):
        has = f"has {' and '.join(given)}" if given else "says nowhere where its code is"
        entry.fault(f"{has}; exactly one is needed of {', '.join(TARGETS)}")
    for key in _MODULES:
        name = getattr(written, key)
        if name is not None and not _MODULE.fullmatch(name):
            entry.fault(f"{name[:80]!r} is no module's name, such as ml.definitions", key)
    for key in _PATHS:
        path = getattr(written, key)
        if path is not None and (fault := path_fault(path)):
            entry.fault(fault, key)
    if written.grpc_server is not None:
        _check_server(entry, written, written.grpc_server)
    if written.autoload_defs_module is not None and written.attribute is not None:
        entry.fault("autoload_defs_module takes no attribute", "attribute")
    if entry.faulty:
        return None
    values = {key: getattr(written, key) for key in (*TARGETS, *_OF_OUR_SERVERS, "queue", "description")}
    server = written.grpc_server
    values["approve"] = approve(written.approve)
    values["grpc_server"] = None if server is None else GrpcServer(**server.model_dump())
    return Location.model_construct(name=entry.name, source=entry.position, **values)


def path_fault(path: str) -> str | None:
    """What is wrong with a path: a relative one stays in the project's folder."""
    if not path.strip() or not path.isprintable():
        return f"{path[:80]!r} is no path"
    if ".." in PurePosixPath(path).parts and not path.startswith("/"):
        return f"{path[:80]!r} leads out of the project; allowed are paths in it, and absolute ones"
    return None


def _check_server(entry: Entry, written: LocationEntry, server: GrpcServerEntry) -> None:
    for key in _OF_OUR_SERVERS:
        if getattr(written, key) is not None:
            entry.fault(f"{key} is for whoever runs the code server; leave it out", key)
    if (server.port is None) == (server.socket is None):
        entry.fault("needs either port or socket", "grpc_server")
    if server.socket is not None and not server.socket.startswith("/"):
        entry.fault(f"{server.socket[:80]!r} is no absolute path", "grpc_server", "socket")
