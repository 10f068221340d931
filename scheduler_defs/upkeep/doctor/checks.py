"""The checks, each a small function: what was found, and what to do about it. They change nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.exc import OperationalError

from scheduler_defs.upkeep.doctor.declared import of_declarations, undecided
from scheduler_defs.upkeep.doctor.machine import broker, of_machine
from scheduler_defs.upkeep.doctor.model import Check, Patient
from scheduler_defs.upkeep.doctor.recorded import of_database

__all__ = ["Check", "Patient", "examine"]


def examine(patient: Patient) -> Iterator[Check]:
    """Every check, in an order in which the first that fails is likely the cause of later ones."""
    yield from of_machine(patient)
    try:
        with patient.engine.connect() as connection:
            yield from of_database(connection, patient)
        yield undecided(patient)
    except OperationalError as error:
        said = str(error.orig).strip().splitlines()[0]
        yield Check("database", False, said, "`signalbox status` says whether it runs; its log is in logs/")
    yield broker(patient)
    yield from of_declarations(patient)
