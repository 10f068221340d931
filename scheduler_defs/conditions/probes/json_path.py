"""JSONPath that picks one value (RFC 9535, singular queries): `$`, `.name`, `['any name']`, `[0]`, `[-1]`."""

from __future__ import annotations

import re
from typing import Any

_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff-]*)|\[(?P<index>-?\d{1,9})\]"""
    r"""|\['(?P<single>(?:[^'\\]|\\.)*)'\]|\["(?P<double>(?:[^"\\]|\\.)*)"\]"""
)


def steps(path: str) -> list[str | int]:
    """The names and indexes of a path. Raises ValueError that shows the first thing that is no step."""
    if not path.startswith("$"):
        raise ValueError(f"JSON path {path!r} must start with $, as in $.status or $.items[0]")
    found: list[str | int] = []
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise ValueError(f"JSON path {path!r}: {path[position:]!r} is not .name, ['name'] or [number]")
        if step["index"] is not None:
            found.append(int(step["index"]))
        elif step["name"] is not None:
            found.append(step["name"])
        else:
            quoted = step["single"] if step["single"] is not None else step["double"]
            found.append(re.sub(r"\\(.)", r"\1", quoted))
        position = step.end()
    return found


def pick(document: Any, path: str) -> Any:
    """The value at the path; None when there is none."""
    value = document
    for step in steps(path):
        if isinstance(step, int):
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return None
            value = value[step]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value
