"""The job in which an agent does a task: `agent_task`, launched by the agent queues' sensors."""

import dagster as dg
from pydantic import Field

from scheduler_defs import tags
from scheduler_defs.addresses import PAGE, queues_page
from scheduler_defs.jobs.plain_config import plain_schema

NAME = "agent_task"
OP = "agent_task_do"
"""Dagster wants the names of ops and of jobs to differ within a code location."""


class AgentTaskConfig(dg.Config):
    """Which task for whom. The run reads the rest when it starts: it may have changed meanwhile."""

    run_key: str = Field(description="The request that this run answers; without one there is nothing to do.")
    backend: str = Field(description="The task queue that holds the task.")
    queue: str
    task: int
    agent: str
    max_attempts: int = 1


@dg.op(
    name=OP,
    out={},
    config_schema=plain_schema(AgentTaskConfig),
    tags={"dagster/compute_kind": "agent"},
    required_resource_keys={"clock", "database", "task_queue"},
)
def do_task(context: dg.OpExecutionContext):  # Dagster: no output, no annotation
    """Claim the task, run the agent's command for it, and tell the task queue how it ended."""
    # Here, because the code location is loaded by many that never run it; workers load it before they fork.
    from scheduler_defs.agents.working.op import do

    do(context, AgentTaskConfig(**context.op_config))


@dg.job(
    name=NAME,
    run_tags={tags.JOB: NAME},
    metadata={PAGE: dg.MetadataValue.url(queues_page())},
    executor_def=dg.in_process_executor,
)
def agent_task() -> None:
    """An agent does a task of its queue. Launched by the sensors `agent_queue_*`, not by hand."""
    do_task()
