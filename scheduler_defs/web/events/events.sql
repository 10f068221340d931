-- What is new, by the numbers that Dagster's event log and our comments on tasks have.

-- name: newest
SELECT coalesce((SELECT max(id) FROM event_logs), 0) AS events,
       coalesce((SELECT max(id) FROM signalbox.task_comments), 0) AS comments

-- name: events_after
SELECT id, run_id FROM event_logs WHERE id > :after ORDER BY id LIMIT :most

-- name: comments_after
SELECT id FROM signalbox.task_comments WHERE id > :after ORDER BY id LIMIT :most

-- name: of_run
SELECT id FROM event_logs WHERE run_id = :run_id AND id > :after AND id <= :mark ORDER BY id LIMIT :most

-- name: last_of
SELECT coalesce(max(id), 0) FROM event_logs WHERE run_id = :run_id

-- name: moves
-- Through idx_event_type: what has changed the state of a run.
SELECT id, run_id, dagster_event_type AS type, timestamp AS at FROM event_logs
WHERE dagster_event_type = ANY (:types) AND id > :after AND id <= :mark ORDER BY id LIMIT :most

-- name: comments
SELECT comment.id, comment.task_id, comment.content, comment.created_by, comment.created_at, task.queue, task.status
FROM signalbox.task_comments AS comment JOIN signalbox.tasks AS task ON task.id = comment.task_id
WHERE comment.id > :after AND comment.id <= :mark ORDER BY comment.id LIMIT :most
