"""Budgets, and the prices that they reckon with."""

from __future__ import annotations

from collections.abc import Collection

from scheduler_defs.declarations.building.common import unknown_name
from scheduler_defs.declarations.models.declared import Budget, Price
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.agents import BudgetEntry, PriceEntry
from scheduler_defs.declarations.written.explaining import read_entry


def build_price(entry: Entry) -> Price | None:
    """The price, or None and faults noted."""
    written = read_entry(entry, PriceEntry)
    return None if written is None or entry.faulty else Price(**written.model_dump())


def build_budget(entry: Entry, agents: Collection[str], queues: Collection[str]) -> Budget | None:
    """The budget, or None and faults noted. `agents` and `queues` are those that are declared."""
    written = read_entry(entry, BudgetEntry)
    if written is None:
        return None
    for field, kind, names, known in (
        ("agents", "agent", written.agents, agents),
        ("queues", "queue", written.queues, queues),
    ):
        for index, name in enumerate(names or ()):
            if name not in known:
                entry.fault(unknown_name(kind, name, known), field, index)
    if entry.faulty:
        return None
    plain = written.model_dump(exclude={"agents", "queues", "per"})
    return Budget(
        name=entry.name,
        source=entry.position,
        agents=tuple(written.agents or ()),
        queues=tuple(written.queues or ()),
        per=tuple(dict.fromkeys(written.per)),
        **plain,
    )
