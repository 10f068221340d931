"""The broker of dagster-celery's own workers: RabbitMQ, at the address that is written into dagster-celery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration import rabbitmq

_PORT = 5672


@contextmanager
def of_dagster_celery() -> Iterator[None]:
    """Have it for as long as this lasts. Raises RuntimeError where there is none, or the port is taken."""
    if not rabbitmq.is_installed():
        raise RuntimeError("the suite `celery` needs RabbitMQ (Debian's rabbitmq-server)")
    with rabbitmq.rabbitmq(_PORT):
        yield
