"""What the runbooks of the old systems name: variables, health checks, commands, endpoints, faults.

Each must stand in the left column of the page that takes its readers over.
"""

BRAIN = """
Docker and Compose; brain.yml; .env.sample; ./data/postgres; ./data/redis; beat-schedule; ./data/signal
OBSIDIAN_VAULT_PATH; signal-cli-rest-api; LettA; POSTGRES_PASSWORD; USER_TIMEZONE; CELERY_BROKER_URL
CELERY_RESULT_BACKEND; CELERY_QUEUE_NAME; scheduler.default_max_attempts; scheduler.default_backoff_strategy
scheduler.backoff_base_seconds; scheduler.failure_notification_threshold
scheduler.failure_notification_throttle_seconds; restart for any change; celery-worker; celery-beat; schedules
task_intents; executions; schedule_audit_logs; execution_audit_logs; alembic current -vv; attention router
execution_dispatcher; failure_notifications; policy-core; docker compose up -d redis postgres; pg_isready
docker compose up -d signal-api letta agent; logs --tail 40 celery-beat; logs --tail 40 celery-worker
poetry run celery; docker compose stop; docker compose down --volumes; ScheduleCommandService
UPDATE schedules SET state = 'paused'; docker compose ps; inspect ping; inspect active; grep scheduler.dispatch
SELECT id, state, next_run_at; SELECT id, status, last_error_message; audit tables; secrets.yml
broker unavailable; docker compose restart redis; file is corrupted; retry_scheduled; trace_id
an active schedule never fires; next_run_at; unsupported; notifications are blocked; docker compose rm -f
git checkout; docker compose build; --force-recreate; from a backup; schedule-review-ops
scheduler-decision-record; scheduler-adapter-config-boundary
"""
PBPK = """
JOB_BACKEND=celery; CELERY_BROKER_URL; CELERY_RESULT_BACKEND; eager mode; JOB_REGISTRY_PATH; SESSION_BACKEND
SESSION_REDIS_URL; AUDIT_STORAGE_BACKEND=s3; TLS; the same image; docker-compose.celery.yml; make benchmark
mcp_bridge.benchmarking; docker compose restart worker; /mcp/capabilities; /get_job_status; --scale worker=3
CELERY_WORKER_CONCURRENCY; --concurrency; routing keys; registry volume; celery -E; Flower; queue depth
job age; worker offline for more than 60 s; broker errors; var/audit; docker compose logs worker; partial jobs
broker outage; /health; inspect active; .tmp; /jobs/{id}/events; /mcp/jobs/{id}/cancel
celery control revoke --terminate; registry by hand; registry corruption; rotate; AOF; RDB; prune-stale; dump
retry statistics; JOB_MAX_RETRIES; AppConfig.from_env(); capacity; dashboards; var/benchmarks; on-call
"""
CYBER_BRAIN = """
Schedule.name; job; directive; custom_directive_text; enabled; schedule_type: interval; interval_minutes
cron_expr; timezone; task3_scope; max_global; max_per_job; last_run_at; next_run_at; ScheduledRun; started_at
finished_at; error_summary; claimed_by; claimed_until; skip_locked; GET /api/schedules/; POST /api/schedules/
GET /api/schedules/{id}/; PATCH; DELETE; run-now; enable; disable; history; /webui/schedules/; Create Example
Run Now; /logs; report_markdown; report_json; LLMCall; local-only LLM; allowlist; run_scheduler --interval=30
manage.py migrate; --claim-ttl; --claimant; POSTGRES_*; CYBER_BRAIN_LOGS; UPLOADS_DIR; docker.sock; depends_on
restart: unless-stopped; docker-compose up -d scheduler; docker-compose logs -f scheduler; curl; localhost:9595
smoke_phase2.py; croniter; multiple runs per tick; double runs after a restart; concurrency is not enforced
"""
TINYSCHEDULER = """
TINYSCHEDULER_AGENT_CONTROL_FILE; TINYSCHEDULER_AGENT_LIMITS; TINYSCHEDULER_DISABLE_BLOCKING
TINYSCHEDULER_HEARTBEAT_SEC; TINYSCHEDULER_LOOP_INTERVAL_SEC; ps aux; tail -50; -mmin +60; grep ERROR
Loaded agent registry; Starting reconciliation; tasks_spawned; Assigning task; grep -c AGENT; available slots
Processing queue; unassigned tasks in queue; Agent types (queues); queue-metrics.sh
/api/queues/dev/tasks?status=idle; tinytask queue list dev --status idle; alert-queue-depth.sh; add an agent
tinyscheduler validate-config; grep newagent; remove an agent; systemctl restart tinyscheduler; watch -n 5
rebalance; pool-health.sh; tasks not being assigned; load imbalance; config --show; queue not being processed
control file will not load; json.tool; chmod; agent not recognized; recipes/AGENT.yaml; slow reconciliation
tinyscheduler.lock; high error rate; Filtered out; /api/tasks; wrong task first; Prioritizing; blocks
blocked tasks pile up; capacity formula; logrotate; cleanup-old-leases.sh; copies of the control file
audit-config.sh; config --show --json; systemctl stop tinyscheduler; kill; remove an agent at once
stuck reconciliation; roll back; tinyscheduler run --once
"""
NAMED = {
    page: [each.strip() for line in text.strip().splitlines() for each in line.split(";")]
    for page, text in {
        "brain": BRAIN,
        "pbpk-bridge": PBPK,
        "cyber-brain": CYBER_BRAIN,
        "tinyscheduler": TINYSCHEDULER,
    }.items()
}
