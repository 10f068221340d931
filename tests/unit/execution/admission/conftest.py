from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs import database
from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
from tests.conftest import fresh_database
from tests.unit.execution.admission.doors import Doors, doors

YARD = """
jobs:
  line:
    command: ["true"]
    queue: special
    priority: 5
    timeout: 90s
    max_concurrent: 1
    retries: {max_attempts: 3, base: 1s}
    tags: {team: ops}
  steps:
    timeout: 6s
    queue: gpu
    steps: {a: {command: ["true"]}, b: {command: ["true"], needs: [a]}}
  report:
    executor: in_process
    params: {day: {type: string}, pages: {type: integer, default: 3}, dry: {type: boolean, default: false}}
    steps:
      fetch: {command: [echo, "{params.day}"]}
      print: {command: [sh, -c, 'test "$1" = 4', sh, "{params.pages}"], needs: [fetch]}
  harvest:
    executor: in_process
    params: {day: {type: string}}
    steps:
      pick: {command: [echo, "{params.day}"], assets: {apples: {}}}
      press: {command: [echo, "{params.day}"], needs: [pick], assets: {juice: {deps: [apples]}}}
directives:
  careful: Be careful.
schedules:
  line-hourly: {job: line, every: 1h}
  line-once: {job: line, every: 1h, retries: {max_attempts: 1}, priority: 9, timeout: 30s, tags: {team: night}}
  steps-hourly: {job: steps, every: 1h}
  gpu-hourly: {job: gpu_report, every: 1h, directive: careful, retries: {max_attempts: 2}}
agents:
  vaela: {queue: dev, limit: 2, command: ["true"], timeout: 1m, celery_queue: agents, tags: {team: dev}}
"""
INSTANCE = """
storage:
  custom:
    module: scheduler_defs.execution.storage.postgres
    class: SignalboxStorage
    config: {postgres_url: {env: SIGNALBOX_POSTGRES_URL}}
run_coordinator:
  module: scheduler_defs.execution.queue.coordinator
  class: SignalboxRunCoordinator
telemetry: {enabled: false}
"""


@pytest.fixture(scope="module")
def yard(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: str, dagster_template: str
) -> Iterator[Doors]:
    """A location with every kind of job, on a database of its own that the tests of a file share."""
    folder = tmp_path_factory.mktemp("yard")
    (folder / "config").mkdir()
    (folder / "config" / "yard.yaml").write_text(YARD)
    (folder / "dagster.yaml").write_text(INSTANCE)
    with (
        fresh_database(postgres_server, template=dagster_template) as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("SIGNALBOX_POSTGRES_URL", url)
        patch.setenv("SIGNALBOX_CONFIG", str(folder / "config"))
        patch.setenv("SIGNALBOX_STATE", str(folder / "state"))
        with (
            dg.DagsterInstance.from_config(str(folder)) as instance,
            doors(instance, Path(__file__).with_name("location.py")) as found,
        ):
            yield found
        pooled_engine(PoolOptions(url)).dispose()
        database.engine().dispose()
