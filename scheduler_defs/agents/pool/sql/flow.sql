-- How work flows through the queues, from the assignments that have ended.

-- name: flow
-- Per queue: tasks completed, how long they waited for a slot once nothing else was missing, and how long runs
-- took. Runs that did nothing are left out.
SELECT queue,
       count(*) FILTER (WHERE ending IN ('complete', 'complete_aside')) AS completed,
       count(*) AS runs,
       avg(extract(epoch FROM ended_at - claimed_at)) AS run_seconds,
       percentile_cont(0.5) WITHIN GROUP (
           ORDER BY greatest(0, extract(epoch FROM claimed_at - ready_at))) AS wait_p50_seconds,
       percentile_cont(0.95) WITHIN GROUP (
           ORDER BY greatest(0, extract(epoch FROM claimed_at - ready_at))) AS wait_p95_seconds
FROM signalbox.assignments
WHERE ended_at >= :since AND claimed_at IS NOT NULL AND ending NOT IN ('not_needed', 'never_started')
  AND (CAST(:queue AS text) IS NULL OR queue = :queue)
GROUP BY queue

-- name: done
-- The last tasks of each queue that were done, and how long the attempt took that did them.
SELECT done.queue, done.agent, coalesce(task.tags, '{}') AS tags,
       extract(epoch FROM done.ended_at - done.claimed_at)::float8 AS seconds
FROM unnest(CAST(:queues AS text[])) AS wanted (queue)
CROSS JOIN LATERAL (
    SELECT backend, task_id, queue, agent, claimed_at, ended_at FROM signalbox.assignments
    WHERE queue = wanted.queue AND ended_at IS NOT NULL AND claimed_at IS NOT NULL
      AND ending IN ('complete', 'complete_aside', 'landing')
    ORDER BY ended_at DESC LIMIT :limit
) AS done
LEFT JOIN signalbox.tasks AS task ON done.backend = 'postgres' AND task.id = done.task_id
