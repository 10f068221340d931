-- Tasks as people and programs read them.

-- name: tasks
-- Tasks by any of queue, status, agent and id. `blocked_by` are unfinished blockers only.
SELECT task.id, task.title, task.description, task.queue, task.assigned_to, task.status, task.priority,
       task.tags, task.capabilities, task.paths, task.payload, task.recipe, task.parent_id, task.not_before, task.deadline,
       task.attempts, task.max_attempts, task.agent, task.run_id, task.result, task.created_by,
       task.created_at, task.updated_at, task.claimed_at, task.finished_at,
       ARRAY(
           SELECT edge.blocker_id
           FROM signalbox.task_blockers AS edge
           JOIN signalbox.tasks AS blocker ON blocker.id = edge.blocker_id
           WHERE edge.task_id = task.id AND blocker.status <> 'complete'
           ORDER BY edge.blocker_id
       ) AS blocked_by
FROM signalbox.tasks AS task
WHERE (CAST(:queue AS text) IS NULL OR task.queue = :queue)
  AND (CAST(:statuses AS text[]) IS NULL OR task.status = ANY (CAST(:statuses AS text[])))
  AND (CAST(:agent AS text) IS NULL OR task.assigned_to = :agent
       OR (task.agent = :agent AND task.status NOT IN ('idle', 'canceled')))
  AND (CAST(:tag AS text) IS NULL OR :tag = ANY (task.tags))
  AND (CAST(:parent AS bigint) IS NULL OR task.parent_id = :parent)
  AND (CAST(:text AS text) IS NULL
       OR strpos(lower(concat_ws(' ', task.title, task.description)), lower(:text)) > 0)
  AND (NOT :blocked OR (task.status = 'idle' AND EXISTS (
       SELECT FROM signalbox.task_blockers AS edge
       JOIN signalbox.tasks AS blocker ON blocker.id = edge.blocker_id
       WHERE edge.task_id = task.id AND blocker.status <> 'complete')))
  AND (CAST(:ids AS bigint[]) IS NULL OR task.id = ANY (CAST(:ids AS bigint[])))
  AND task.id > :after
ORDER BY CASE WHEN :newest_first THEN -task.id ELSE task.id END
LIMIT :limit OFFSET :offset

-- name: comments
SELECT content, created_by, created_at FROM signalbox.task_comments WHERE task_id = :id ORDER BY id

-- name: links
SELECT url, description, created_by, created_at FROM signalbox.task_links WHERE task_id = :id ORDER BY id

-- name: subtasks
SELECT id FROM signalbox.tasks WHERE parent_id = :id ORDER BY id

-- name: blocks
-- Unfinished tasks that wait for this one.
SELECT task.id
FROM signalbox.task_blockers AS edge
JOIN signalbox.tasks AS task ON task.id = edge.task_id
WHERE edge.blocker_id = :id AND task.status <> 'complete'
ORDER BY task.id

-- name: waited_for
-- All blockers of a task, finished ones too.
SELECT blocker_id AS id FROM signalbox.task_blockers WHERE task_id = :id ORDER BY blocker_id

-- name: open_edges
-- Who waits for whom, among unfinished tasks.
SELECT task.id AS task, blocker.id AS blocker, task.title AS task_title, blocker.title AS blocker_title,
       task.queue AS task_queue, blocker.queue AS blocker_queue, blocker.status AS blocker_state
FROM signalbox.task_blockers AS edge
JOIN signalbox.tasks AS task ON task.id = edge.task_id
JOIN signalbox.tasks AS blocker ON blocker.id = edge.blocker_id
WHERE task.status IN ('idle', 'working', 'waiting_for_human') AND blocker.status <> 'complete'
ORDER BY task.id, blocker.id

-- name: unfinished_blockers
SELECT blocker.id, blocker.status
FROM signalbox.task_blockers AS edge
JOIN signalbox.tasks AS blocker ON blocker.id = edge.blocker_id
WHERE edge.task_id = :id AND blocker.status <> 'complete'
ORDER BY blocker.id

-- name: arrivals
SELECT queue, count(*) AS tasks FROM signalbox.tasks WHERE created_at >= :since GROUP BY queue ORDER BY queue
