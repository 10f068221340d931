-- name: mark_pruned
-- Written before anything goes: nobody proves a window that is half gone.
INSERT INTO signalbox.retention_marks AS m (what, before) VALUES ('ledger', :before)
ON CONFLICT (what) DO UPDATE SET before = greatest(m.before, excluded.before)

-- name: old_occurrences
SELECT count(*) FROM signalbox.occurrences o
WHERE o.decided_at < :before AND o.due < :before AND o.outcome <> 'deferred'
  AND (o.outcome <> 'launched' OR o.created_at IS NOT NULL)
  AND EXISTS (SELECT FROM signalbox.occurrences n WHERE n.schedule = o.schedule AND n.due > o.due)

-- name: next_occurrences
-- What waits, what was ordered and is not there yet, and the newest of each schedule stay.
SELECT o.schedule, o.due FROM signalbox.occurrences o
WHERE o.decided_at < :before AND o.due < :before AND o.outcome <> 'deferred'
  AND (o.outcome <> 'launched' OR o.created_at IS NOT NULL)
  AND EXISTS (SELECT FROM signalbox.occurrences n WHERE n.schedule = o.schedule AND n.due > o.due)
LIMIT :most

-- name: delete_occurrences
DELETE FROM signalbox.occurrences o
USING unnest(CAST(:schedules AS text[]), CAST(:dues AS timestamptz[])) AS old (schedule, due)
WHERE o.schedule = old.schedule AND o.due = old.due AND o.decided_at < :before

-- name: delete_rules
DELETE FROM signalbox.schedule_rules WHERE until < :before

-- name: delete_versions
DELETE FROM signalbox.declaration_versions v
WHERE v.until < :before AND NOT EXISTS (SELECT FROM signalbox.schedule_rules r WHERE r.version = v.id)

-- name: delete_changes
-- The newest switch and the newest pause of before then say how a schedule stood then.
DELETE FROM signalbox.schedule_changes c
WHERE c.at < :before AND EXISTS (
    SELECT FROM signalbox.schedule_changes n
    WHERE n.schedule = c.schedule AND n.at < :before AND n.id > c.id
      AND (n.change IN ('paused', 'resumed')) = (c.change IN ('paused', 'resumed')))

-- name: next_claims
-- What nothing could claim again: its occurrence is so old that no tick decides it.
SELECT claim FROM signalbox.run_claims c
WHERE c.claimed < :before AND NOT EXISTS (SELECT FROM runs r WHERE r.run_id = c.run_id)
LIMIT :most

-- name: delete_claims
DELETE FROM signalbox.run_claims c
WHERE c.claim = ANY(:claims) AND c.claimed < :before
  AND NOT EXISTS (SELECT FROM runs r WHERE r.run_id = c.run_id)
