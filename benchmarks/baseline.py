"""What has been measured once, and whether it has become worse since.

Only ratios are compared (imports, statements, CPU in units of the machine, memory), never wall clock, which
says more of the machine's other guests than of the program.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from scheduler_defs.cli.bench.figures import Change, compare

TOLERANCE_PERCENT = 10.0


def document(ratios: Iterable[tuple[str, list[float]]], wall: Mapping[str, Any]) -> dict[str, Any]:
    """The medians and spreads of the ratios, and the wall clock's bars beside them."""
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]},
        "ratios": {
            name: {
                "median": statistics.median(values),
                "spread": max(values) - min(values),
                "times": len(values),
            }
            for name, values in ratios
        },
        "wall": dict(wall),
    }


def steady(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same without CPU, which is not measured on a machine in use."""
    return _only(found, lambda name: not name.startswith("CPU"))


def imports_alone(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same with nothing but the imports, which no machine has a say in."""
    return _only(found, lambda name: name.startswith("modules"))


def regressions(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """The ratios that are over `TOLERANCE_PERCENT` worse than in the baseline, or are not measured now."""
    changes = compare(_medians(before), _medians(now), TOLERANCE_PERCENT)
    return [change for change in changes if change.worse]


def read(file: Path) -> dict[str, Any]:
    """A document that was written before. Raises SystemExit with one line for anything else."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not _medians(found):
            raise ValueError("it has no ratios")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{file}: not a baseline of `make bars`: {error}") from None
    return found


def write(file: Path, found: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _only(found: Mapping[str, Any], wanted: Callable[[str], bool]) -> dict[str, Any]:
    ratios = {name: numbers for name, numbers in found["ratios"].items() if wanted(name)}
    return {**found, "ratios": ratios}


def _medians(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(numbers["median"]) for name, numbers in found["ratios"].items()}
