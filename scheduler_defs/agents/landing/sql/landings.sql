-- Accepted work on its way onto its base.

-- name: add
-- The same run again changes nothing.
INSERT INTO signalbox.landings
    (backend, task_id, title, queue, agent, run_id, attempt, max_attempts, repository, base, branch, head, way, checks)
VALUES (:backend, :task_id, :title, :queue, :agent, :run_id, :attempt, :max_attempts, :repository, :base, :branch,
        :head, :way, CAST(:checks AS jsonb))
ON CONFLICT DO NOTHING

-- name: next
-- The oldest in a repository.
SELECT id, backend, task_id, title, queue, agent, run_id, attempt, max_attempts, repository, base, branch, head, way,
       checks, result, detail, created_at, ended_at, ending
FROM signalbox.landings
WHERE repository = :repository AND ended_at IS NULL
ORDER BY id
LIMIT 1

-- name: of_task
SELECT id, backend, task_id, title, queue, agent, run_id, attempt, max_attempts, repository, base, branch, head, way,
       checks, result, detail, created_at, ended_at, ending
FROM signalbox.landings
WHERE backend = :backend AND task_id = :task_id
ORDER BY id

-- name: open_tasks
SELECT task_id FROM signalbox.landings WHERE backend = :backend AND ended_at IS NULL

-- name: waiting
-- Repositories in which something waits, and since when a run was last asked for.
SELECT DISTINCT ON (repository) repository, id, asked, asked_at
FROM signalbox.landings
WHERE ended_at IS NULL
ORDER BY repository, id

-- name: note_asked
UPDATE signalbox.landings SET asked_at = :now, asked = asked + 1 WHERE id = :id AND asked = :asked

-- name: note_result
-- Before the base is moved: whoever finds the base there knows that this landing has done it.
UPDATE signalbox.landings SET result = :result WHERE id = :id AND ended_at IS NULL

-- name: note_detail
-- Why it still waits.
UPDATE signalbox.landings SET detail = :detail WHERE id = :id AND ended_at IS NULL

-- name: end
UPDATE signalbox.landings
SET ended_at = now(), ending = :ending, detail = :detail
WHERE id = :id AND ended_at IS NULL

-- name: note_landed
-- What others begin with is the commit on the base, and no longer the task's own.
UPDATE signalbox.workspaces SET head = :result
WHERE backend = :backend AND task_id = :task_id AND repository = :repository

-- name: try_lock
-- Until the connection ends. One at a time lands in a repository, on whatever host.
SELECT pg_try_advisory_lock(hashtextextended(:repository, 5849632710124057))

-- name: is_free
-- Whether nobody lands in the repository now.
SELECT pg_try_advisory_xact_lock(hashtextextended(:repository, 5849632710124057))
