"""What a worker's children hold, seen from both sides of the shared memory."""

from __future__ import annotations

import multiprocessing
import os
import uuid

from scheduler_defs.execution.life.lease_table import LeaseTable, stamp_of

FORK = multiprocessing.get_context("fork")


def test_given_a_child_that_holds_a_lease_then_its_parent_sees_it_and_the_child_sees_renewals() -> None:
    table, token = LeaseTable(), uuid.uuid4()
    held, renewed, seen = FORK.Event(), FORK.Event(), FORK.Queue()

    def child() -> None:
        with table.holding(3, os.getpid(), token, 100.0):
            held.set()
            renewed.wait(5)
            seen.put(table.renewed(3))

    process = FORK.Process(target=child)
    process.start()
    assert held.wait(5)
    (entry,) = table.entries()
    assert (entry.slot, entry.pid, entry.stamp, entry.renewed) == (3, process.pid, stamp_of(token), 100.0)
    table.renew(entry, 123.5)
    renewed.set()
    assert seen.get(timeout=5) == 123.5
    process.join(5)
    assert table.entries() == []


def test_given_a_lease_that_was_given_back_meanwhile_then_its_renewal_is_not_the_next_ones() -> None:
    table = LeaseTable()
    with table.holding(0, 1, uuid.uuid4(), 100.0):
        table.set_apart(0, 20, 21)
        (before,) = table.entries()
        assert (before.keeper, before.run) == (20, 21)
    with table.holding(0, 1, uuid.uuid4(), 200.0):
        table.renew(before, 300.0)
        assert not table.holds(before)
        assert [(entry.keeper, entry.run) for entry in table.entries()] == [(0, 0)]
        assert table.renewed(0) == 200.0
