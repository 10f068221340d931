"""Small folders of declarations for tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from scheduler_defs.declarations import LoadResult, load

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)


def write_yard(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into `folder/config`, and return that."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (config / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return config


def load_yard(folder: Path, text: str | bytes | Mapping[str, str | bytes], **options: object) -> LoadResult:
    """Load a yard of one file `a.yaml`, or of several."""
    files = text if isinstance(text, Mapping) else {"a.yaml": text}
    return load(write_yard(folder, files), **options)  # type: ignore[arg-type]


def lines(result: LoadResult) -> list[str]:
    """The faults as a person sees them, without the folder's name."""
    return [str(problem).removeprefix("config/") for problem in result.problems]
