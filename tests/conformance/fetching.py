"""The source distributions that carry the tests, and what those need beside our own tools."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path, PurePosixPath

PACKAGES = ("dagster", "dagster-postgres", "dagster-graphql", "dagster-webserver", "dagster-celery")
HELPERS = ("objgraph",)
"""What Dagster's tests import and ours do not."""
OWN = "ours"
"""Not a package: tests that this repository has of Dagster's suites."""


def fetch(folder: Path) -> dict[str, Path]:
    """Have them under `folder`; returns what goes on Python's path, by package. A second call fetches nothing.

    Of each package only the tests are unpacked: what they test is what is installed. Raises SystemExit with
    pip's last line when it cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = {package: _tests_of(package, folder) for package in PACKAGES}
    helpers = folder / "helpers"
    if not helpers.is_dir():
        _pip("install", "--no-deps", "--target", str(helpers), *HELPERS)
    return {**places, "helpers": helpers, OWN: Path(__file__).parent}


def _tests_of(package: str, folder: Path) -> Path:
    pinned = version(package)
    place = folder / f"tests-{package}-{pinned}"
    if not place.is_dir():
        _pip("download", "--no-deps", "--no-binary", package, "--dest", str(folder), f"{package}=={pinned}")
        (archive,) = folder.glob(f"{package.replace('-', '_')}-{pinned}.tar.gz")
        beside = folder / f"{place.name}.new"
        with tarfile.open(archive) as opened:
            for member in opened.getmembers():
                inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
                if inside.parts and inside.parts[0].endswith("_tests"):
                    opened.extract(member.replace(name=str(inside), deep=False), beside, filter="data")
        beside.rename(place)
        archive.unlink()
    return place


def _pip(*words: str) -> None:
    argv = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise SystemExit(f"conformance: pip {words[0]} failed: {''.join(last)}")
