-- name: add
-- One entry; a request that is already noted adds nothing.
INSERT INTO signalbox.audit_log (actor, channel, action, subject, reason, request_id, run_id, before, after)
VALUES (:actor, :channel, :action, :subject, :reason, :request_id, :run_id,
        CAST(:before AS jsonb), CAST(:after AS jsonb))
ON CONFLICT (request_id, action, subject) WHERE request_id IS NOT NULL DO NOTHING

-- name: lock_head
-- One sealer at a time: who has the row, seals. Others go on without waiting.
SELECT sequence, hash FROM signalbox.audit_head FOR UPDATE SKIP LOCKED

-- name: head
SELECT sequence, hash FROM signalbox.audit_head

-- name: unsealed
-- In the order in which they were written. One that commits late is sealed later, after the others.
SELECT id, at, actor, channel, action, subject, reason, request_id, run_id, before, after
FROM signalbox.audit_log
WHERE sequence IS NULL
ORDER BY id
LIMIT :most

-- name: seal
UPDATE signalbox.audit_log AS entry
SET sequence = sealed.sequence, previous = sealed.previous, hash = sealed.hash
FROM unnest(CAST(:ids AS bigint[]), CAST(:sequences AS bigint[]), CAST(:previous AS text[]),
            CAST(:hashes AS text[])) AS sealed (id, sequence, previous, hash)
WHERE entry.id = sealed.id

-- name: move_head
UPDATE signalbox.audit_head SET sequence = :sequence, hash = :hash

-- name: newest_anchor
SELECT sequence, hash, at, signature FROM signalbox.audit_anchors ORDER BY sequence DESC LIMIT 1

-- name: add_anchor
INSERT INTO signalbox.audit_anchors (sequence, hash, at, signature)
VALUES (:sequence, :hash, :at, :signature)
ON CONFLICT (sequence) DO NOTHING

-- name: chain
-- Sealed entries by sequence; the time window includes both ends.
SELECT sequence, at, actor, channel, action, subject, reason, request_id, run_id, before, after, previous, hash
FROM signalbox.audit_log
WHERE sequence > :after_sequence
  AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR at <= :until)
ORDER BY sequence

-- name: window_bounds
-- The sequences that a time window covers, whole: entries near its ends may be out of order by a little.
SELECT min(sequence) AS first, max(sequence) AS last
FROM signalbox.audit_log
WHERE sequence IS NOT NULL
  AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR at <= :until)

-- name: between
SELECT sequence, at, actor, channel, action, subject, reason, request_id, run_id, before, after, previous, hash
FROM signalbox.audit_log
WHERE sequence BETWEEN :first AND :last
ORDER BY sequence

-- name: waiting
-- Entries that are not sealed yet, and since when.
SELECT count(*) AS entries, min(at) AS since FROM signalbox.audit_log WHERE sequence IS NULL

-- name: read
-- Newest first, for lists. Unsealed ones come first, for they are the newest.
SELECT id, sequence, at, actor, channel, action, subject, reason, request_id, run_id, before, after, hash
FROM signalbox.audit_log
WHERE (CAST(:since AS timestamptz) IS NULL OR at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR at <= :until)
  AND (CAST(:actor AS text) IS NULL OR actor = :actor)
  AND (CAST(:action AS text) IS NULL OR action = :action OR action LIKE :action || '.%')
  AND (CAST(:subject AS text) IS NULL OR subject = :subject)
  AND (CAST(:before_id AS bigint) IS NULL OR id < :before_id)
ORDER BY id DESC
LIMIT :most

-- name: one
SELECT id, sequence, at, actor, channel, action, subject, reason, request_id, run_id, before, after, hash
FROM signalbox.audit_log
WHERE sequence = :sequence

-- name: cut
-- The sealed entry up to which everything is older than `before`.
SELECT sequence, hash
FROM signalbox.audit_log
WHERE sequence < coalesce((SELECT min(sequence) FROM signalbox.audit_log
                           WHERE sequence IS NOT NULL AND at >= :before), 9223372036854775807)
ORDER BY sequence DESC
LIMIT 1

-- name: count_through
SELECT count(*) FROM signalbox.audit_log WHERE sequence <= :sequence

-- name: next_pruned
SELECT sequence FROM signalbox.audit_log WHERE sequence <= :sequence ORDER BY sequence LIMIT :most

-- name: prune
-- Both are one transaction, also where each message commits by itself: the entries refuse all others.
SELECT set_config('signalbox.pruning', 'on', true);
DELETE FROM signalbox.audit_log WHERE sequence = ANY(:sequences)
