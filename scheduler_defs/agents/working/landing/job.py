"""The job that lands accepted work: `agent_landing`, launched by the agent queues' sensors."""

import dagster as dg
from pydantic import Field

from scheduler_defs import tags
from scheduler_defs.addresses import PAGE, queues_page
from scheduler_defs.jobs.plain_config import plain_schema

NAME = "agent_landing"
OP = "agent_landing_do"


class AgentLandingConfig(dg.Config):
    """Where. What waits there is read when the run starts."""

    repository: str = Field(description="The repository in which accepted work waits to land.")


@dg.op(
    name=OP,
    out={},
    config_schema=plain_schema(AgentLandingConfig),
    tags={"dagster/compute_kind": "git"},
    required_resource_keys={"clock", "database", "task_queue"},
)
def land(context: dg.OpExecutionContext):  # Dagster: no output, no annotation
    """Put what waits onto its base, one task after the other, the oldest first."""
    # Here, because the code location is loaded by many that never run it.
    from scheduler_defs.agents.working.landing.op import do

    do(context, AgentLandingConfig(**context.op_config))


@dg.job(
    name=NAME,
    run_tags={tags.JOB: NAME},
    metadata={PAGE: dg.MetadataValue.url(queues_page())},
    executor_def=dg.in_process_executor,
)
def agent_landing() -> None:
    """Accepted work of agents goes onto its base. Launched by the sensors `agent_queue_*`."""
    land()
