-- Tasks that ended long ago.

-- name: old_tasks
SELECT count(*) FROM signalbox.tasks AS task
WHERE task.finished_at < :before
  AND NOT EXISTS (
      SELECT FROM signalbox.task_blockers AS blocks JOIN signalbox.tasks AS later ON later.id = blocks.task_id
      WHERE blocks.blocker_id = task.id AND later.finished_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM signalbox.tasks AS child WHERE child.parent_id = task.id AND child.finished_at IS NULL)

-- name: next_old_tasks
SELECT task.id FROM signalbox.tasks AS task
WHERE task.finished_at < :before
  AND NOT EXISTS (
      SELECT FROM signalbox.task_blockers AS blocks JOIN signalbox.tasks AS later ON later.id = blocks.task_id
      WHERE blocks.blocker_id = task.id AND later.finished_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM signalbox.tasks AS child WHERE child.parent_id = task.id AND child.finished_at IS NULL)
ORDER BY task.id LIMIT :most

-- name: delete_old_tasks
-- One that an unfinished task waits for, or is a part of, stays; also when that came about meanwhile.
DELETE FROM signalbox.tasks AS task
WHERE task.id = ANY(:ids) AND task.finished_at < :before
  AND NOT EXISTS (
      SELECT FROM signalbox.task_blockers AS blocks JOIN signalbox.tasks AS later ON later.id = blocks.task_id
      WHERE blocks.blocker_id = task.id AND later.finished_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM signalbox.tasks AS child WHERE child.parent_id = task.id AND child.finished_at IS NULL)
