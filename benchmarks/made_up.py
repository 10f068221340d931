"""A yard of many schedules of every timed kind, for measuring."""

from __future__ import annotations

from pathlib import Path

RULES = (
    "every: 10m, timezone: America/New_York",
    "every: 1h",
    'cron: "*/15 9-17 * * mon-fri", timezone: Europe/Berlin',
    'cron: "30 2 * * *", timezone: America/New_York',
    "rrule: FREQ=HOURLY;INTERVAL=2, timezone: Asia/Tokyo",
    "rrule: FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0, timezone: America/Chicago",
    'cron: "*/5 * * * *", jitter: 2m',
    "every: 1 month, anchor: 2026-01-31T09:00, timezone: Europe/Berlin",
    "at: 2099-12-31T23:00",
    'cron: "0 6 * * mon-fri", exclude: [{holidays: US}, 2026-12-24..2027-01-01]',
)
JOBS = 50


def write_made_up_yard(folder: Path, schedules: int) -> Path:
    """Write `folder/config` with so many schedules of 50 jobs, and limits that some of them reach."""
    config = folder / "config"
    config.mkdir(parents=True)
    jobs = [
        f'  job{n}: {{command: [python3, -c, "print({n})"], max_concurrent: 4, expected: {60 + n * 5}s}}'
        for n in range(JOBS)
    ]
    (config / "jobs.yaml").write_text("\n".join(["jobs:", *jobs, ""]))
    lines = [
        f"  schedule-{n:04}: {{job: job{n % JOBS}, {RULES[n % len(RULES)]}, tags: {{team: team{n % 7}}}}}"
        for n in range(schedules)
    ]
    (config / "schedules.yaml").write_text("\n".join(["schedules:", *lines, ""]))
    (config / "limits.yaml").write_text("limits: {teams: {key: team, per_value: true, limit: 30}}\n")
    return config
