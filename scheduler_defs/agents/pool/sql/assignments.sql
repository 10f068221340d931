-- Which task is given to which agent, from the request for a run to the run's end.

-- name: lock_pass
-- One pass at a time decides, over all queues: an agent can serve several. Until the transaction ends.
SELECT pg_advisory_xact_lock(5849632710124053)

-- name: live
SELECT run_key, task_id, queue, agent, attempt, max_attempts, priority, run_id, requested_at, ready_at, claimed_at, outcome
FROM signalbox.assignments
WHERE backend = :backend AND ended_at IS NULL
ORDER BY requested_at, run_key

-- name: reserving
-- Paths of tasks that are given out and have not ended; `landing`: no run is at it, its work waits for its turn.
SELECT task.id, task.queue, task.paths, given.run_key IS NULL AS landing
FROM signalbox.tasks AS task
LEFT JOIN signalbox.assignments AS given
    ON given.backend = 'postgres' AND given.task_id = task.id AND given.ended_at IS NULL
WHERE task.paths <> '{}' AND task.status = 'working'
UNION
SELECT task.id, task.queue, task.paths, false
FROM signalbox.assignments AS given
JOIN signalbox.tasks AS task ON task.id = given.task_id
WHERE given.backend = 'postgres' AND given.ended_at IS NULL AND task.paths <> '{}'
ORDER BY id

-- name: recent
-- The queues of what some agents were given, the newest first: through the index of each agent.
SELECT given.queue
FROM unnest(CAST(:agents AS text[])) AS wanted (agent)
CROSS JOIN LATERAL (
    SELECT queue, requested_at, run_key FROM signalbox.assignments
    WHERE agent = wanted.agent AND backend = :backend AND queue = ANY (CAST(:queues AS text[]))
    ORDER BY requested_at DESC LIMIT :limit
) AS given
ORDER BY given.requested_at DESC, given.run_key DESC
LIMIT :limit

-- name: reserve
-- Tasks that have a live assignment already are passed over: nobody gets a task twice. A second request for the
-- same attempt (the first run was not needed, or never came) gets a number of its own, because a run key is good
-- for one run only.
INSERT INTO signalbox.assignments
    (run_key, backend, task_id, queue, agent, attempt, max_attempts, priority, ready_at)
SELECT concat_ws(':', 'task', CAST(:backend AS text), wanted.task_id, wanted.attempt)
           || CASE WHEN earlier.number > 0 THEN '.' || earlier.number + 1 ELSE '' END,
       :backend, wanted.task_id, :queue, wanted.agent, wanted.attempt, wanted.max_attempts,
       wanted.priority, wanted.ready_at
FROM jsonb_to_recordset(CAST(:wanted AS jsonb))
    AS wanted (task_id bigint, agent text, attempt integer, max_attempts integer, priority integer,
               ready_at timestamptz)
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM signalbox.assignments AS other
    WHERE other.backend = :backend AND other.task_id = wanted.task_id AND other.attempt = wanted.attempt
) AS earlier
ON CONFLICT DO NOTHING
RETURNING run_key, task_id, queue, agent, attempt, max_attempts, priority, run_id, requested_at, ready_at, claimed_at, outcome

-- name: take
-- The run has started. Nothing is returned when the assignment has ended, or belongs to another run.
UPDATE signalbox.assignments
SET run_id = :run_id, claimed_at = coalesce(claimed_at, :now)
WHERE run_key = :run_key AND ended_at IS NULL AND (run_id IS NULL OR run_id = :run_id)
RETURNING run_key, task_id, queue, agent, attempt, max_attempts, priority, run_id, requested_at, ready_at, claimed_at, outcome

-- name: has_begun
SELECT claimed_at IS NOT NULL FROM signalbox.assignments WHERE run_key = :run_key AND ended_at IS NULL FOR UPDATE

-- name: know_run
-- The run exists, but has not started yet.
UPDATE signalbox.assignments SET run_id = :run_id
WHERE run_key = :run_key AND ended_at IS NULL AND run_id IS NULL

-- name: note_outcome
UPDATE signalbox.assignments SET outcome = CAST(:outcome AS jsonb)
WHERE run_key = :run_key AND ended_at IS NULL

-- name: end
UPDATE signalbox.assignments SET ended_at = :now, ending = :ending
WHERE run_key = :run_key AND ended_at IS NULL

-- name: withdraw
UPDATE signalbox.assignments SET ended_at = :now, ending = 'withdrawn'
WHERE run_key = ANY (CAST(:run_keys AS text[])) AND ended_at IS NULL AND claimed_at IS NULL
RETURNING run_key

-- name: adopt
-- A run works on a task although no assignment says so: the table was lost, or restored from before.
INSERT INTO signalbox.assignments
    (run_key, backend, task_id, queue, agent, attempt, max_attempts, run_id, claimed_at)
VALUES (:run_key, :backend, :task_id, :queue, :agent, :attempt, :max_attempts, :run_id, :now)
ON CONFLICT DO NOTHING

-- name: note_used_up
-- Given to nobody and ended at once: so alerts and `tasks show` know of it, whichever task queue holds the task.
INSERT INTO signalbox.assignments
    (run_key, backend, task_id, queue, agent, attempt, max_attempts, priority, ended_at, ending)
SELECT concat_ws(':', 'task', CAST(:backend AS text), task.id, task.attempts, 'used_up'),
       :backend, task.id, :queue, :author, task.attempts, task.attempts, task.priority, :now, 'dead_letter'
FROM jsonb_to_recordset(CAST(:tasks AS jsonb)) AS task (id bigint, attempts integer, priority integer)
ON CONFLICT DO NOTHING

-- name: of_task
-- All assignments of a task, newest first.
SELECT run_key, agent, attempt, run_id, requested_at, claimed_at, ended_at, ending, outcome
FROM signalbox.assignments
WHERE backend = :backend AND task_id = :task_id
ORDER BY requested_at DESC
LIMIT 100

-- name: forget
-- Ended long ago, of tasks that are at rest: names of later requests for a task count on the earlier ones.
DELETE FROM signalbox.assignments AS old
WHERE old.ended_at < :before
  AND NOT EXISTS (
      SELECT FROM signalbox.tasks AS task
      WHERE old.backend = 'postgres' AND task.id = old.task_id AND task.status IN ('idle', 'working', 'waiting_for_human')
  )
  AND NOT EXISTS (
      SELECT FROM signalbox.assignments AS later
      WHERE later.backend = old.backend AND later.task_id = old.task_id
        AND (later.ended_at IS NULL OR later.ended_at >= :before)
  )
