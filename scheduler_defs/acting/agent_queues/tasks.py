"""What people do to tasks beyond one call of the task queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scheduler_defs import tags
from scheduler_defs.acting.place import Place, transaction
from scheduler_defs.agents.landing import landings
from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.pool.agent_states import forgive
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.task_queue.objects import details_object
from scheduler_defs.agents.workspaces import store as workspaces
from scheduler_defs.errors import SignalboxError
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import cancel, list_runs
from scheduler_defs.settings import settings

_GOING = ("QUEUED", "STARTING", "STARTED")


def task_details(place: Place, task_id: int) -> dict[str, Any]:
    """A task with comments, links, subtasks, dependents, and the runs that it was given to."""
    shown = details_object(place.task_queue.details(task_id), settings().public_url)
    with transaction(place.engine) as connection:
        shown["runs"] = assignments.of_task(connection, place.task_queue.backend, task_id)
        if kept := workspaces.of_task(connection, place.task_queue.backend, task_id):
            shown["workspace"] = kept[0].document()
        if waiting := landings.of_task(connection, place.task_queue.backend, task_id):
            shown["landing"] = waiting[-1].document()
    return shown


def requeue(place: Place, tasks: Sequence[Task], *, author: str) -> list[str]:
    """Back to idle, with all attempts before them. Agents that are passed over for failed starts are tried
    again at once, because whoever does this has mended what made them fail: their names."""
    queues = {task.queue for task in tasks}
    agents = [agent.name for agent in place.declarations.agents.values() if queues.intersection(agent.queues)]
    with transaction(place.engine) as connection:
        forgiven = forgive(connection, agents)
    for task in tasks:
        place.task_queue.requeue(task.id, author=author)
    return forgiven


def cancel_task(
    place: Place, task_id: int, *, reason: str, author: str, client: Callable[[], GraphQLClient]
) -> None:
    """It is not to be done any more; its run is cancelled, too.

    Raises NotReachableError when there is nobody to cancel a run; the task is cancelled by then.
    """
    place.task_queue.cancel(task_id, reason=reason, author=author)
    cancel_runs_of(client(), task_id)


def cancel_runs_of(client: GraphQLClient, task_id: int) -> None:
    """Cancel the runs on the task that have not ended."""
    for run in list_runs(client, with_tags={tags.TASK: str(task_id)}, statuses=_GOING):
        try:
            cancel(client, run["run_id"])
        except SignalboxError as error:
            if "already ended" not in str(error):
                raise
