"""Code locations besides the program's own: somebody's Dagster project that runs on the stack."""

from __future__ import annotations

from scheduler_defs.declarations.models.approvals import Approve
from scheduler_defs.declarations.models.base import Model, Position


class GrpcServer(Model):
    """A code server that somebody else runs: `port` of `host`, or `socket`."""

    host: str | None = None
    port: int | None = None
    socket: str | None = None
    ssl: bool = False


class Elsewhere(Model):
    """What a schedule runs in another location: a job, or a selection of assets in Dagster's syntax."""

    location: str
    job: str | None = None
    selection: str | None = None
    partition: str | None = None
    """Its name, `latest`, or a template of `strftime`; None: that of the period that has ended."""
    last: int | None = None
    """In place of `partition`: the newest so many, in one backfill."""


class Location(Model):
    """Where a project's code is, as written: relative paths begin in the folder beside the declarations."""

    name: str
    source: Position
    python_file: str | None = None
    python_module: str | None = None
    package_name: str | None = None
    autoload_defs_module: str | None = None
    grpc_server: GrpcServer | None = None
    attribute: str | None = None
    working_directory: str | None = None
    executable_path: str | None = None
    """None: the Python of the stack."""
    queue: str | None = None
    approve: Approve | None = None
    description: str | None = None
