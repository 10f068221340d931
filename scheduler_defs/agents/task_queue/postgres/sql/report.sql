-- The workload report.

-- name: open_tasks
-- Unfinished tasks with the numbers of their comments and links, in one statement.
SELECT task.id, task.title, task.description, task.status, task.assigned_to, task.agent, task.queue,
       task.created_by, task.priority, task.tags, task.created_at, task.updated_at,
       coalesce(comments.number, 0) AS comments, coalesce(links.number, 0) AS links
FROM signalbox.tasks AS task
LEFT JOIN (
    SELECT task_id, count(*) AS number FROM signalbox.task_comments GROUP BY task_id
) AS comments ON comments.task_id = task.id
LEFT JOIN (
    SELECT task_id, count(*) AS number FROM signalbox.task_links GROUP BY task_id
) AS links ON links.task_id = task.id
WHERE task.status IN ('idle', 'working', 'waiting_for_human') AND (CAST(:queue AS text) IS NULL OR task.queue = :queue)
ORDER BY task.priority DESC, task.created_at, task.id
