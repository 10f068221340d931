"""What a job declares about its runs, read from the snapshot of it that Dagster keeps (private format there).

Of all that create runs only some pass on the job's `run_tags`; the snapshot has them in every case, for
built-in, declared and anybody's Python jobs, in whichever code location they are.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dagster._core.storage.dagster_run import DagsterRun

from scheduler_defs import tags
from scheduler_defs.execution.admission.completing import JobDeclares
from scheduler_defs.limits import queue_of_location
from scheduler_defs.settings import OWN_LOCATION

OWN_DEFINITIONS = "scheduler_defs.definitions"


def read_declared(body: bytes) -> JobDeclares:
    """From a row of Dagster's table `snapshots`.

    Read as JSON, because making Dagster's objects of it takes ten times as long. A job whose `run_tags` were
    not given has its `tags` in their place, as in Dagster.
    """
    snapshot: Mapping[str, Any] = json.loads(zlib.decompress(body))
    own = snapshot.get("run_tags")
    if own is None:
        own = snapshot.get("tags") or {}
    named = _jobs_of_assets(snapshot)
    job = next(iter(named)) if len(named) == 1 else None
    makes_of = frozenset(name for name in named if name is not None)
    return JobDeclares({str(key): _text(value) for key, value in own.items()}, job, makes_of)


def of_location(run: DagsterRun, declared: JobDeclares) -> JobDeclares:
    """The same with what another location's declaration says of its runs, where the job does not."""
    location = other_location(run)
    if location is None:
        return declared
    # Jobs of two locations may have one name; what is counted and held by job must tell them apart.
    named = replace(declared, job=declared.job or f"{location}/{run.job_name}")
    queue = queue_of_location(location)
    return named if queue is None else replace(named, tags={tags.CELERY_QUEUE: queue, **declared.tags})


def other_location(run: DagsterRun) -> str | None:
    """The run's code location; None where it is the program's own, or not said."""
    origin, code = run.remote_job_origin, run.job_code_origin
    if code is not None and getattr(code.repository_origin.code_pointer, "module", None) == OWN_DEFINITIONS:
        return None  # under another name, as `dagster -m` gives it
    return None if origin is None or origin.location_name == OWN_LOCATION else origin.location_name


def _jobs_of_assets(snapshot: Mapping[str, Any]) -> set[str | None]:
    """The jobs that its ops say they belong to, and None for one that says nothing.

    Where all say the same job, assets that are materialised by themselves count as runs of it.
    """
    nodes = snapshot.get("node_defs_snapshot") or snapshot.get("solid_definitions_snapshot") or {}
    ops = nodes.get("op_def_snaps") or nodes.get("solid_def_snaps") or []
    return {(op.get("tags") or {}).get(tags.JOB) for op in ops}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
