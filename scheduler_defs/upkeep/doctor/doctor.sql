-- name: clock
-- The database's clock, and Postgres' version.
SELECT clock_timestamp() AS now, current_setting('server_version') AS version

-- name: connections
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
       current_setting('max_connections')::int AS allowed

-- name: workers
SELECT id, versions, queues, extract(epoch FROM clock_timestamp() - heartbeat)::float8 AS silence, draining
FROM signalbox.workers ORDER BY id

-- name: unlaunched
-- Occurrences that were decided and whose run is still not there, and those that should have been looked at.
SELECT count(*) AS count, min(due) AS oldest
FROM signalbox.occurrences
WHERE outcome = 'launched' AND created_at IS NULL AND decided_at < clock_timestamp() - interval '2 minutes'

-- name: expired_leases
-- Leases that ran out, and whose run is still taken for running.
SELECT count(*) AS count, min(expires) AS oldest
FROM signalbox.leases JOIN runs USING (run_id)
WHERE leases.expires < clock_timestamp() - interval '2 minutes' AND runs.status IN ('STARTED', 'CANCELING')

-- name: failing_sensors
-- Sensors whose newest tick failed, among the newest ticks: there is no index by time alone.
SELECT DISTINCT ON (selector_id) selector_id, status, tick_body
FROM job_ticks
WHERE type = 'SENSOR' AND id > (SELECT max(id) FROM job_ticks) - 20000
  AND timestamp > (now() AT TIME ZONE 'UTC') - interval '1 hour'
ORDER BY selector_id, id DESC

-- name: alerts_waiting
SELECT count(*) FILTER (WHERE sent_at IS NULL AND given_up_at IS NULL) AS waiting,
       count(*) FILTER (WHERE given_up_at > clock_timestamp() - interval '1 day') AS given_up
FROM signalbox.alerts

-- name: waiting_queues
-- Celery queues that runs wait for.
SELECT DISTINCT coalesce(t.value, 'runs') FROM runs r
LEFT JOIN run_tags t ON t.run_id = r.run_id AND t.key = 'dagster-celery/queue'
WHERE r.status = 'QUEUED'
