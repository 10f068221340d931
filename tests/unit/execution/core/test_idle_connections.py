"""A pool gives back what it has not needed between two looks. Real pools, of connections to nothing."""

from __future__ import annotations

import gc
from contextlib import ExitStack

import sqlalchemy as sa

from scheduler_defs.database import idle
from scheduler_defs.database.engine import connect_args
from scheduler_defs.database.idle import Needed


def _engine() -> sa.Engine:
    return sa.create_engine("sqlite://", poolclass=sa.QueuePool, pool_size=6, max_overflow=30)


def _use(engine: sa.Engine, at_once: int) -> None:
    with ExitStack() as stack:
        for _ in range(at_once):
            stack.enter_context(engine.connect())


def _open(engine: sa.Engine) -> int:
    return idle._open(engine)


def test_given_a_burst_then_its_connections_are_kept_for_one_look_and_given_back_by_the_next() -> None:
    engine = _engine()
    needed = Needed(engine)
    _use(engine, 5)
    needed.look()
    assert _open(engine) == 5
    _use(engine, 1)
    needed.look()
    assert _open(engine) == 0
    _use(engine, 1)
    needed.look()
    assert _open(engine) == 1, "as many as are needed stay"


def test_given_a_process_that_asks_nothing_any_more_then_it_keeps_nothing() -> None:
    engine = _engine()
    needed = Needed(engine)
    _use(engine, 1)
    needed.look()
    needed.look()
    assert _open(engine) == 0


def test_given_a_connection_in_use_when_the_idle_ones_go_then_it_goes_on_and_is_closed_afterwards() -> None:
    engine = _engine()
    needed = Needed(engine)
    _use(engine, 4)
    with engine.connect() as connection:
        needed.look()
        needed.look()
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
        raw = connection.connection.driver_connection
    assert raw is not None
    assert _open(engine) == 0


def test_given_an_engine_that_is_gone_then_nobody_looks_at_it_any_more() -> None:
    engine = _engine()
    needed = Needed(engine)
    engine.dispose()
    del engine
    gc.collect()
    assert not needed.look()


def test_given_a_server_that_says_nothing_any_more_then_it_is_given_up_soon() -> None:
    told = connect_args("test")
    assert told["tcp_user_timeout"] <= 15_000
    assert told["keepalives_idle"] + told["keepalives_count"] * told["keepalives_interval"] <= 30
