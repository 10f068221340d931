-- Many tasks at once.

-- name: reserve_ids
-- Ids for a batch, so that its tasks can name each other before they are written.
SELECT nextval(pg_get_serial_sequence('signalbox.tasks', 'id')) FROM generate_series(1, :count)

-- name: copy_tasks
COPY signalbox.tasks (id, title, description, queue, assigned_to, status, priority, tags, capabilities, paths, payload,
    recipe, parent_id, not_before, deadline, attempts, max_attempts, result, created_by, created_at, updated_at,
    finished_at)
FROM STDIN

-- name: copy_blockers
COPY signalbox.task_blockers (task_id, blocker_id) FROM STDIN

-- name: copy_comments
COPY signalbox.task_comments (task_id, content, created_by, created_at) FROM STDIN

-- name: analyze
-- After a large import the planner must know that the table has grown.
ANALYZE signalbox.tasks, signalbox.task_blockers

-- name: ever_added
-- Whether an id was ever given out: true also when all tasks have been deleted since.
SELECT is_called FROM signalbox.tasks_id_seq
