-- Which worktree a task has, on which machine.

-- name: claim_workspace
-- The task's own row, with the lowest number that no other of the host has. Again: the same row and number.
INSERT INTO signalbox.workspaces (backend, task_id, host, path, slot, repository, base, branch, keep_seconds, run_id)
SELECT :backend, :task_id, :host, :path, free.slot, :repository, :base, :branch, :keep_seconds, :run_id
FROM (
    SELECT min(number) AS slot FROM generate_series(0, 9999) AS number
    WHERE NOT EXISTS (
        SELECT FROM signalbox.workspaces AS other
        WHERE other.host = :host AND other.slot = number AND other.removed_at IS NULL
    )
) AS free
ON CONFLICT (backend, task_id, host, path) DO UPDATE
SET slot = CASE WHEN workspaces.removed_at IS NULL THEN workspaces.slot ELSE EXCLUDED.slot END,
    repository = EXCLUDED.repository, base = EXCLUDED.base, branch = EXCLUDED.branch,
    keep_seconds = EXCLUDED.keep_seconds, run_id = EXCLUDED.run_id, used_at = now(), removed_at = NULL,
    setup = CASE WHEN workspaces.removed_at IS NULL THEN workspaces.setup END,
    accepted_at = NULL
RETURNING slot, setup

-- name: lock_host
-- Numbers are given out one at a time on each host. Until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended(:host, 5849632710124055))

-- name: note_setup
UPDATE signalbox.workspaces SET setup = :setup
WHERE backend = :backend AND task_id = :task_id AND host = :host AND path = :path

-- name: note_work
-- What the branch holds now.
UPDATE signalbox.workspaces
SET base_commit = :base_commit, head = :head, files = :files, added = :added, removed = :removed,
    accepted_at = CASE WHEN :accepted THEN now() ELSE accepted_at END,
    pushed_at = CASE WHEN :pushed THEN now() ELSE pushed_at END, used_at = now()
WHERE backend = :backend AND task_id = :task_id AND host = :host AND path = :path

-- name: note_removed
UPDATE signalbox.workspaces SET removed_at = now(), bundle = :bundle
WHERE backend = :backend AND task_id = :task_id AND host = :host AND path = :path

-- name: of_task
-- Newest first.
SELECT backend, task_id, host, path, slot, repository, base, base_commit, branch, head, files, added, removed,
       accepted_at, pushed_at, keep_seconds, run_id, used_at, removed_at, bundle
FROM signalbox.workspaces
WHERE backend = :backend AND task_id = :task_id
ORDER BY used_at DESC

-- name: accepted_heads
-- The accepted work of some tasks in a repository: the newest of each.
SELECT DISTINCT ON (task_id) task_id, head, branch, host, pushed_at IS NOT NULL AS pushed
FROM signalbox.workspaces
WHERE backend = :backend AND task_id = ANY (CAST(:task_ids AS bigint[])) AND repository = :repository
  AND head IS NOT NULL
ORDER BY task_id, used_at DESC

-- name: kept_long
-- Worktrees of this host that nobody has used for as long as they are kept. Their tasks may be open all the same.
SELECT backend, task_id, host, path, slot, repository, base, base_commit, branch, head, files, added, removed,
       accepted_at, pushed_at, keep_seconds, run_id, used_at, removed_at, bundle
FROM signalbox.workspaces
WHERE host = :host AND removed_at IS NULL AND used_at + make_interval(secs => keep_seconds) < now()
ORDER BY used_at
LIMIT :limit
