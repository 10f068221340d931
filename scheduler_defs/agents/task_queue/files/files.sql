-- Which file is which task, and what both said when they were last the same.

-- name: known
SELECT key, task_id, agreed FROM signalbox.task_files WHERE key = ANY (CAST(:keys AS text[]))

-- name: without_file
-- Unfinished tasks of a queue that no file has been written for; with a key where that was begun.
SELECT task.id, file.key FROM signalbox.tasks AS task
LEFT JOIN signalbox.task_files AS file ON file.task_id = task.id
WHERE task.queue = :queue AND task.status NOT IN ('complete', 'canceled')
  AND (file.key IS NULL OR file.agreed = '{}')
ORDER BY task.id

-- name: file_gone
-- Unfinished tasks of a queue whose file has not been found.
SELECT file.task_id FROM signalbox.task_files AS file JOIN signalbox.tasks AS task ON task.id = file.task_id
WHERE task.queue = :queue AND task.status NOT IN ('complete', 'canceled')
  AND file.key <> ALL (CAST(:keys AS text[])) AND file.agreed <> '{}'
ORDER BY 1

-- name: pair
-- A file and a task are one: each has one other, or nothing happens.
INSERT INTO signalbox.task_files (key, task_id, agreed) VALUES (:key, :task_id, CAST(:agreed AS jsonb))

-- name: agree
UPDATE signalbox.task_files SET agreed = CAST(:agreed AS jsonb), synced_at = now() WHERE key = :key
