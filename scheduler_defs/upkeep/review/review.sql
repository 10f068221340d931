-- name: outcomes
-- Of each schedule what its runs have come to, newest first, and how often its condition started nothing.
SELECT schedule,
       count(*) FILTER (WHERE run_id IS NOT NULL) AS runs,
       count(*) FILTER (WHERE status = 'SUCCESS') AS succeeded,
       (array_agg(status ORDER BY due DESC) FILTER (WHERE status IN ('SUCCESS', 'FAILURE')))[1:50] AS statuses,
       count(*) FILTER (WHERE reason = 'not_fired') AS checks,
       min(due) FILTER (WHERE reason = 'not_fired') AS checked_since
FROM signalbox.occurrences
WHERE due > :since
GROUP BY schedule

-- name: durations
-- How long the newest runs of each schedule took that went well, newest first, in seconds.
SELECT schedule, array_agg(seconds ORDER BY id DESC) AS seconds
FROM (
    SELECT t.value AS schedule, r.id, r.end_time - r.start_time AS seconds,
           row_number() OVER (PARTITION BY t.value ORDER BY r.id DESC) AS place
    FROM run_tags t JOIN runs r ON r.run_id = t.run_id
    WHERE t.key = :schedule AND r.status = 'SUCCESS' AND r.start_time IS NOT NULL AND r.end_time IS NOT NULL
) AS each
WHERE place <= :most
GROUP BY schedule

-- name: paused
SELECT schedule, since FROM signalbox.pauses WHERE since <= :now AND (until IS NULL OR until > :now)

-- name: switches
-- How each schedule (Dagster's name) is switched, and since when.
SELECT DISTINCT ON (schedule) schedule, change, at
FROM signalbox.schedule_changes
WHERE change IN ('on', 'off', 'as_declared')
ORDER BY schedule, id DESC

-- name: declared_since
-- Since when each declared rule is in force.
SELECT schedule, since FROM signalbox.schedule_rules WHERE until IS NULL
