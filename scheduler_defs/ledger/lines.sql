-- name: newest
SELECT o.due, o.outcome, o.reason, o.numbers, o.run_id, o.status, o.attempts, o.decided_at,
       o.created_at IS NOT NULL AND NOT EXISTS (SELECT FROM runs r WHERE r.run_id = o.run_id) AS deleted
FROM signalbox.occurrences o
WHERE o.schedule = :schedule
ORDER BY o.due DESC
LIMIT :limit

-- name: left_out
-- Through occurrences_by_time.
SELECT schedule, due, tick, decided_at, reason, numbers
FROM signalbox.occurrences
WHERE decided_at > :since AND reason IN ('missed', 'collapsed', 'not_caught_up', 'late')
ORDER BY decided_at
LIMIT :most
