-- What is wrong now, and will be told until it is not: each statement reads through an index, or a small table.

-- name: going
-- Runs under way, and how long the last 50 of their job took that went well (95 of 100, in seconds).
SELECT r.run_id, coalesce(j.value, r.pipeline_name) AS job, s.value AS schedule, :now - r.start_time AS took,
       usual.p95, usual.runs
FROM runs r
LEFT JOIN run_tags j ON j.run_id = r.run_id AND j.key = :job
LEFT JOIN run_tags s ON s.run_id = r.run_id AND s.key = :schedule
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY each.took) AS p95, count(*) AS runs
    FROM (SELECT e.end_time - e.start_time AS took FROM runs e
          WHERE e.pipeline_name = r.pipeline_name AND e.status = 'SUCCESS' AND e.end_time IS NOT NULL
          ORDER BY e.id DESC LIMIT 50) AS each
) AS usual
WHERE r.status = 'STARTED' AND r.start_time IS NOT NULL

-- name: lately
-- The newest run of each job that went well within the hour, and the median of the twenty before it.
SELECT * FROM (
    SELECT DISTINCT ON (r.pipeline_name) r.id, r.run_id, r.pipeline_name, coalesce(j.value, r.pipeline_name) AS job,
           s.value AS schedule, r.end_time - r.start_time AS took
    FROM runs r
    LEFT JOIN run_tags j ON j.run_id = r.run_id AND j.key = :job
    LEFT JOIN run_tags s ON s.run_id = r.run_id AND s.key = :schedule
    WHERE r.status = 'SUCCESS' AND r.update_timestamp > to_timestamp(:now - 3600) AT TIME ZONE 'UTC'
      AND r.end_time > :now - 3600
    ORDER BY r.pipeline_name, r.id DESC
) AS newest
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY each.took) AS usual, count(*) AS runs
    FROM (SELECT e.end_time - e.start_time AS took FROM runs e
          WHERE e.pipeline_name = newest.pipeline_name AND e.status = 'SUCCESS' AND e.end_time IS NOT NULL
            AND e.id < newest.id
          ORDER BY e.id DESC LIMIT 20) AS each
) AS before

-- name: queues
-- Agent queues: tasks that could be given out, how long the first of them waits, and since when none was.
SELECT t.queue, count(*) AS depth, :now - extract(epoch FROM min(t.ready_at))::float8 AS waits,
       :now - extract(epoch FROM coalesce(
           (SELECT max(a.requested_at) FROM signalbox.assignments a WHERE a.queue = t.queue), min(t.ready_at)
       ))::float8 AS idle
FROM signalbox.tasks t
WHERE t.status = 'idle' AND NOT t.blocked AND NOT t.held
GROUP BY t.queue

-- name: due
-- Tasks that are not done, and are wanted by then: the first thousand.
SELECT id, title, queue, tags, deadline AT TIME ZONE 'UTC' AS deadline,
       extract(epoch FROM deadline)::float8 AS due
FROM signalbox.tasks
WHERE deadline <= to_timestamp(:until) AND status IN ('idle', 'working', 'waiting_for_human')
ORDER BY deadline, id
LIMIT 1000

-- name: budgets
-- Budgets that are reached, and wait for somebody to allow as much again: shared ones, and those of single tasks.
SELECT entry.details ->> 'budget' AS budget, entry.details ->> 'bucket' AS bucket, entry.body, task.queue
FROM signalbox.inbox AS entry
LEFT JOIN signalbox.tasks AS task ON entry.subject = 'task:' || task.id
WHERE entry.closed_at IS NULL AND entry.details ->> 'budget' IS NOT NULL
ORDER BY entry.id
LIMIT 1000

-- name: run_queues
SELECT coalesce(t.value, 'runs') AS queue, count(*) AS depth,
       :now - extract(epoch FROM min(r.create_timestamp) AT TIME ZONE 'UTC')::float8 AS waits
FROM runs r LEFT JOIN run_tags t ON t.run_id = r.run_id AND t.key = 'dagster-celery/queue'
WHERE r.status = 'QUEUED'
GROUP BY 1

-- name: workers
-- Workers that have not said goodbye, and how long they are silent. After a day they are forgotten.
SELECT id, host, :now - extract(epoch FROM heartbeat)::float8 AS silent
FROM signalbox.workers
WHERE NOT draining AND heartbeat > to_timestamp(:now - 86400)

-- name: newest_of_job
-- How the newest ended run of a job has ended, and how old its newest success is.
SELECT (SELECT status FROM runs WHERE pipeline_name = :name AND status IN ('SUCCESS', 'FAILURE')
        ORDER BY id DESC LIMIT 1) AS status,
       (SELECT :now - end_time FROM runs WHERE pipeline_name = :name AND status = 'SUCCESS'
        ORDER BY id DESC LIMIT 1) AS age

-- name: reviewed
-- What the newest review of the schedules has found.
SELECT check_name FROM (
    SELECT DISTINCT ON (check_name) check_name, execution_status
    FROM asset_check_executions WHERE asset_key = '["schedule_review"]' AND execution_status <> 'PLANNED'
    ORDER BY check_name, id DESC
) AS newest
WHERE execution_status = 'FAILED'
