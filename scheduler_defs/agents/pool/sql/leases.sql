-- Tasks that somebody outside holds by a lease: no run of ours works on them.

-- name: add_lease
INSERT INTO signalbox.task_leases
    (run_id, digest, run_key, backend, task_id, agent, queue, attempt, max_attempts, holder, seconds, expires_at)
VALUES (:run_id, :digest, :run_key, :backend, :task_id, :agent, :queue, :attempt, :max_attempts, :holder,
        :seconds, now() + make_interval(secs => :seconds))

-- name: lease
SELECT run_id, run_key, backend, task_id, agent, queue, attempt, max_attempts, holder, seconds, claimed_at, expires_at
FROM signalbox.task_leases WHERE digest = :digest AND task_id = :task_id AND expires_at > now()

-- name: renew_lease
-- Nothing is returned when it has run out: by then somebody else may have the task.
UPDATE signalbox.task_leases SET expires_at = now() + make_interval(secs => seconds)
WHERE run_id = :run_id AND expires_at > now()
RETURNING expires_at

-- name: living_leases
SELECT run_id FROM signalbox.task_leases WHERE run_id = ANY (CAST(:run_ids AS text[])) AND expires_at > now()

-- name: end_lease
DELETE FROM signalbox.task_leases WHERE run_id = :run_id

-- name: forget_leases
-- Run out, and nothing is counted on them any more.
DELETE FROM signalbox.task_leases AS lease
WHERE expires_at < now() - interval '1 day'
  AND NOT EXISTS (
      SELECT FROM signalbox.assignments AS held WHERE held.run_key = lease.run_key AND held.ended_at IS NULL
  )
