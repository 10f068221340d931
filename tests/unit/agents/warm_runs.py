"""Imported by the process that agent runs are forked from: all that a run needs has been used once by then."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import dagster as dg

import scheduler_defs.agents.task_queue.tinytask.queue  # noqa: F401
from resources import declared_resources
from scheduler_defs.agents.working.job import OP, agent_task
from scheduler_defs.declarations import Declarations

with tempfile.TemporaryDirectory(prefix="warm-") as _folder:
    (Path(_folder) / "config").mkdir()
    os.environ["SIGNALBOX_CONFIG"] = f"{_folder}/config"
    os.environ["SIGNALBOX_STATE"] = f"{_folder}/state"
    _nothing = {"run_key": "", "backend": "none", "queue": "none", "task": 0, "agent": "none"}
    agent_task.execute_in_process(
        run_config={"ops": {OP: {"config": _nothing}}},
        instance=dg.DagsterInstance.ephemeral(),
        resources=declared_resources(Declarations()),
    )
