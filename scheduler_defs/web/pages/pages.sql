-- What only pages ask for.

-- name: workers
-- Who beats, who has been silent for too long, and how many runs and steps each has.
SELECT w.id, w.host, w.queues, w.slots, w.started, w.heartbeat, w.draining,
       w.versions->>'signalbox' AS version,
       w.heartbeat < now() - make_interval(secs => :silence) AS silent,
       (SELECT count(*) FROM signalbox.leases l WHERE l.worker_id = w.id AND l.lost IS NULL) AS taken
FROM signalbox.workers w ORDER BY w.id

-- name: alerts_waiting
-- Alerts that are still to be delivered, and those of the last day that were given up.
SELECT id, channel, rule, created_at, attempts, due_at, given_up_at, fault
FROM signalbox.alerts
WHERE sent_at IS NULL AND (given_up_at IS NULL OR given_up_at > now() - interval '1 day')
ORDER BY created_at DESC LIMIT :most

-- name: outcomes
-- The newest outcomes of each schedule, oldest first, as one letter each.
SELECT n.name AS schedule, string_agg(
    CASE WHEN o.outcome IN ('launched', 'run_early') THEN
             CASE o.status WHEN 'SUCCESS' THEN 'g' WHEN 'FAILURE' THEN 'b' WHEN 'CANCELED' THEN 's' ELSE 'r' END
         WHEN o.outcome IN ('missed', 'collapsed', 'misfired') THEN 'm'
         ELSE 's' END, '' ORDER BY o.due) AS letters
FROM unnest(CAST(:names AS text[])) AS n(name)
CROSS JOIN LATERAL (
    SELECT due, outcome, status FROM signalbox.occurrences
    WHERE schedule = n.name ORDER BY due DESC LIMIT :most
) AS o
GROUP BY n.name

-- name: rules
-- The rules that a schedule has had, the newest first, and who brought each into force.
SELECT r.since, r.until, r.rule, v.actor
FROM signalbox.schedule_rules r JOIN signalbox.declaration_versions v ON v.id = r.version
WHERE r.schedule = :schedule ORDER BY r.since DESC LIMIT :most

-- name: bars
-- Runs of which something was heard since then, and those that go on, with the lane of each; all of them, or
-- only those that have the lane's tag.
WITH chosen AS (
    SELECT id, run_id, pipeline_name, status, create_timestamp, start_time, end_time FROM runs
    WHERE (update_timestamp >= :since AT TIME ZONE 'UTC' OR status IN ('QUEUED', 'STARTING', 'STARTED', 'CANCELING'))
      AND (:every OR EXISTS (SELECT FROM run_tags t WHERE t.run_id = runs.run_id AND t.key = :lane))
    ORDER BY id DESC LIMIT :most
)
SELECT r.run_id, r.status, coalesce(t.lane, 'job ' || coalesce(t.job, r.pipeline_name)), t.schedule,
       extract(epoch FROM r.create_timestamp AT TIME ZONE 'UTC')::float8, r.start_time::float8, r.end_time::float8
FROM chosen r
LEFT JOIN LATERAL (
    SELECT max(value) FILTER (WHERE key = :lane) AS lane, max(value) FILTER (WHERE key = :job) AS job,
           max(value) FILTER (WHERE key = :schedule) AS schedule
    FROM run_tags WHERE run_tags.run_id = r.run_id AND key IN (:lane, :job, :schedule)
) AS t ON true
