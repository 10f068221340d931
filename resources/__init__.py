"""What jobs, assets and sensors are given, and what a definition of your own may swap (docs/resources.md)."""

from __future__ import annotations

from resources.artifacts import ArtifactStoreResource
from resources.base import YardResource
from resources.clock import ClockResource
from resources.database import DatabaseResource
from resources.http import HttpResource
from resources.llm import LlmEndpoint
from resources.notifier import NotifierResource
from resources.task_queue import TaskQueueResource
from scheduler_defs.declarations import Declarations

__all__ = [
    "ArtifactStoreResource",
    "ClockResource",
    "DatabaseResource",
    "HttpResource",
    "LlmEndpoint",
    "NotifierResource",
    "TaskQueueResource",
    "declared_resources",
]


def declared_resources(declarations: Declarations) -> dict[str, YardResource]:
    """All of them by the name under which they are asked for, set as `resources:` says."""
    given = declarations.resources
    return {
        "artifacts": ArtifactStoreResource(folder=given.artifacts.folder),
        "clock": ClockResource(),
        "database": DatabaseResource(),
        "http": HttpResource(
            base_url=given.http.base_url,
            token_env=given.http.token_env,
            timeout_seconds=given.http.timeout.total_seconds(),
            attempts=given.http.attempts,
        ),
        "llm": LlmEndpoint(
            base_url=given.llm.base_url,
            model=given.llm.model,
            api_key_env=given.llm.api_key_env,
            timeout_seconds=given.llm.timeout.total_seconds(),
        ),
        "notifier": NotifierResource(channels=list(given.notifier.channels)),
        "task_queue": TaskQueueResource.declared(declarations.task_queue),
    }
