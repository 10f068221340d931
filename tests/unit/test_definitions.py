"""The code location, which the code server, each worker and many a command load."""

from __future__ import annotations

import subprocess
import sys


def test_when_it_is_imported_nothing_is_loaded_that_only_ticks_and_runs_need() -> None:
    code = (
        "import sys, scheduler_defs.definitions; "
        "print(sorted({'sqlalchemy', 'alembic', 'celery', 'psycopg2', 'httpx', 'apprise'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
