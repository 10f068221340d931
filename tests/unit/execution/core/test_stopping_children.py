import signal
import uuid

from scheduler_defs.execution.leases.leases import Holding
from scheduler_defs.execution.worker.stop import StoppingChildren


def _held(status: str, pid: int = 10, step: str = "", grace: float = 10) -> Holding:
    return Holding(pid, "run", step, grace, uuid.UUID(int=1), status)


def _decide(stopping: StoppingChildren, now: float, *holdings: Holding) -> list[tuple[int, signal.Signals]]:
    return list(stopping.decide(holdings, now))


def test_given_wanted_work_then_nobody_is_told_anything() -> None:
    stopping = StoppingChildren()
    assert [_decide(stopping, now, _held("STARTED")) for now in (0, 5, 60)] == [[], [], []]
    assert not stopping.waiting


def test_given_a_cancelled_run_whose_child_was_told_then_it_is_killed_after_the_grace_and_not_before() -> (
    None
):
    stopping = StoppingChildren()
    stopping.told(10, 100)
    assert _decide(stopping, 100, _held("CANCELING")) == []
    assert stopping.waiting
    assert _decide(stopping, 105, _held("CANCELED")) == []
    assert _decide(stopping, 111, _held("CANCELED")) == []
    assert _decide(stopping, 112, _held("CANCELED")) == [(10, signal.SIGKILL)]


def test_given_a_cancellation_that_was_lost_then_the_child_is_told_at_the_second_look_and_once() -> None:
    stopping = StoppingChildren()
    assert _decide(stopping, 100, _held("CANCELING")) == []
    assert _decide(stopping, 101, _held("CANCELING")) == [(10, signal.SIGTERM)]
    assert _decide(stopping, 102, _held("CANCELED")) == []
    assert _decide(stopping, 112, _held("CANCELED")) == [(10, signal.SIGKILL)]


def test_given_a_run_that_ended_by_itself_then_its_child_is_left_alone_until_the_grace_is_over() -> None:
    stopping = StoppingChildren()
    assert [_decide(stopping, now, _held("FAILURE")) for now in (0, 1, 2, 11)] == [[], [], [], []]
    assert _decide(stopping, 12, _held("FAILURE")) == [(10, signal.SIGKILL)]


def test_given_a_step_of_a_failed_run_then_it_is_told_to_stop() -> None:
    stopping = StoppingChildren()
    assert _decide(stopping, 0, _held("FAILURE", step="a")) == []
    assert _decide(stopping, 1, _held("FAILURE", step="a")) == [(10, signal.SIGTERM)]


def test_given_a_longer_grace_then_it_is_granted() -> None:
    stopping = StoppingChildren()
    held = _held("CANCELED", grace=60)
    stopping.told(10, 0)
    assert [_decide(stopping, now, held) for now in (0, 12, 61)] == [[], [], []]
    assert _decide(stopping, 62, held) == [(10, signal.SIGKILL)]


def test_given_a_child_that_has_ended_and_a_new_run_of_it_then_it_is_not_blamed_for_the_old_one() -> None:
    stopping = StoppingChildren()
    stopping.told(10, 0)
    _decide(stopping, 0, _held("CANCELED"))
    assert _decide(stopping, 5) == []
    assert not stopping.waiting
    assert _decide(stopping, 20, Holding(10, "next", "", 10, uuid.UUID(int=2), "CANCELED")) == []
