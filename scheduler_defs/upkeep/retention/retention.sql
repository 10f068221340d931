-- name: lock
SELECT pg_try_advisory_lock(hashtextextended('signalbox prune', 0))

-- name: unlock
SELECT pg_advisory_unlock(hashtextextended('signalbox prune', 0))

-- name: note_pruned
INSERT INTO signalbox.retention_marks AS m (what, before) VALUES ('pruned', :now)
ON CONFLICT (what) DO UPDATE SET before = greatest(m.before, excluded.before)

-- name: last_pruned
-- When was the last pass; before the first, since when there is anything.
SELECT (SELECT before FROM signalbox.retention_marks WHERE what = 'pruned') AS pruned,
       (SELECT min(create_timestamp) AT TIME ZONE 'UTC' FROM runs
        WHERE id = (SELECT min(id) FROM runs)) AS first
