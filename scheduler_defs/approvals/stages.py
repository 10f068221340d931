"""Jobs whose steps people must agree to: each part up to such a step is a run of its own. Pure.

A run does what needs no agreement and ends; what comes next is another run, which is held like any other and
takes no slot meanwhile. It does not do again what was done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from scheduler_defs import tags
from scheduler_defs.retries.backoff import retry_tags

OPEN = "open"
"""The value of NEXT_STAGE of a run that the next one has not followed yet."""
FOLLOWED = "followed"


def stage_key(run_id: str) -> str:
    """The run key of the run that goes on after this one: so there is one."""
    return f"stage:{run_id}"


def stage_tags(run_id: str, run_tags: Mapping[str, str], steps: Collection[str]) -> dict[str, str]:
    """The tags of the run that goes on with these steps, once people agree. Who asked stays who asked."""
    first = {key: run_tags[key] for key in (tags.TRIGGER,) if key in run_tags}
    return {
        **retry_tags(run_id, run_tags),
        **first,
        tags.ATTEMPT: "1",
        tags.GATES: ",".join(sorted(steps)),
        tags.AFTER_RUN: run_id,
    }


def gates_of(run_tags: Mapping[str, str]) -> frozenset[str]:
    """The steps that the run may do, because it is held until people agree; by their names in Dagster."""
    return frozenset(filter(None, run_tags.get(tags.GATES, "").split(",")))
