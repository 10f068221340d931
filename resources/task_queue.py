"""The agents' task queue, whichever backend holds it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from pydantic import Field

from resources.base import YardResource
from scheduler_defs.declarations.models.declared import TaskQueueConfig

if TYPE_CHECKING:
    from scheduler_defs.agents.task_queue.protocol import TaskQueue


class TaskQueueResource(YardResource):
    """The task queue that `task_queue:` declares, or another one."""

    backend: str = Field(default="postgres", description="postgres, or tinytask.")
    url: str | None = Field(default=None, description="tinytask: the server's address.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Of one request to a server.")

    @classmethod
    def declared(cls, config: TaskQueueConfig) -> TaskQueueResource:
        """The one that is declared."""
        return cls(backend=config.backend, url=config.url, timeout_seconds=config.timeout.total_seconds())

    def open(self) -> TaskQueue:
        """The queue, opened once per process. Raises SignalboxError, NotReachableError."""
        from scheduler_defs.agents.task_queue.opening import open_task_queue

        config = TaskQueueConfig.model_validate(
            {"backend": self.backend, "url": self.url, "timeout": dt.timedelta(seconds=self.timeout_seconds)}
        )
        return open_task_queue(config)
