-- What is left of work on tasks that ended long ago. Read first, then deleted in parts by their keys.

-- name: old_landings
SELECT run_id FROM signalbox.landings WHERE ended_at < :before LIMIT CAST(:most AS bigint)

-- name: delete_landings
DELETE FROM signalbox.landings WHERE run_id = ANY(:places) AND ended_at < :before

-- name: old_workspaces
SELECT concat_ws('|', backend, task_id, host, path) FROM signalbox.workspaces
WHERE removed_at < :before AND bundle IS NULL
LIMIT CAST(:most AS bigint)

-- name: delete_workspaces
DELETE FROM signalbox.workspaces
WHERE concat_ws('|', backend, task_id, host, path) = ANY(:places) AND removed_at < :before AND bundle IS NULL

-- name: old_sessions
-- What a program could still go on with is its own to forget; of tasks that are at rest nobody asks.
SELECT concat_ws('|', cli, id) FROM signalbox.agent_sessions AS old
WHERE last_seen < :before
  AND NOT EXISTS (
      SELECT FROM signalbox.tasks AS task
      WHERE old.backend = 'postgres' AND task.id = old.task_id AND task.status IN ('idle', 'working', 'waiting_for_human')
  )
LIMIT CAST(:most AS bigint)

-- name: delete_sessions
DELETE FROM signalbox.agent_sessions WHERE concat_ws('|', cli, id) = ANY(:places) AND last_seen < :before

-- name: old_questions
SELECT id::text FROM signalbox.inbox WHERE closed_at < :before LIMIT CAST(:most AS bigint)

-- name: delete_questions
DELETE FROM signalbox.inbox WHERE id = ANY(CAST(:places AS bigint[])) AND closed_at < :before
