"""A virtual environment with stock Dagster and nothing of ours, in the versions of requirements.lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scheduler_defs.settings import PROJECT_ROOT

PACKAGES = ("dagster", "dagster-webserver", "dagster-postgres", "dagster-celery", "redis", "psycopg2-binary")
LOCK = PROJECT_ROOT / "requirements.lock"
FOLDER = PROJECT_ROOT / ".venv-stock"


def programs() -> Path:
    """The folder of its programs; made when it is missing or older than the lock (about a minute)."""
    ready = FOLDER / ".ready"
    if not ready.exists() or ready.stat().st_mtime < LOCK.stat().st_mtime:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", "--constraint", str(LOCK), *PACKAGES], check=True)
        ready.touch()
    return FOLDER / "bin"
