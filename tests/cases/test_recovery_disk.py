"""The disk of the database is full: how a command ended is kept by who ran it until it can be written."""

from __future__ import annotations

import time

import pytest
from psycopg2 import errors
from sqlalchemy import exc

from scheduler_defs.execution.storage import pool


def disk_full() -> exc.OperationalError:
    class DiskFull(errors.DiskFull):
        pgcode = "53100"

    return exc.OperationalError("INSERT", {}, DiskFull("could not extend file: No space left on device"))


@pytest.mark.case("recovery-B07")
def test_given_a_full_disk_then_it_is_an_outage() -> None:
    assert pool.is_outage(disk_full())


@pytest.mark.case("recovery-B07")
@pytest.mark.parametrize("held", [True, False])
def test_given_a_lease_that_is_renewed_then_a_write_waits_for_room_past_all_patience(
    monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    monkeypatch.setenv(pool.PATIENCE, "0.2")
    monkeypatch.setattr(pool, "_longer", lambda: held)
    room = time.monotonic() + 0.8

    def write() -> str:
        if time.monotonic() < room:
            raise disk_full()
        return "written"

    if held:
        assert pool.patiently(write) == "written"
    else:
        with pytest.raises(exc.OperationalError):
            pool.patiently(write)


def test_given_a_process_that_holds_leases_then_it_asks_for_its_own() -> None:
    from scheduler_defs.execution.leases import current

    assert pool._longer is current._is_mine
    assert not current._is_mine()
