"""Job `one_command`: a command that nobody has declared, once. `signalbox run` orders it.

Whoever may launch jobs may only launch what is declared. So this one does nothing without the signature of
somebody who can read the stack's credential, which is to say everything else of the stack.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from scheduler_defs.access import credential
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.commands.running.run import run_command
from scheduler_defs.jobs.commands.spec import CommandSpec
from scheduler_defs.settings import settings

ONE_COMMAND = "one_command"
_OP = f"{ONE_COMMAND}_run"
GRACE = dt.timedelta(seconds=10)


def run_config(command: Sequence[str], state: Path) -> dict[str, Any]:
    """The config of a run of this command. Raises SignalboxError for whoever may not order one."""
    values = {"command": list(command), "signature": signature(command, state)}
    return {"ops": {_OP: {"config": values}}}


def signature(command: Sequence[str], state: Path) -> str:
    """Of the command, with the credential of the state folder. Raises SignalboxError without one."""
    secret = credential.read(state)
    if secret is None:
        raise SignalboxError(
            f"{state}: the stack's credential cannot be read; elsewhere declare a job, and launch that"
        )
    return hmac.new(secret.encode(), json.dumps(list(command)).encode(), hashlib.sha256).hexdigest()


# Dagster reads the annotation of `context`, and not as a string.
def _compute(context, _inputs) -> Iterator[dg.Output[None]]:
    config = context.op_config
    command = tuple(config["command"])
    if not hmac.compare_digest(config["signature"], signature(command, settings().state)):
        raise dg.Failure(
            "the command is not signed by this stack; `signalbox run` does that", allow_retries=False
        )
    spec = CommandSpec(ONE_COMMAND, None, command, {}, (), None, None, GRACE, ())
    yield dg.Output(None, output_name="done", metadata=run_command(context, spec))


one_command = dg.GraphDefinition(
    name=ONE_COMMAND,
    node_defs=[
        dg.OpDefinition(
            name=_OP,
            compute_fn=_compute,
            outs={"done": dg.Out(dg.Nothing)},
            config_schema={"command": [str], "signature": str},
        )
    ],
).to_job(
    description="A command that `signalbox run` has been given.",
    executor_def=dg.in_process_executor,
)
