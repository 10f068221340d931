"""Which of Dagster's tests are run: the suites, by name."""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.fetching import OWN


@dataclass(frozen=True)
class Suite:
    """Some files of tests. `without`: names (substrings) that are left out, which `why_without` gives a reason for.

    `fresh`: each instance that its tests ask for is made of the classes under test (`instances`).
    """

    title: str
    package: str
    files: tuple[str, ...]
    without: tuple[str, ...] = ()
    fresh: bool = True


_DAEMONS = "dagster_tests/daemon_tests"
_SCHEDULER = "dagster_tests/scheduler_tests"
_GRAPHQL = "dagster_graphql_tests/graphql"

SUITES = {
    "storages": Suite(
        "runs, events, schedules and ticks, daemon cursors, compute logs",
        OWN,
        ("suites/storages.py",),
        fresh=False,
    ),
    "coordinator": Suite(
        "run queue: limits, priorities, pools, runs that cannot be launched",
        "dagster",
        (
            f"{_DAEMONS}/test_queued_run_coordinator_daemon.py",
            "dagster_tests/core_tests/run_coordinator_tests",
        ),
    ),
    "scheduler": Suite(
        "schedules: runs, recovery after a crash, time zones",
        "dagster",
        (
            f"{_SCHEDULER}/test_scheduler_run.py",
            f"{_SCHEDULER}/test_scheduler_failure_recovery.py",
            f"{_SCHEDULER}/test_scheduler_timezones.py",
            f"{_SCHEDULER}/test_scheduler_utils.py",
            f"{_SCHEDULER}/test_pythonic_resources.py",
            f"{_SCHEDULER}/test_no_instance_with_no_resources_on_schedule.py",
        ),
    ),
    "sensors": Suite(
        "sensors of every kind, their cursors and recovery", "dagster", ("dagster_tests/daemon_sensor_tests",)
    ),
    "daemons": Suite(
        "monitoring, concurrency and freshness daemons, heartbeats",
        "dagster",
        (
            f"{_DAEMONS}/test_monitoring_daemon.py",
            f"{_DAEMONS}/test_concurrency_daemon.py",
            f"{_DAEMONS}/test_freshness_daemon.py",
            f"{_DAEMONS}/test_dagster_daemon.py",
        ),
    ),
    "backfills": Suite(
        "backfills, and their recovery after a crash",
        "dagster",
        (f"{_DAEMONS}/test_backfill.py", f"{_DAEMONS}/test_backfill_failure_recovery.py"),
    ),
    "launcher": Suite(
        "runs on our workers: success, crash, exit, cancel, a job that cannot be loaded",
        "dagster",
        ("dagster_tests/launcher_tests/test_default_run_launcher.py",),
    ),
    "webserver": Suite(
        "the server, its routes and subscriptions", "dagster-webserver", ("dagster_webserver_tests",)
    ),
    "graphql": Suite(
        "runs, feed, cancel, retry, schedules, sensors, backfills, permissions, logs",
        "dagster-graphql",
        tuple(
            f"{_GRAPHQL}/test_{name}.py"
            for name in (
                "runs",
                "runs_feed",
                "run_cancellation",
                "retry_execution",
                "scheduler",
                "sensors",
                "instigation",
                "partition_backfill",
                "permissions",
                "daemon_health",
                "captured_logs",
            )
        ),
        # The same tests again with a code server that was started in another way.
        without=("code_server_cli", "deployed_grpc"),
    ),
    "celery": Suite(
        "dagster-celery's executor, queues and priorities on our workers",
        "dagster-celery",
        tuple(f"dagster_celery_tests/test_{name}.py" for name in ("execute", "priority", "queues")),
    ),
}
