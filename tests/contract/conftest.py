"""The settings in which the queue's and the storages' own tests stand."""

from tests.unit.execution.core.conftest import setting
from tests.unit.execution.dequeue.conftest import queue

__all__ = ["queue", "setting"]
