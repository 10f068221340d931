"""From files to entries: which kinds of things are declared, by name, all files together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scheduler_defs.declarations.names import name_fault
from scheduler_defs.declarations.reading.faults import Entry, Faults, described, near
from scheduler_defs.declarations.reading.sources import Sources
from scheduler_defs.declarations.reading.tree import Node, read_tree

NAMED = (
    "schedules",
    "jobs",
    "limits",
    "directives",
    "quotas",
    "prices",
    "budgets",
    "agents",
    "triggers",
    "locations",
)
"""Kinds that are a mapping from names to entries."""
SINGLE = ("defaults", "task_queue", "alerts", "reports", "access", "resources", "retention", "audit")
"""Kinds that are one entry; several files may each give some of its keys."""
KINDS = (*NAMED, *SINGLE)
EXTENSION = "x-"
"""Keys at the top that begin so are left alone: a place for anchors."""


@dataclass(slots=True)
class Collected:
    """Entries by kind and name, in the order of the files."""

    faults: Faults
    named: dict[str, dict[str, Entry]] = field(default_factory=lambda: {kind: {} for kind in NAMED})
    single: dict[str, list[Entry]] = field(default_factory=lambda: {kind: [] for kind in SINGLE})
    twice: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def of(self, kind: str) -> Mapping[str, Entry]:
        """Entries of a kind, also those that have faults."""
        return self.named[kind]


def collect(sources: Sources, label: str, faults: Faults) -> Collected:
    """Sort what all files declare by kind and name. `label` is the folder's name in positions."""
    collected = Collected(faults)
    for name, reason in sources.unreadable.items():
        faults.add(f"{label}/{name}", 1, 1, "", reason)
    if not sources.files and not sources.unreadable:
        faults.add(label, 1, 1, "", "there are no declarations here: no *.yaml file in this folder")
    for name, data in sources.files.items():
        _collect_file(collected, f"{label}/{name}", data)
    for kind, name in collected.twice:
        collected.named[kind][name].faulty = True
    return collected


def _collect_file(collected: Collected, file: str, data: bytes) -> None:
    root, found = read_tree(data)
    for fault in found:
        collected.faults.add(file, fault.line, fault.column, ".".join(fault.path), fault.message)
    collected.faults.unreadable |= {(file, fault.line, fault.column) for fault in found}
    if root is None or root.value is None:
        if not found:
            wanted = ", ".join(f"{kind}:" for kind in KINDS)
            collected.faults.add(file, 1, 1, "", f"the file is empty; write one of {wanted} or delete it")
        return
    if not root.is_mapping:
        message = f"must be a mapping with keys such as schedules: or jobs:, not {described(root.value)}"
        collected.faults.add(file, root.line, root.column, "", message)
        return
    for key, node in root.children.items():
        line, column = root.keys[key]
        if key in NAMED:
            _collect_named(collected, file, key, node)
        elif key in SINGLE:
            if node.value is not None:
                collected.single[key].append(Entry(collected.faults, file, (key,), node, line, column))
        elif not key.startswith(EXTENSION):
            collected.faults.add(file, line, column, key, f"unknown key{near(key, KINDS)}")
    broken = {fault.path[:2] for fault in found}
    for kind, entries in collected.named.items():
        for name, entry in entries.items():
            if entry.file == file and ((kind, name) in broken or (kind,) in broken):
                entry.faulty = True


def _collect_named(collected: Collected, file: str, kind: str, node: Node) -> None:
    faults = collected.faults
    if node.value is None:
        return
    if kind == "limits" and isinstance(node.value, list):
        _collect_listed(collected, file, node)
        return
    if not node.is_mapping:
        message = f"must be a mapping of names to {kind}, not {described(node.value)}"
        faults.add(file, node.line, node.column, kind, message)
        return
    known = collected.named[kind]
    for name, child in node.children.items():
        line, column = node.keys[name]
        entry = Entry(faults, file, (kind, name), child, line, column)
        if name in known:
            first = known[name]
            entry.fault(f"the name {name!r} is taken already, by {first.position}")
            first.faults.add(
                first.file,
                first.line,
                first.column,
                f"{kind}.{name}",
                f"the name {name!r} is used again, at {entry.position}",
            )
            collected.twice.add((kind, name))
            continue
        if fault := name_fault(name):
            entry.fault(fault)
        known[name] = entry


def _collect_listed(collected: Collected, file: str, node: Node) -> None:
    """Limits may also be a list, as Dagster writes them; their names are then their places."""
    for index, child in node.children.items():
        name = f"{file}#{index + 1}"
        collected.named["limits"][name] = Entry(
            collected.faults, file, ("limits", str(index + 1)), child, child.line, child.column
        )
