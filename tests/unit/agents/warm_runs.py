"""Imported by the process that agent runs are forked from: all that a run needs has been used once by then."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import dagster as dg

import resources.task_queue.tinytask  # noqa: F401
from scheduler_defs.jobs.agent_task import OP, agent_task

with tempfile.TemporaryDirectory(prefix="warm-") as _folder:
    (Path(_folder) / "config").mkdir()
    os.environ["SIGNALBOX_CONFIG"] = f"{_folder}/config"
    os.environ["SIGNALBOX_STATE"] = f"{_folder}/state"
    _nothing = {"run_key": "", "backend": "none", "queue": "none", "task": 0, "agent": "none"}
    agent_task.execute_in_process(
        run_config={"ops": {OP: {"config": _nothing}}}, instance=dg.DagsterInstance.ephemeral()
    )
