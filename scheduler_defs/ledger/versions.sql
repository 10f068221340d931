-- name: lock_versions
-- One set comes into force at a time.
SELECT pg_advisory_xact_lock(hashtextextended('signalbox declarations in force', 0))

-- name: in_force
SELECT id, hash, since FROM signalbox.declaration_versions WHERE until IS NULL

-- name: end_version
UPDATE signalbox.declaration_versions SET until = :at WHERE until IS NULL

-- name: add_version
INSERT INTO signalbox.declaration_versions (hash, content, actor, since)
VALUES (:hash, CAST(:content AS jsonb), :actor, :at)
RETURNING id

-- name: rules_in_force
SELECT schedule, hash FROM signalbox.schedule_rules WHERE until IS NULL

-- name: end_rules
-- What of a rule had not been decided when it ended never will be.
UPDATE signalbox.schedule_rules r
SET until = greatest(r.since, :at),
    decided = (SELECT s.handled FROM signalbox.schedule_states s WHERE s.schedule = r.schedule)
WHERE r.until IS NULL AND r.schedule = ANY(:schedules)

-- name: withdraw_waiting
UPDATE signalbox.occurrences
SET outcome = 'cancelled', reason = 'withdrawn', numbers = jsonb_build_object('why', CAST(:why AS text)),
    decided_at = :at
WHERE outcome = 'deferred' AND schedule = ANY(:schedules)

-- name: count_anew
UPDATE signalbox.schedule_states SET handled = NULL WHERE schedule = ANY(:schedules)

-- name: forget_states
DELETE FROM signalbox.schedule_states WHERE schedule = ANY(:schedules)

-- name: add_rules
-- A schedule that was decided before there were versions counts from its last occurrence.
INSERT INTO signalbox.schedule_rules (schedule, since, version, hash, rule)
SELECT g.schedule,
       CASE WHEN :first THEN coalesce((SELECT s.handled FROM signalbox.schedule_states s
                                       WHERE s.schedule = g.schedule), :at)
            ELSE :at END,
       :version, g.hash, g.rule
FROM jsonb_to_recordset(CAST(:rules AS jsonb)) AS g (schedule text, hash text, rule jsonb)
ON CONFLICT (schedule, since) DO UPDATE
    SET until = NULL, decided = NULL, version = excluded.version, hash = excluded.hash, rule = excluded.rule

-- name: note_passed
-- What a file named and what had passed when it came into force. What was decided by the rule before stays.
INSERT INTO signalbox.occurrences (schedule, due, outcome, reason, numbers, tick, decided_at, decided_by, version)
SELECT l.schedule, l.due, 'missed', :reason, CAST(:numbers AS jsonb), l.due, :at, :decided_by, :version
FROM jsonb_to_recordset(CAST(:lost AS jsonb)) AS l (schedule text, due timestamptz)
ON CONFLICT (schedule, due) DO NOTHING

-- name: rules_between
-- Rules that were in force for a while between two instants.
SELECT schedule, since, until, decided, rule
FROM signalbox.schedule_rules
WHERE since < :until AND (until IS NULL OR until > :since)
ORDER BY schedule, since

-- name: changes_until
SELECT schedule, at, change, until FROM signalbox.schedule_changes WHERE at < :until ORDER BY id
