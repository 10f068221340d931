-- Read at each scrape, over indexes: now(), and not clock_timestamp(), which no index can be searched by.

-- name: queue
-- Waiting runs by Celery queue, and since when the oldest of each waits (seconds).
SELECT coalesce(t.value, 'runs') AS queue, count(*) AS depth,
       extract(epoch FROM (now() AT TIME ZONE 'UTC') - min(r.create_timestamp))::float8 AS oldest
FROM runs r LEFT JOIN run_tags t ON t.run_id = r.run_id AND t.key = 'dagster-celery/queue'
WHERE r.status = 'QUEUED'
GROUP BY 1

-- name: active
SELECT status, count(*) AS runs FROM runs
WHERE status IN ('NOT_STARTED', 'QUEUED', 'STARTING', 'STARTED', 'CANCELING') GROUP BY status

-- name: ended
-- Runs that ended in the last hour, by how they ended: how long they took, and how long they waited.
SELECT status, count(*) AS runs,
       coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY end_time - start_time), 0)::float8 AS took_p50,
       coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY end_time - start_time), 0)::float8 AS took_p95,
       coalesce(percentile_cont(0.95) WITHIN GROUP (
           ORDER BY start_time - extract(epoch FROM create_timestamp)), 0)::float8 AS waited_p95
FROM runs
WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')
  AND update_timestamp > (now() AT TIME ZONE 'UTC') - interval '1 hour'
  AND end_time > extract(epoch FROM now()) - 3600
GROUP BY status

-- name: spread
-- The same runs, where they began, by between which bounds their length and their wait lie.
SELECT status, 'took' AS what, width_bucket(took, CAST(:bounds AS float8[])) AS bucket, count(*) AS runs,
       sum(took)::float8 AS seconds
FROM (SELECT status, end_time - start_time AS took FROM runs
      WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED') AND start_time IS NOT NULL
        AND update_timestamp > (now() AT TIME ZONE 'UTC') - interval '1 hour'
        AND end_time > extract(epoch FROM now()) - 3600) AS ended
GROUP BY 1, 2, 3
UNION ALL
SELECT status, 'waited', width_bucket(waited, CAST(:bounds AS float8[])), count(*), sum(waited)::float8
FROM (SELECT status, start_time - extract(epoch FROM create_timestamp)::float8 AS waited FROM runs
      WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED') AND start_time IS NOT NULL
        AND update_timestamp > (now() AT TIME ZONE 'UTC') - interval '1 hour'
        AND end_time > extract(epoch FROM now()) - 3600) AS ended
GROUP BY 1, 2, 3

-- name: waited
-- Runs that began in the last hour, by Celery queue: how long they waited.
SELECT coalesce(t.value, 'runs') AS queue,
       percentile_cont(0.95) WITHIN GROUP (
           ORDER BY greatest(0, r.start_time - extract(epoch FROM r.create_timestamp)))::float8 AS waited_p95
FROM runs r LEFT JOIN run_tags t ON t.run_id = r.run_id AND t.key = 'dagster-celery/queue'
WHERE r.status IN ('STARTED', 'CANCELING', 'SUCCESS', 'FAILURE', 'CANCELED')
  AND r.update_timestamp > (now() AT TIME ZONE 'UTC') - interval '1 hour'
  AND r.start_time > extract(epoch FROM now()) - 3600
GROUP BY 1

-- name: late
-- Of the last hour's occurrences that were launched at their own tick: how long after they were due that was.
SELECT coalesce(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY decided_at - due)), 0)::float8 AS p50,
       coalesce(extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY decided_at - due)), 0)::float8 AS p95
FROM signalbox.occurrences
WHERE decided_at > now() - interval '1 hour' AND outcome = 'launched' AND due <= decided_at
  AND reason IS NULL

-- name: ticks
-- Ticks of the last ten minutes, of the newest ones: there is no index by time alone.
SELECT lower(type) AS kind, lower(status) AS status, count(*) AS ticks FROM job_ticks
WHERE id > (SELECT max(id) FROM job_ticks) - 20000
  AND timestamp > (now() AT TIME ZONE 'UTC') - interval '10 minutes'
GROUP BY 1, 2

-- name: iteration
-- The longest pass over the queue since the daemon's last beat but one; of two daemons, the longer.
SELECT coalesce(max(iteration_seconds), 0)::float8 AS seconds FROM signalbox.daemons
WHERE heartbeat > now() - interval '60 seconds'

-- name: tokens
-- What agents have used in turns that began within a day.
SELECT agent, sum(tokens)::float8 AS tokens FROM signalbox.agent_turns
WHERE began_at > now() - interval '1 day' GROUP BY agent

-- name: budgets
-- How many of the things that each budget counts apart have used it up, and wait for somebody to allow more.
SELECT details ->> 'budget' AS budget, count(*) AS reached FROM signalbox.inbox
WHERE closed_at IS NULL AND details ->> 'budget' IS NOT NULL GROUP BY 1

-- name: workers
SELECT count(*) AS workers, coalesce(sum(slots), 0) AS slots
FROM signalbox.workers WHERE heartbeat > now() - interval '60 seconds'

-- name: leases
SELECT count(*) AS held,
       coalesce(extract(epoch FROM now() - min(renewed)), 0)::float8 AS oldest_renewal
FROM signalbox.leases

-- name: occurrences
-- What became of the occurrences that were decided in the last day.
SELECT outcome, count(*) AS occurrences FROM signalbox.occurrences
WHERE decided_at > now() - interval '1 day' GROUP BY outcome

-- name: gaps
-- Occurrences that were decided, and whose run is not there.
SELECT count(*) AS gaps FROM signalbox.occurrences
WHERE outcome = 'launched' AND created_at IS NULL AND decided_at < now() - interval '2 minutes'

-- name: retries
SELECT count(*) AS waiting FROM run_tags WHERE key = 'signalbox/retry_at' AND value > :now

-- name: alerts
SELECT count(*) AS waiting FROM signalbox.alerts WHERE sent_at IS NULL AND given_up_at IS NULL

-- name: tasks
SELECT queue, status, count(*) AS tasks FROM signalbox.tasks
WHERE status IN ('idle', 'working', 'failed') GROUP BY queue, status

-- name: daemons
SELECT daemon_type AS daemon,
       extract(epoch FROM (now() AT TIME ZONE 'UTC') - timestamp)::float8 AS silence
FROM daemon_heartbeats

-- name: size
SELECT pg_database_size(current_database()) AS bytes
