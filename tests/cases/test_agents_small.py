"""Small inputs around agents that once were refused, cut or not explained."""

from __future__ import annotations

import time

import pytest

from scheduler_defs.agents.deciding import Policy
from scheduler_defs.agents.deciding.matching.eligibility import own_reason
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.stack.machine.ports import Ports, is_free
from tests.unit.agents.bench import Bench
from tests.unit.task_queue.asking import add, comments, now


@pytest.mark.case("agents-G02")
def test_given_a_chain_behind_a_cancelled_task_then_every_link_names_it(queue: TaskQueue) -> None:
    first = add(queue)
    second = add(queue, blocked_by=(first,))
    third = add(queue, blocked_by=(second,))
    queue.cancel(first, reason="", author="ann")
    waiting = {
        each.id: own_reason(each, Policy(), now())
        for each in queue.waiting("dev", policy=Policy(), requested=(), limit=10, now=now())
    }
    assert waiting[second] == f"blocked by {first} (canceled)"
    assert waiting[third] == f"blocked by {second} (idle, which waits for {first} (canceled))"
    view = queue.look("dev", demand=lambda kind: 1, policy=Policy(), requested=(), now=now())
    faults = {int(fault.split()[1]): fault for fault in view.faults}
    assert "which is canceled: " in faults[second]
    assert f"waits for {first} (canceled)" in faults[third]


@pytest.mark.case("agents-X-port0")
def test_given_port_0_then_a_free_one_is_chosen_and_kept() -> None:
    ports, others = Ports("127.0.0.1"), Ports("127.0.0.1")
    try:
        port = ports.any()
        assert port >= 1024
        assert is_free("127.0.0.1", port)
        assert others.any() != port
    finally:
        ports.close()
        others.close()


@pytest.mark.case("agents-X-timeout-grace")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_grace_when_an_agent_times_out_then_it_has_that_long_to_save_its_work(bench: Bench) -> None:
    saved = bench.folder / "saved"
    bench.python(
        f"""
        import pathlib, signal, sys, time
        def save(*_):
            time.sleep(2)
            pathlib.Path({str(saved)!r}).touch()
            sys.exit(1)
        signal.signal(signal.SIGTERM, save)
        time.sleep(60)
        """,
        timeout="2s",
        grace="20s",
    )
    id = add(bench.queue)
    began = time.monotonic()
    bench.run()
    assert saved.exists()
    assert time.monotonic() - began < 40
    assert "timed out after 2 s" in comments(bench.queue, id)[-1]
