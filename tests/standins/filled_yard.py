"""A yard with a past, in a real Postgres and behind the real webserver, without processes that work.

What pages show is there at once: schedules with occurrences, runs with attempts and files, tasks in every
state, an agent that is quiet, alerts that wait. Nothing of it changes while a test looks at it.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvicorn

from scheduler_defs import database, tags
from scheduler_defs.declarations.models.access import Access
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.doors.hosts import allowed, origin
from scheduler_defs.web.server import SignalboxWebserver
from tests.standins.web import CREDENTIAL, YARD, instance_with

PREFIX = "/yard"
"""Where a proxy would have it: what works below a prefix works without one."""
LONG = "a-name-that-goes-on-and-on-because-somebody-has-written-the-whole-story-of-the-import-into-it"
YARD_YAML = f"""
defaults: {{timezone: Europe/Berlin}}
schedules:
  nightly: {{job: deploy, cron: "0 2 * * mon-fri", owner: ann, description: "Ships what was merged"}}
  imports: {{job: deploy, every: 10m, max_per_job: 2}}
  {LONG}: {{job: report, cron: "*/15 * * * *"}}
  monthly: {{job: report, rrule: FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0}}
  once: {{job: report, at: "2099-12-31T23:00"}}
  gate: {{job: report, check_every: 5m, when: {{subject: "file.exists:/tmp/gate", op: eq, value: true}}}}
  resting: {{job: report, every: 1h, enabled: false}}
jobs:
  deploy:
    command: [echo, "{{params.place}}"]
    params:
      place: {{type: string, choices: [test, live], default: test, description: "Where to"}}
      tries: {{type: integer, minimum: 1, maximum: 9, default: 3}}
      loud: {{type: boolean, default: false}}
    max_concurrent: 2
  report: {{command: ["true"]}}
limits:
  one-team: {{key: team, limit: 1}}
agents:
  vaela: {{queue: dev, limit: 2, command: ["true"]}}
  damien: {{queue: dev, limit: 1, command: ["true"]}}
  oscar: {{queue: qa, limit: 1, command: ["true"]}}
"""
_PAST = """
INSERT INTO signalbox.declaration_versions (hash, content, actor, since, until) VALUES
    ('a', '{}', 'ann', now() - interval '40 days', now() - interval '9 days'),
    ('b', '{}', 'ben', now() - interval '9 days', NULL);
INSERT INTO signalbox.schedule_rules (schedule, since, until, decided, version, hash, rule) VALUES
    ('nightly', now() - interval '40 days', now() - interval '9 days', NULL, 1, 'x', CAST(:before AS jsonb)),
    ('nightly', now() - interval '9 days', NULL, NULL, 2, 'y', CAST(:since AS jsonb));
INSERT INTO signalbox.occurrences
    (schedule, due, job, outcome, reason, numbers, run_id, tick, decided_at, decided_by, version)
SELECT s.name, date_trunc('hour', now()) - n * s.step, 'deploy',
    CASE WHEN n % 9 = 4 THEN 'skipped' WHEN n % 11 = 6 THEN 'missed' ELSE 'launched' END,
    CASE WHEN n % 9 = 4 THEN 'paused' WHEN n % 11 = 6 THEN 'not_caught_up' END,
    CASE WHEN n % 9 = 4 THEN '{"actor": "ann", "until": null, "why": "works on the line"}'::jsonb
         WHEN n % 11 = 6 THEN '{"catch_up": "none"}'::jsonb ELSE '{}'::jsonb END,
    CASE WHEN n % 9 = 4 OR n % 11 = 6 THEN NULL ELSE s.name || '-' || n END,
    date_trunc('hour', now()) - n * s.step, now() - n * s.step, 'test:1', 2
FROM (VALUES ('nightly', interval '1 day'), ('imports', interval '10 minutes'), (:long, interval '15 minutes'))
    AS s (name, step), generate_series(1, 40) AS n;
INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp, update_timestamp,
                  start_time, end_time)
