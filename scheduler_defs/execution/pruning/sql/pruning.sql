-- What is old in Dagster's tables. Everything is done in batches: no statement holds a lock for long.

-- name: groups
-- Ended runs by job, schedule and status; `last` is the newest of them.
SELECT coalesce(j.value, r.pipeline_name) AS job, s.value AS schedule, r.status, count(*) AS runs, max(r.id) AS last
FROM runs r
LEFT JOIN run_tags j ON j.run_id = r.run_id AND j.key = :job
LEFT JOIN run_tags s ON s.run_id = r.run_id AND s.key = :schedule
WHERE r.status = ANY(:ended)
GROUP BY 1, 2, 3

-- name: run_ids
SELECT run_id FROM runs WHERE id = ANY(:ids)

-- name: cut_offs
-- Of groups that have more runs than stay: the newest that is one too many.
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(CAST(:groups AS jsonb)) AS g (job text, schedule text, status text, most bigint)
), ranked AS (
    SELECT r.id, coalesce(j.value, r.pipeline_name) AS job, s.value AS schedule, r.status,
           row_number() OVER (PARTITION BY coalesce(j.value, r.pipeline_name), s.value, r.status
                              ORDER BY r.id DESC) AS place
    FROM runs r
    LEFT JOIN run_tags j ON j.run_id = r.run_id AND j.key = :job
    LEFT JOIN run_tags s ON s.run_id = r.run_id AND s.key = :schedule
    WHERE r.status = ANY(:ended)
)
SELECT w.job, w.schedule, w.status, ranked.id
FROM wanted w JOIN ranked ON ranked.job = w.job AND ranked.schedule IS NOT DISTINCT FROM w.schedule
    AND ranked.status = w.status AND ranked.place = w.most + 1

-- name: last_old
-- The newest run that can have ended so long ago.
SELECT max(id) FROM runs WHERE create_timestamp < :before

-- name: page
-- The next runs in order, and what speaks for keeping each: nothing, or the first reason that holds. (With EXISTS
-- Postgres would hash all runs for each page.)
SELECT r.id, r.run_id, r.status, coalesce(t.job, r.pipeline_name) AS job, t.schedule, t.run_key IS NOT NULL AND t.trigger = 'sensor' AS keyed,
       coalesce(r.end_time, extract(epoch FROM r.update_timestamp)) AS ended,
       CASE
           WHEN r.status <> ALL(:ended) THEN 'not_finished'
           WHEN t.retry_at BETWEEN '0' AND '9' AND (
               SELECT true FROM run_tags c WHERE c.key = :parent AND c.value = r.run_id LIMIT 1) IS NULL
               THEN 'retry_waits'
           WHEN (SELECT true FROM runs p WHERE p.run_id = t.parent) THEN 'retry_of_kept'
           WHEN (SELECT true FROM signalbox.leases l WHERE l.run_id = r.run_id AND l.lost IS NULL LIMIT 1) THEN 'lease'
           WHEN (SELECT true FROM signalbox.assignments a WHERE a.run_id = r.run_id AND a.ended_at IS NULL)
               THEN 'task'
           WHEN (SELECT true FROM asset_keys a WHERE a.last_run_id = r.run_id LIMIT 1) THEN 'asset'
           WHEN r.run_id = ANY(:of_assets) THEN 'asset'
           WHEN EXISTS (SELECT FROM bulk_actions b WHERE b.key = r.backfill_id
                        AND b.status IN ('REQUESTED', 'CANCELING', 'FAILING')) THEN 'backfill'
       END AS kept
FROM (SELECT * FROM runs WHERE id > :after AND id <= :last ORDER BY id LIMIT :most) r
CROSS JOIN LATERAL (
    SELECT max(value) FILTER (WHERE key = :job) AS job,
           max(value) FILTER (WHERE key = :schedule) AS schedule,
           max(value) FILTER (WHERE key = :parent) AS parent,
           max(value) FILTER (WHERE key = :run_key) AS run_key,
           max(value) FILTER (WHERE key = :trigger) AS trigger,
           max(value) FILTER (WHERE key = :retry_at) COLLATE "C" AS retry_at
    FROM run_tags WHERE run_id = r.run_id
) t
ORDER BY r.id

-- name: of_assets
-- Runs by which an asset stands: the newest materialization of a partition, the newest execution of a check.
SELECT run_id FROM event_logs WHERE id IN (
    SELECT max(id) FROM event_logs
    WHERE asset_key IS NOT NULL AND partition IS NOT NULL AND dagster_event_type = 'ASSET_MATERIALIZATION'
    GROUP BY asset_key, partition)
UNION
SELECT run_id FROM asset_check_executions
WHERE id IN (SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name, partition)

-- name: count_events
-- Without those that `old_lines` counts.
SELECT count(*) FROM event_logs
WHERE run_id = ANY(:runs)
  AND NOT ((dagster_event_type IS NULL OR dagster_event_type = 'ENGINE_EVENT') AND timestamp < :before)

-- name: delete_runs
-- As Dagster's delete_run: the run, its tags (by cascade), its events and what those say of assets. A run key of
-- such a run is free again; what occurrences are claimed by stays. A run that goes on again meanwhile stays.
WITH gone AS (
    DELETE FROM runs WHERE run_id = ANY(:runs) AND status = ANY(:ended) RETURNING run_id
), events AS (
    DELETE FROM event_logs WHERE run_id IN (SELECT run_id FROM gone) RETURNING id, asset_key
), unnamed AS (
    DELETE FROM asset_event_tags WHERE event_id IN (SELECT id FROM events WHERE asset_key IS NOT NULL)
), unclaimed AS (
    DELETE FROM signalbox.run_claims WHERE run_id IN (SELECT run_id FROM gone) AND claim NOT LIKE 'occurrence:%'
), decided AS (
    DELETE FROM signalbox.approvals WHERE run_id IN (SELECT run_id FROM gone)
)
SELECT (SELECT array_agg(run_id) FROM gone) AS runs, (SELECT count(*) FROM events) AS events

