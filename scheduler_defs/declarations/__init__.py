"""YAML declarations: loaded, checked, and served, the last good set while the files have faults."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scheduler_defs.declarations.loading import BUILTIN_JOBS, LoadResult, load
    from scheduler_defs.declarations.models.declared import Declarations, Problem
    from scheduler_defs.declarations.reading.sources import fingerprint
    from scheduler_defs.declarations.serving import Current, Serving, current

__all__ = [
    "BUILTIN_JOBS",
    "Current",
    "Declarations",
    "LoadResult",
    "Problem",
    "Serving",
    "current",
    "fingerprint",
    "load",
]

_HOME = {
    "BUILTIN_JOBS": "loading",
    "LoadResult": "loading",
    "load": "loading",
    "Declarations": "models.declared",
    "Problem": "models.declared",
    "Current": "serving",
    "Serving": "serving",
    "current": "serving",
    "fingerprint": "reading.sources",
}


def __getattr__(name: str) -> Any:
    """Load a part when it is first used: names and fingerprints must not cost the import of pydantic."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