SELECT run_id, 'deploy', CASE WHEN number % 5 = 2 THEN 'FAILURE' ELSE 'SUCCESS' END, '{}',
    due AT TIME ZONE 'UTC', due AT TIME ZONE 'UTC', extract(epoch FROM due) + number % 7,
    extract(epoch FROM due) + 20 + 13 * (number % 17)
FROM (SELECT run_id, due, substring(run_id FROM '[0-9]+$')::int AS number
      FROM signalbox.occurrences WHERE run_id IS NOT NULL) AS found ORDER BY due;
INSERT INTO run_tags (run_id, key, value)
SELECT run_id, tag.key, tag.value FROM signalbox.occurrences, LATERAL (VALUES
    (:schedule, schedule), (:job, 'deploy'), (:trigger, 'schedule'), (:scheduled_for, due::text),
    (:max_attempts, '3')) AS tag (key, value)
WHERE run_id IS NOT NULL;
INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp, update_timestamp,
                  start_time, end_time)
VALUES ('nightly-2-again', 'deploy', 'SUCCESS', '{"signalbox/root_run": "nightly-2"}', now() AT TIME ZONE 'UTC',
        now() AT TIME ZONE 'UTC', extract(epoch FROM now()) - 30, extract(epoch FROM now())),
       ('at-work', 'deploy', 'STARTED', '{}', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC',
        extract(epoch FROM now()) - 300, NULL),
       ('in-line', 'deploy', 'QUEUED', '{}', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', NULL, NULL);
INSERT INTO run_tags (run_id, key, value)
SELECT 'nightly-2-again', tag.key, tag.value FROM (VALUES (:schedule, 'nightly'), (:job, 'deploy'),
    (:trigger, 'retry'), (:attempt, '2'), (:max_attempts, '3'), (:root_run, 'nightly-2'),
    (:scheduled_for, (SELECT due::text FROM signalbox.occurrences WHERE run_id = 'nightly-2')))
    AS tag (key, value)
UNION ALL SELECT 'at-work', tag.key, tag.value FROM (VALUES (:task, '3'), (:agent, 'vaela'), (:queue, 'dev'),
    (:trigger, 'agent_queue'), (:job, 'deploy')) AS tag (key, value)
UNION ALL SELECT 'in-line', :job, 'deploy' UNION ALL SELECT 'in-line', :trigger, 'manual';
INSERT INTO signalbox.tasks (id, title, queue, created_by, priority, tags, description, status, finished_at,
                             agent, run_id, claimed_at, assigned_to)
VALUES (1, 'Oil the points', 'dev', 'ann', 2, '{track}', 'with the *thin* oil', 'idle', NULL, NULL, NULL, NULL, NULL),
    (2, 'Paint the signal', 'dev', 'ann', 0, '{}', NULL, 'idle', NULL, NULL, NULL, NULL, 'damien'),
    (3, 'Lay the cable', 'dev', 'ben', 0, '{track,cable}', NULL, 'working', NULL, 'vaela', 'at-work', now(), NULL),
    (4, 'Test the cable', 'qa', 'ben', 0, '{cable}', NULL, 'idle', NULL, NULL, NULL, NULL, NULL),
    (5, 'Which colour?', 'dev', 'ben', 0, '{}', NULL, 'waiting_for_human', NULL, 'damien', NULL, NULL, NULL),
    (6, :long, 'dev', 'ben', 0, '{}', NULL, 'failed', now(), 'damien', NULL, NULL, NULL),
    (7, 'Find the lamp', 'dev', 'ben', 0, '{}', NULL, 'complete', now(), 'vaela', NULL, NULL, NULL),
    (8, 'Light the lamp', 'dev', 'ben', 0, '{}', NULL, 'idle', NULL, NULL, NULL, NULL, NULL),
    (9, 'Report', 'qa', 'ben', 0, '{}', NULL, 'idle', NULL, NULL, NULL, NULL, NULL);
SELECT setval(pg_get_serial_sequence('signalbox.tasks', 'id'), 100);
INSERT INTO signalbox.task_blockers (task_id, blocker_id) VALUES (4, 3), (9, 4), (9, 1);
INSERT INTO signalbox.task_comments (task_id, content, created_by) VALUES (3, 'half of it lies', 'vaela');
INSERT INTO signalbox.inbox (kind, subject, key, body, asked_by)
VALUES ('question', 'task:5', 'q5', 'Red or green?', 'damien');
INSERT INTO signalbox.workers (id, host, pid, queues, slots, versions)
VALUES ('runs@box', 'box', 12, '{dagster}', 4, '{"signalbox": "0.1.0", "dagster": "1.13.27"}'),
       ('agents@box', 'box', 13, '{agents}', 2, '{"signalbox": "0.1.0", "dagster": "1.13.27"}');
INSERT INTO signalbox.alerts (channel, rule, document, attempts, fault)
VALUES ('chat', 'failed', '{"text": "nightly has failed"}', 3, 'the server answered 503');
INSERT INTO signalbox.agent_states (agent, state, reason, actor) VALUES ('oscar', 'paused', 'on holiday', 'ann');
"""


@dataclass(frozen=True)
class FilledYard:
    """Where its pages are, and what stands behind them."""

    ui: str
    engine: sa.Engine
    state: Path
    config: Path


@contextmanager
def filled_yard(folder: Path, dagster_url: str, patch: pytest.MonkeyPatch) -> Iterator[FilledYard]:
    """Its webserver listens on a free port of loopback until the end."""
    config, state = folder / "config", folder / "state"
    for each in (config, state):
        each.mkdir(parents=True, mode=0o700)
    (config / "yard.yaml").write_text(YARD_YAML)
    (folder / "yard.py").write_text(YARD)
    for name, value in {"CONFIG": config, "STATE": state, "POSTGRES_URL": dagster_url}.items():
        patch.setenv(f"SIGNALBOX_{name}", str(value))
    engine = sa.create_engine(dagster_url)
    with engine.begin() as connection:
        connection.execute(sa.text(_PAST), _values())
    _keep_files(state / "artifacts" / "nightly-2-again")
    with instance_with(folder / "yard.py") as context, socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = SignalboxWebserver(
            context,
            hosts=allowed("127.0.0.1", [address]),
            origins=frozenset({origin(address)}),
            identities=Identities(access=Access, engine=database.engine, credential=CREDENTIAL),
            path_prefix=PREFIX,
        )
        serving = uvicorn.Server(uvicorn.Config(server.create_asgi_app(), log_level="error"))
        thread = threading.Thread(target=serving.run, args=([listening],), daemon=True)
        thread.start()
        try:
            while not serving.started:
                assert thread.is_alive(), "the webserver has ended"
                time.sleep(0.05)
            yield FilledYard(f"{address}{PREFIX}", engine, state, config)
        finally:
            serving.should_exit = True
            thread.join(20)
    engine.dispose()
    database.engine().dispose()


def _values() -> dict[str, str]:
    names = "schedule job trigger scheduled_for max_attempts attempt root_run task agent queue"
    values = {name: getattr(tags, name.upper()) for name in names.split()}
    return {**values, "long": LONG, "before": _rule("0 3 * * *"), "since": _rule("0 2 * * mon-fri")}


def _rule(cron: str) -> str:
    """As the ledger keeps it."""
    timing = {"is": "CronSpec", "expressions": [cron], "timezone": "Europe/Berlin"}
    return json.dumps(
        {"kind": "cron", "timezone": "Europe/Berlin", "enabled": True, "timing": timing, "policies": {}}
    )


def _keep_files(folder: Path) -> None:
    (folder / "plots").mkdir(parents=True)
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    (folder / "plots" / "dot.png").write_bytes(base64.b64decode(dot))
    (folder / "report.md").write_text(
        "# Report\n\n<script>alert(1)</script>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    (folder / "data.csv").write_text("a,b\n1,2\n")
