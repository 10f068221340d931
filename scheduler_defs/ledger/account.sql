-- name: written
-- Of each schedule its occurrences and their outcomes. An ordered run that is not there in time is told apart.
SELECT o.schedule,
       array_agg(extract(epoch FROM o.due)::bigint) AS dues,
       array_agg(CASE WHEN o.outcome = 'launched' AND o.created_at IS NULL AND o.decided_at < :settled
                      THEN 'ordered' ELSE o.outcome END) AS outcomes
FROM signalbox.occurrences o
WHERE o.due > :since AND o.due <= :until AND (:every OR o.schedule = ANY(:schedules))
GROUP BY o.schedule

-- name: gaps
SELECT schedule, extract(epoch FROM gap_since)::bigint AS since, extract(epoch FROM due)::bigint AS until
FROM signalbox.occurrences
WHERE gap_since IS NOT NULL AND gap_since <= :until AND due > :since

-- name: statuses
-- How the runs of launched occurrences have ended.
SELECT coalesce(status, 'ORDERED') AS status, count(*) AS runs
FROM signalbox.occurrences
WHERE outcome IN ('launched', 'run_early') AND due > :since AND due <= :until
  AND (:every OR schedule = ANY(:schedules))
GROUP BY 1 ORDER BY 1

-- name: first_version
SELECT greatest(min(since), (SELECT before FROM signalbox.retention_marks WHERE what = 'ledger'))
FROM signalbox.declaration_versions

-- name: runs_of_occurrences
-- Runs that schedules have launched, without retries and re-executions: those of an occurrence that has several,
-- and those that no entry has ordered.
WITH launched AS (
    SELECT r.run_id, s.value AS schedule, CAST(f.value AS timestamptz) AS due
    FROM runs r
    JOIN run_tags t ON t.run_id = r.run_id AND t.key = :trigger AND t.value = :by_schedule
    JOIN run_tags s ON s.run_id = r.run_id AND s.key = :schedule
    JOIN run_tags f ON f.run_id = r.run_id AND f.key = :scheduled_for
    WHERE r.create_timestamp >= :created
      AND NOT EXISTS (SELECT FROM run_tags p WHERE p.run_id = r.run_id AND p.key IN (:parent, :root))
)
SELECT schedule, extract(epoch FROM due)::bigint AS due, count(*) AS runs,
       count(*) FILTER (WHERE o.run_id IS NULL) AS unordered
FROM launched LEFT JOIN signalbox.occurrences o USING (run_id, schedule, due)
WHERE due > :since AND due <= :until
GROUP BY 1, 2
HAVING count(*) > 1 OR count(*) FILTER (WHERE o.run_id IS NULL) > 0
