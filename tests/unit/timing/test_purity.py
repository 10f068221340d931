"""The package stays pure and light. How quick it is, benchmarks/ticks.py measures."""

from __future__ import annotations

import subprocess
import sys


def test_given_the_package_is_imported_then_dagster_and_other_heavy_things_are_not() -> None:
    code = (
        "import sys, scheduler_defs.timing, scheduler_defs.forecasting.simulation.simulate\n"
        "heavy = {'dagster', 'sqlalchemy', 'pydantic', 'holidays', 'croniter', 'dateutil', 'yaml'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
