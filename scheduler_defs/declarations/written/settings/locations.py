"""`locations:` as it is written: the keys of the entries of Dagster's workspace.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from scheduler_defs.declarations.written.approvals import ApproveField
from scheduler_defs.declarations.written.fields import Flag, Name, Text, Written

TARGETS = ("python_file", "python_module", "package_name", "autoload_defs_module", "grpc_server")
"""A location has exactly one of them."""


class GrpcServerEntry(Written):
    """Where a code server that somebody else runs listens."""

    host: Text | None = None
    """Absent: localhost."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its port; or `socket`."""
    socket: Text | None = None
    """The absolute path of its Unix socket."""
    ssl: Flag = False
    """Whether it speaks TLS."""


class LocationEntry(Written):
    """A Dagster project of its own that runs on the stack: one of five ways to say where its code is."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [target]} for target in TARGETS]})

    python_file: Text | None = None
    """A file with its definitions; relative paths here begin in the project's folder."""
    python_module: Text | None = None
    """A module with its definitions, such as ml.definitions."""
    package_name: Text | None = None
    """A package with its definitions."""
    autoload_defs_module: Text | None = None
    """The `defs` module of a project that was made with `dg`."""
    grpc_server: GrpcServerEntry | None = None
    """A code server that is run by somebody else."""
    attribute: Text | None = None
    """The name of the definitions in it; absent: the only ones there are."""
    working_directory: Text | None = None
    """Where imports begin and its code runs; absent: the folder of the file, or the project's."""
    executable_path: Text | None = None
    """The Python of an environment of its own, which needs `dagster`; absent: the stack's."""
    queue: Name | None = None
    """Celery queue of its runs, where they do not say; absent: `runs`."""
    approve: ApproveField = None
    """People who must agree before a run of it starts: on, or who, how many, how long."""
    description: Text | None = None
    """Shown to people."""
