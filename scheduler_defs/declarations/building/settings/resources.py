"""Settings of the resources, from the `resources:` of all files."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from scheduler_defs.declarations.building.common import unknown_name
from scheduler_defs.declarations.models.settings.resources import Resources
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.explaining import read_entry
from scheduler_defs.declarations.written.settings.resources import ResourcesEntry


def build_resources(entries: list[Entry], channels: Collection[str]) -> Resources:
    """The settings; a resource that two files set is a fault. `channels` are the alert channels there are."""
    given: dict[str, dict[str, Any]] = {}
    places: dict[str, Entry] = {}
    for entry in entries:
        written = read_entry(entry, ResourcesEntry)
        if written is None:
            continue
        for name in written.model_fields_set:
            settings = getattr(written, name)
            if settings is None:
                continue
            if name in places:
                first = places[name].place_of(name)
                entry.fault(f"{name} is set already, at {first}", name, on_key=True)
                continue
            places[name] = entry
            given[name] = settings.model_dump(exclude_none=True)
        for index, channel in enumerate((written.notifier and written.notifier.channels) or ()):
            if channel not in channels:
                fault = unknown_name("alert channel", channel, channels)
                entry.fault(fault, "notifier", "channels", index)
                given.pop("notifier", None)
    return Resources.model_validate(given)
