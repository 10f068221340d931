-- What people and agents do to tasks.

-- name: share_tasks
-- Blockers may not change state between our looking and our commit. Taken after `lock_graph`: edges are added one
-- at a time, so that two halves of a ring cannot be added side by side, and never while a refresh holds rows.
SELECT id FROM signalbox.tasks WHERE id = ANY (CAST(:ids AS bigint[])) ORDER BY id FOR SHARE

-- name: edges_above
-- The edges that a walk from these tasks towards their blockers passes.
WITH RECURSIVE above AS (
    SELECT edge.task_id, edge.blocker_id
    FROM signalbox.task_blockers AS edge
    WHERE edge.task_id = ANY (CAST(:ids AS bigint[]))
    UNION
    SELECT edge.task_id, edge.blocker_id
    FROM above
    JOIN signalbox.task_blockers AS edge ON edge.task_id = above.blocker_id
)
SELECT task_id, blocker_id FROM above

-- name: add_blocker
INSERT INTO signalbox.task_blockers (task_id, blocker_id) VALUES (:id, :blocker)
ON CONFLICT DO NOTHING

-- name: remove_blockers
-- One blocker, or all of them when `blocker` is null.
DELETE FROM signalbox.task_blockers
WHERE task_id = :id AND (CAST(:blocker AS bigint) IS NULL OR blocker_id = :blocker)
RETURNING blocker_id

-- name: assign
UPDATE signalbox.tasks SET assigned_to = :agent, updated_at = now() WHERE id = :id

-- name: move
UPDATE signalbox.tasks
SET queue = :queue, status = 'idle', assigned_to = NULL, attempts = 0, uncounted = 0, not_before = NULL, finished_at = NULL,
    updated_at = now(), ready_at = now()
WHERE id = :id

-- name: requeue
UPDATE signalbox.tasks
SET status = 'idle', attempts = 0, uncounted = 0, not_before = NULL, finished_at = NULL, result = NULL,
    updated_at = now(), ready_at = now()
WHERE id = :id

-- name: resume
UPDATE signalbox.tasks SET status = 'idle', updated_at = now(), ready_at = now()
WHERE id = :id AND status = 'waiting_for_human'

-- name: touch
UPDATE signalbox.tasks SET updated_at = now() WHERE id = :id

-- One statement for each field that people change.

-- name: set_title
UPDATE signalbox.tasks SET title = CAST(:value AS text) WHERE id = :id

-- name: set_description
UPDATE signalbox.tasks SET description = CAST(:value AS text) WHERE id = :id

-- name: set_priority
UPDATE signalbox.tasks SET priority = CAST(:value AS integer) WHERE id = :id

-- name: set_tags
UPDATE signalbox.tasks SET tags = CAST(:value AS text[]) WHERE id = :id

-- name: set_capabilities
UPDATE signalbox.tasks SET capabilities = CAST(:value AS text[]) WHERE id = :id

-- name: set_paths
UPDATE signalbox.tasks SET paths = CAST(:value AS text[]) WHERE id = :id

-- name: set_payload
UPDATE signalbox.tasks SET payload = CAST(:value AS jsonb) WHERE id = :id

-- name: set_recipe
UPDATE signalbox.tasks SET recipe = CAST(:value AS text) WHERE id = :id

-- name: set_not_before
UPDATE signalbox.tasks SET not_before = CAST(:value AS timestamptz) WHERE id = :id

-- name: set_deadline
UPDATE signalbox.tasks SET deadline = CAST(:value AS timestamptz) WHERE id = :id

-- name: set_max_attempts
UPDATE signalbox.tasks SET max_attempts = CAST(:value AS integer) WHERE id = :id

-- name: delete
DELETE FROM signalbox.tasks WHERE id = :id

-- name: take_request
-- Of two that carry the same request out, one waits here for the other's commit and gets no row.
INSERT INTO signalbox.task_requests (request) VALUES (:request) ON CONFLICT DO NOTHING RETURNING request

-- name: known_request
SELECT task_ids FROM signalbox.task_requests WHERE request = :request

-- name: note_request
UPDATE signalbox.task_requests SET task_ids = CAST(:ids AS bigint[]) WHERE request = :request

-- name: forget_requests
-- A key is kept for a day, and one whose answer is still owed for as long again.
DELETE FROM signalbox.task_requests WHERE done_at < now() - interval '2 days'