-- name: events_of_run
SELECT e.id FROM event_logs e JOIN runs r ON r.run_id = e.run_id
WHERE e.run_id = :run AND r.status = ANY(:ended)
LIMIT 1000

-- name: delete_events
WITH gone AS (
    DELETE FROM event_logs WHERE id = ANY(:ids) RETURNING id, asset_key
), unnamed AS (
    DELETE FROM asset_event_tags WHERE event_id IN (SELECT id FROM gone WHERE asset_key IS NOT NULL)
)
SELECT count(*) FROM gone

-- name: old_checks
-- Executions of asset checks whose run is gone.
SELECT c.id FROM asset_check_executions c
WHERE c.create_timestamp < :before AND NOT EXISTS (SELECT FROM runs r WHERE r.run_id = c.run_id)
  AND c.id NOT IN (SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name, partition)
ORDER BY c.id LIMIT :most

-- name: delete_checks
DELETE FROM asset_check_executions WHERE id = ANY(:ids)

-- name: old_lines
-- Log lines, and what the engine said of its work: what a run, its steps and its assets are drawn from stays.
SELECT count(*) FROM event_logs
WHERE (dagster_event_type IS NULL OR dagster_event_type = 'ENGINE_EVENT') AND timestamp < :before

-- name: next_lines
SELECT id FROM event_logs
WHERE (dagster_event_type IS NULL OR dagster_event_type = 'ENGINE_EVENT') AND timestamp < :before AND id > :after
ORDER BY id LIMIT :most

-- name: old_ticks
SELECT count(*) FROM job_ticks t
WHERE t.timestamp < :before AND t.status <> 'STARTED'
  AND EXISTS (SELECT FROM job_ticks n WHERE n.selector_id IS NOT DISTINCT FROM t.selector_id
              AND n.job_origin_id = t.job_origin_id AND n.id > t.id)

-- name: next_ticks
-- The newest tick of each schedule and sensor is where Dagster's daemon goes on from.
SELECT t.id FROM job_ticks t
WHERE t.timestamp < :before AND t.status <> 'STARTED'
  AND EXISTS (SELECT FROM job_ticks n WHERE n.selector_id IS NOT DISTINCT FROM t.selector_id
              AND n.job_origin_id = t.job_origin_id AND n.id > t.id)
ORDER BY t.id LIMIT :most

-- name: delete_ticks
DELETE FROM job_ticks WHERE id = ANY(:ids)

-- name: ended_since
-- Of these runs: which there are, and since when they have ended (null: they have not).
SELECT run_id, CASE WHEN status = ANY(:ended)
                    THEN coalesce(end_time, extract(epoch FROM update_timestamp)) END AS ended
FROM runs WHERE run_id = ANY(:runs)

-- name: row_bytes
-- What a row of a table takes on average, indexes included.
SELECT c.relname AS name, pg_total_relation_size(c.oid) / greatest(1, c.reltuples) AS bytes
FROM pg_class c
WHERE c.oid = ANY(ARRAY['runs', 'run_tags', 'event_logs', 'job_ticks']::regclass[])

-- name: unused_jobs
SELECT snapshot_id FROM snapshots s
WHERE snapshot_type = 'PIPELINE' AND NOT EXISTS (SELECT FROM runs r WHERE r.snapshot_id = s.snapshot_id)

-- name: used_jobs
SELECT snapshot_id FROM snapshots s
WHERE snapshot_type = 'PIPELINE' AND EXISTS (SELECT FROM runs r WHERE r.snapshot_id = s.snapshot_id)

-- name: bodies
SELECT snapshot_body FROM snapshots WHERE snapshot_id = ANY(:ids)

-- name: plans
SELECT snapshot_id FROM snapshots WHERE snapshot_type = 'EXECUTION_PLAN'

-- name: plans_of_runs
-- A run names its plan nowhere but in its body: all are read, and nothing is locked.
SELECT DISTINCT substring(run_body FROM '"execution_plan_snapshot_id": "([^"]+)"') FROM runs

-- name: mark_used
DELETE FROM signalbox.unused_snapshots WHERE snapshot_id <> ALL(:ids)

-- name: mark_unused
INSERT INTO signalbox.unused_snapshots (snapshot_id, since)
SELECT unnest(CAST(:ids AS text[])), :now ON CONFLICT DO NOTHING

-- name: long_unused
SELECT count(*) FROM signalbox.unused_snapshots WHERE snapshot_id = ANY(:ids) AND since < :before

-- name: drop_snapshots
-- Whoever asks for one waits for its mark, or takes it away.
WITH unused AS (
    DELETE FROM signalbox.unused_snapshots u
    WHERE u.snapshot_id = ANY(:ids) AND u.since < :before
      AND NOT EXISTS (SELECT FROM runs r WHERE r.snapshot_id = u.snapshot_id)
    RETURNING u.snapshot_id
), gone AS (
    DELETE FROM snapshots s USING unused WHERE s.snapshot_id = unused.snapshot_id RETURNING s.id
)
SELECT count(*) FROM gone
