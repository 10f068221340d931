"""What we rely on of billiard, Celery and kombu, and what they do not promise."""

from __future__ import annotations

import inspect

from billiard import pool
from celery.worker.consumer import Consumer
from kombu.transport import redis


def test_a_child_of_the_pool_knows_its_place_in_it() -> None:
    assert "w.index = i" in inspect.getsource(pool.Pool._create_worker_process)


def test_a_consumer_without_a_connection_waits_for_its_broker() -> None:
    from celery.worker.consumer import connection

    # Of the module: Celery renames the classes of its boot steps, and their source is not found by name.
    assert "c.connection = c.connection, None" in inspect.getsource(connection)
    assert {"blueprint", "timer"} <= set(inspect.getsource(Consumer.__init__).replace("self.", " ").split())


def test_an_item_of_a_redis_list_is_read_in_one_place() -> None:
    source = inspect.getsource(redis.Channel._brpop_read)
    assert "loads(bytes_to_str(item))" in source
    assert "'BRPOP': self._brpop_read" in inspect.getsource(redis.Channel.__init__)
