"""`--set key=value`: how values come from a command line into a run's config."""

from __future__ import annotations

from typing import Any

from scheduler_defs.errors import UsageError


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """`["n=3", "name=x"]` as `{"n": 3, "name": "x"}`; values are read as YAML, dots make nested mappings.

    Raises UsageError for a pair without `=` or with an unreadable value.
    """
    import yaml

    found: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise UsageError(f"--set {pair!r}: write key=value")
        try:
            value = yaml.safe_load(text) if text else ""
        except yaml.YAMLError as error:
            raise UsageError(f"--set {pair!r}: {str(error).splitlines()[0]}") from error
        *parents, last = key.split(".")
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise UsageError(f"--set {pair!r}: {parent} already has a value")
        place[last] = value
    return found
