from tests.standins.task_queues import (  # noqa: F401
    postgres_queue,
    queue,
    queue_engine,
    tinytask_queue,
    tinytask_server,
)
from tests.unit.agents.bench import bench  # noqa: F401
