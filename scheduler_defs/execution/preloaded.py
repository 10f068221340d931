"""What of Dagster's and Celery's a stack's processes need: imported once, before they are forked.

Private Dagster names, contract-tested. Not among them is what tells who a process is (`process.is_daemon`).
"""

from __future__ import annotations

PRELOADED = (
    "dagster._cli",
    "dagster._core.instance.factory",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.fs_io_manager",
    "dagster._daemon.controller",
    "dagster._grpc.server",
    "dagster._grpc.proxy_server",
    "dagster_graphql.schema",
    "dagster_webserver.webserver",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.apps.worker",
    "celery.concurrency.prefork",
    "kombu.transport.redis",
    "psycopg2.extras",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "upath.implementations.local",
    "scheduler_defs.execution.storage.postgres",
    "scheduler_defs.execution.queue.coordinator",
    "scheduler_defs.execution.storage.compute_logs",
    "scheduler_defs.execution.storage.artifacts",
)
