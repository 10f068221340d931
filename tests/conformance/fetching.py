"""The source distributions that carry the tests, and what those need beside our own tools."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("dagster", "dagster-postgres")
HELPERS = ("objgraph",)
"""What Dagster's tests import and ours do not."""


def fetch(folder: Path) -> list[Path]:
    """Have them under `folder`, and return what goes on Python's path. A second call fetches nothing.

    Raises SystemExit with pip's last line when it cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = []
    for package in PACKAGES:
        pinned = version(package)
        place = folder / f"{package.replace('-', '_')}-{pinned}"
        if not place.is_dir():
            _pip(
                "download", "--no-deps", "--no-binary", package, "--dest", str(folder), f"{package}=={pinned}"
            )
            (archive,) = folder.glob(f"{package.replace('-', '_')}-{pinned}.tar.gz")
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
            archive.unlink()
        places.append(place)
    helpers = folder / "helpers"
    if not helpers.is_dir():
        _pip("install", "--no-deps", "--target", str(helpers), *HELPERS)
    return [*places, helpers]


def _pip(*words: str) -> None:
    argv = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise SystemExit(f"conformance: pip {words[0]} failed: {''.join(last)}")
