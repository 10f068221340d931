"""What changed between two service maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scheduler_defs.jobs.service_map.snapshot import Snapshot, services

Identity = Mapping[str, str]
"""What is compared: what a thing is called, and what about it counts as a change when it differs."""


@dataclass(frozen=True)
class Change:
    """`what` is listener, service or container; `change` is appeared, disappeared or changed."""

    what: str
    change: str
    name: str
    detail: str = ""


def identities(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """The part of a snapshot that the next report is compared with; pids and loads are no changes."""
    return {
        "listener": {
            f"{item.protocol} {item.address}:{item.port}": item.service or "?"
            for item in snapshot.listeners
            # Ports that clients and resolvers bind for a moment would change in every report.
            if item.protocol.startswith("tcp") or item.port < _FIRST_EPHEMERAL_PORT
        },
        "service": {
            f"{item.name} ({item.user})": str(item.processes) for item in services(snapshot.processes)
        },
        "container": {item.name: f"{item.image} {item.status}" for item in snapshot.containers or ()},
    }


def compare(before: Mapping[str, Any], after: Mapping[str, Identity]) -> list[Change]:
    """The changes from one set of identities to the next, sorted."""
    changes: list[Change] = []
    for what, new in after.items():
        old = before.get(what, {})
        changes += [Change(what, "appeared", name, new[name]) for name in new.keys() - old.keys()]
        changes += [Change(what, "disappeared", name, old[name]) for name in old.keys() - new.keys()]
        changes += [
            Change(what, "changed", name, f"{old[name]} -> {new[name]}")
            for name in new.keys() & old.keys()
            if old[name] != new[name]
        ]
    return sorted(changes, key=lambda change: (change.what, change.name, change.change))


_FIRST_EPHEMERAL_PORT = 32_768
"""Linux' default `net.ipv4.ip_local_port_range` starts here."""
