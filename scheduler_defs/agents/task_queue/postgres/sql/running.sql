-- A run takes a task, and tells how it ended.

-- name: lock_task
-- Holds the row until the transaction ends, so that of several runs one decides after the other.
SELECT status, queue, assigned_to, capabilities, not_before, attempts, run_id, agent, max_attempts, uncounted
FROM signalbox.tasks
WHERE id = :id
FOR UPDATE

-- name: claim
UPDATE signalbox.tasks
SET status = 'working', agent = :agent, run_id = :run_id, attempts = attempts + 1,
    claimed_at = :now, updated_at = :now, not_before = NULL
WHERE id = :id AND status = 'idle'

-- name: finish
-- To one of the final states.
UPDATE signalbox.tasks
SET status = :status, finished_at = :now, updated_at = :now,
    result = coalesce(CAST(:result AS jsonb), result)
WHERE id = :id

-- name: back_to_idle
UPDATE signalbox.tasks
SET status = 'idle', finished_at = NULL,
    attempts = CASE WHEN :given_back = 1 THEN greatest(0, attempts - 1) ELSE attempts END,
    uncounted = CASE WHEN :given_back = 1 THEN uncounted + :lost ELSE uncounted END, updated_at = :now, not_before = :not_before,
    ready_at = greatest(CAST(:not_before AS timestamptz), CAST(:now AS timestamptz))
WHERE id = :id

-- name: wait_for_human
UPDATE signalbox.tasks
SET status = 'waiting_for_human', attempts = greatest(0, attempts - 1), updated_at = :now
WHERE id = :id

-- name: add_comment
INSERT INTO signalbox.task_comments (task_id, content, created_by) VALUES (:id, :content, :author)

-- name: add_link
INSERT INTO signalbox.task_links (task_id, url, description, created_by)
VALUES (:id, :url, :description, :author)
ON CONFLICT (task_id, url) DO NOTHING
