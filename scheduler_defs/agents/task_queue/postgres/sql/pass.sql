-- What one pass does: bring the derived columns up to date, then choose candidates.

-- name: lock_graph
-- Until the transaction ends. One refresh at a time: a slower one must not overwrite a newer one's result.
SELECT pg_advisory_xact_lock(5849632710124051)

-- name: release_held
-- Tasks whose time has come.
UPDATE signalbox.tasks SET held = false
WHERE held AND not_before <= :now

-- name: take_changes
-- Ids noted by the triggers. Those of transactions that are not committed yet are left for the next time.
DELETE FROM signalbox.task_changes
WHERE ctid = ANY (ARRAY(SELECT ctid FROM signalbox.task_changes FOR UPDATE SKIP LOCKED))
RETURNING task_id

-- name: refresh_blocked
-- A task is blocked while a blocker of it is not complete. Only the changed tasks and those right behind them
-- can differ. Returns the tasks that have just become free.
WITH affected AS (
    SELECT unnest(CAST(:changed AS bigint[])) AS id
    UNION
    SELECT edge.task_id
    FROM signalbox.task_blockers AS edge
    WHERE edge.blocker_id = ANY (CAST(:changed AS bigint[]))
), exact AS (
    SELECT affected.id, EXISTS (
        SELECT FROM signalbox.task_blockers AS edge
        JOIN signalbox.tasks AS blocker ON blocker.id = edge.blocker_id
        WHERE edge.task_id = affected.id AND blocker.status <> 'complete'
    ) AS blocked
    FROM affected
)
UPDATE signalbox.tasks AS task
SET blocked = exact.blocked,
    ready_at = CASE WHEN exact.blocked THEN task.ready_at
                    ELSE greatest(task.ready_at, task.not_before, CAST(:now AS timestamptz)) END
FROM exact
WHERE task.id = exact.id AND task.blocked <> exact.blocked
RETURNING task.id, task.blocked

-- name: refresh_frees
-- How many idle tasks wait for each startable task, directly or through a chain of idle ones; a thousand and
-- more count as a thousand. It matters for tasks that can start, so only those above the changed ones, and
-- those just unblocked, are counted anew.
WITH RECURSIVE above AS (
    SELECT unnest(CAST(:changed AS bigint[])) AS id
    UNION
    SELECT edge.blocker_id
    FROM above
    JOIN signalbox.task_blockers AS edge ON edge.task_id = above.id
    JOIN signalbox.tasks AS blocker ON blocker.id = edge.blocker_id AND blocker.status <> 'complete'
), exact AS (
    SELECT task.id, (
        SELECT count(*) FROM (
            WITH RECURSIVE below AS (
                SELECT edge.task_id AS id
                FROM signalbox.task_blockers AS edge
                JOIN signalbox.tasks AS dependent ON dependent.id = edge.task_id
                WHERE edge.blocker_id = task.id AND dependent.status = 'idle'
                UNION
                SELECT edge.task_id
                FROM below
                JOIN signalbox.task_blockers AS edge ON edge.blocker_id = below.id
                JOIN signalbox.tasks AS dependent ON dependent.id = edge.task_id
                WHERE dependent.status = 'idle'
            )
            SELECT FROM below LIMIT 1000
        ) AS counted
    ) AS frees
    FROM above
    JOIN signalbox.tasks AS task ON task.id = above.id
    WHERE NOT task.blocked AND task.status IN ('idle', 'working')
)
UPDATE signalbox.tasks AS task SET frees = exact.frees
FROM exact
WHERE task.id = exact.id AND task.frees <> exact.frees

-- name: kinds
-- The kinds of placeable tasks in a queue (assignee, needs), by jumping from one to the next in the index
-- rather than reading all tasks of each.
WITH RECURSIVE kinds AS (
    (
        SELECT coalesce(task.assigned_to, '') AS assignee, task.capabilities
        FROM signalbox.tasks AS task
        WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
        ORDER BY coalesce(task.assigned_to, ''), task.capabilities
        LIMIT 1
    )
    UNION ALL
    SELECT following.assignee, following.capabilities
    FROM kinds
    CROSS JOIN LATERAL (
        SELECT coalesce(task.assigned_to, '') AS assignee, task.capabilities
        FROM signalbox.tasks AS task
        WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
          AND (coalesce(task.assigned_to, ''), task.capabilities) > (kinds.assignee, kinds.capabilities)
        ORDER BY coalesce(task.assigned_to, ''), task.capabilities
        LIMIT 1
    ) AS following
)
SELECT assignee, capabilities FROM kinds

-- name: window
-- The first tasks of each kind in the order of matching.rank: as many as can be placed, and no more. Age changes
-- that order all the time, so no index has it; but among tasks that free equally many and have equal priority
-- the older goes first, always. So this jumps from one such group to the next, best first, takes the oldest of
-- each, and stops as soon as `most` tasks are known that go before all of the next group: those that free more,
-- and those whose priority is higher by more than age can make up for. Tasks whose paths are known to be taken
-- (`hidden`: deciding/reservations.py) are passed over.
WITH RECURSIVE kinds AS (
    SELECT * FROM jsonb_to_recordset(CAST(:kinds AS jsonb)) AS kind (assignee text, capabilities text[], most integer)
), groups AS (
    SELECT kinds.*, first.frees, first.priority, first.ids,
           0 AS before_level, ARRAY[first.priority] AS priorities, ARRAY[cardinality(first.ids)] AS counts
    FROM kinds
    CROSS JOIN LATERAL (
        SELECT best.frees, best.priority, ARRAY(
            SELECT task.id FROM signalbox.tasks AS task
            WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
              AND coalesce(task.assigned_to, '') = kinds.assignee AND task.capabilities = kinds.capabilities
              AND task.frees = best.frees AND task.priority = best.priority
              AND task.id <> ALL (CAST(:requested AS bigint[]))
              AND (task.paths = '{}' OR CAST(:hidden AS text) IS NULL
                   OR array_to_string(task.paths, E'\n') !~ :hidden)
            ORDER BY task.created_at, task.id
            LIMIT kinds.most
        ) AS ids
        FROM (
            SELECT task.frees, task.priority FROM signalbox.tasks AS task
            WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
              AND coalesce(task.assigned_to, '') = kinds.assignee AND task.capabilities = kinds.capabilities
            ORDER BY task.frees DESC, task.priority DESC
            LIMIT 1
        ) AS best
    ) AS first
    UNION ALL
    SELECT previous.assignee, previous.capabilities, previous.most, following.frees, following.priority,
           following.ids, level.before_level,
           level.priorities || following.priority,
           level.counts || coalesce(level.counts[cardinality(level.counts)], 0) + cardinality(following.ids)
    FROM groups AS previous
    CROSS JOIN LATERAL (
        SELECT best.frees, best.priority, ARRAY(
            SELECT task.id FROM signalbox.tasks AS task
            WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
              AND coalesce(task.assigned_to, '') = previous.assignee
              AND task.capabilities = previous.capabilities
              AND task.frees = best.frees AND task.priority = best.priority
              AND task.id <> ALL (CAST(:requested AS bigint[]))
              AND (task.paths = '{}' OR CAST(:hidden AS text) IS NULL
                   OR array_to_string(task.paths, E'\n') !~ :hidden)
            ORDER BY task.created_at, task.id
            LIMIT previous.most
        ) AS ids
        FROM (
            (
                SELECT task.frees, task.priority FROM signalbox.tasks AS task
                WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
                  AND coalesce(task.assigned_to, '') = previous.assignee
                  AND task.capabilities = previous.capabilities
                  AND task.frees = previous.frees AND task.priority < previous.priority
                ORDER BY task.priority DESC
                LIMIT 1
            )
            UNION ALL
            (
                SELECT task.frees, task.priority FROM signalbox.tasks AS task
                WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
                  AND coalesce(task.assigned_to, '') = previous.assignee
                  AND task.capabilities = previous.capabilities
                  AND task.frees < previous.frees
                ORDER BY task.frees DESC, task.priority DESC
                LIMIT 1
            )
            LIMIT 1
        ) AS best
    ) AS following
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN same THEN previous.before_level
                 ELSE previous.before_level + previous.counts[cardinality(previous.counts)] END AS before_level,
            CASE WHEN same THEN previous.priorities ELSE '{}' END AS priorities,
            CASE WHEN same THEN previous.counts ELSE '{}' END AS counts
        FROM (VALUES (following.frees = previous.frees)) AS v (same)
    ) AS level
    WHERE level.before_level + coalesce((
        SELECT max(level.counts[place]) FROM generate_subscripts(level.priorities, 1) AS place
        WHERE level.priorities[place] > following.priority + :ageing_limit
    ), 0) < previous.most
), chosen AS (
    SELECT unnest(ids) AS id FROM groups
    UNION
    SELECT oldest.id
    FROM kinds
    CROSS JOIN LATERAL (
        SELECT task.id FROM signalbox.tasks AS task
        WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
          AND coalesce(task.assigned_to, '') = kinds.assignee AND task.capabilities = kinds.capabilities
          AND task.created_at <= CAST(:overdue AS timestamptz)
          AND task.id <> ALL (CAST(:requested AS bigint[]))
          AND (task.paths = '{}' OR CAST(:hidden AS text) IS NULL
               OR array_to_string(task.paths, E'\n') !~ :hidden)
        ORDER BY task.created_at, task.id
        LIMIT kinds.most
    ) AS oldest
    UNION
    SELECT urgent.id
    FROM kinds
    CROSS JOIN LATERAL (
        SELECT task.id FROM signalbox.tasks AS task
        WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.blocked AND NOT task.held
          AND coalesce(task.assigned_to, '') = kinds.assignee AND task.capabilities = kinds.capabilities
          AND task.deadline <= CAST(:near AS timestamptz)
          AND task.id <> ALL (CAST(:requested AS bigint[]))
          AND (task.paths = '{}' OR CAST(:hidden AS text) IS NULL
               OR array_to_string(task.paths, E'\n') !~ :hidden)
        ORDER BY task.deadline, task.id
        LIMIT kinds.most
    ) AS urgent
)
SELECT task.id, task.created_at, task.priority, task.assigned_to, task.capabilities, task.paths, task.deadline,
       task.frees, task.attempts, task.max_attempts, task.agent, task.ready_at
FROM signalbox.tasks AS task
WHERE task.id = ANY (ARRAY(SELECT id FROM chosen))

-- name: kinds_unblocked
-- The same as `kinds` when blocking is off.
SELECT DISTINCT coalesce(task.assigned_to, '') AS assignee, task.capabilities
FROM signalbox.tasks AS task
WHERE task.queue = :queue AND task.status = 'idle' AND NOT task.held

-- name: window_unblocked
-- The same as `window` when blocking is off: blockers neither filter nor order.
SELECT task.id, task.created_at, task.priority, task.assigned_to, task.capabilities, task.paths, task.deadline, 0 AS frees,
       task.attempts, task.max_attempts, task.agent, task.ready_at
FROM jsonb_to_recordset(CAST(:kinds AS jsonb)) AS kind (assignee text, capabilities text[], most integer)
CROSS JOIN LATERAL (
    SELECT *
    FROM signalbox.tasks AS each
    WHERE each.queue = :queue AND each.status = 'idle' AND NOT each.held
      AND coalesce(each.assigned_to, '') = kind.assignee
      AND each.capabilities = kind.capabilities
      AND each.id <> ALL (CAST(:requested AS bigint[]))
      AND (each.paths = '{}' OR CAST(:hidden AS text) IS NULL
           OR array_to_string(each.paths, E'\n') !~ :hidden)
    ORDER BY
        CASE WHEN each.created_at <= CAST(:overdue AS timestamptz) THEN each.created_at END NULLS LAST,
        CASE WHEN each.deadline <= CAST(:near AS timestamptz) THEN each.deadline END NULLS LAST,
        CASE WHEN each.deadline <= CAST(:near AS timestamptz) THEN each.id END NULLS LAST,
        each.priority + least(:ageing_limit, greatest(0, floor(
            extract(epoch FROM CAST(:now AS timestamptz) - each.created_at) / CAST(:ageing_seconds AS numeric)
        ))) DESC,
        each.created_at,
        each.id
    LIMIT kind.most
) AS task

-- name: counts
-- How many tasks of each queue are in which state; `queue` null means all queues. Each number is one walk along
-- an index.
WITH RECURSIVE queues AS (
    (
        SELECT queue FROM signalbox.tasks
        WHERE CAST(:queue AS text) IS NULL OR queue = :queue
        ORDER BY queue
        LIMIT 1
    )
    UNION ALL
    SELECT following.queue
    FROM queues
    CROSS JOIN LATERAL (
        SELECT task.queue FROM signalbox.tasks AS task
        WHERE CAST(:queue AS text) IS NULL AND task.queue > queues.queue
        ORDER BY task.queue
        LIMIT 1
    ) AS following
)
SELECT queues.queue,
       (SELECT count(*) FROM signalbox.tasks AS task
        WHERE task.queue = queues.queue AND status = 'idle' AND NOT blocked AND NOT held) AS ready,
       (SELECT count(*) FROM signalbox.tasks AS task
        WHERE task.queue = queues.queue AND status = 'idle' AND blocked) AS blocked,
       (SELECT count(*) FROM signalbox.tasks AS task
        WHERE task.queue = queues.queue AND status = 'idle' AND NOT blocked AND held) AS held,
       (SELECT count(*) FROM signalbox.tasks AS task
        WHERE task.queue = queues.queue AND status = 'working') AS working,
       (SELECT count(*) FROM signalbox.tasks AS task
        WHERE task.queue = queues.queue AND status = 'failed') AS failed,
       (SELECT count(*) FROM signalbox.tasks AS task
        WHERE task.queue = queues.queue AND status = 'waiting_for_human') AS waiting,
       least(
           (SELECT created_at FROM signalbox.tasks AS task
            WHERE task.queue = queues.queue AND status = 'idle' AND NOT blocked AND NOT held
            ORDER BY created_at LIMIT 1),
           (SELECT created_at FROM signalbox.tasks AS task
            WHERE task.queue = queues.queue AND status = 'idle' AND NOT blocked AND held
            ORDER BY created_at LIMIT 1),
           (SELECT created_at FROM signalbox.tasks AS task
            WHERE task.queue = queues.queue AND status = 'idle' AND blocked AND NOT held
            ORDER BY created_at LIMIT 1),
           (SELECT created_at FROM signalbox.tasks AS task
            WHERE task.queue = queues.queue AND status = 'idle' AND blocked AND held
            ORDER BY created_at LIMIT 1)
       ) AS oldest
FROM queues

-- name: dead_blockers
-- Tasks that wait for something that will not happen by itself, directly or through a chain of idle ones: a
-- person has to decide about `root`.
WITH RECURSIVE stuck AS (
    SELECT task.id, task.queue, blocker.id AS blocker, blocker.id AS root, blocker.status AS state
    FROM signalbox.tasks AS blocker
    JOIN signalbox.task_blockers AS edge ON edge.blocker_id = blocker.id
    JOIN signalbox.tasks AS task ON task.id = edge.task_id
    WHERE blocker.status IN ('failed', 'canceled') AND task.status = 'idle'
    UNION
    SELECT task.id, task.queue, stuck.id AS blocker, stuck.root, stuck.state
    FROM stuck
    JOIN signalbox.task_blockers AS edge ON edge.blocker_id = stuck.id
    JOIN signalbox.tasks AS task ON task.id = edge.task_id
    WHERE task.status = 'idle'
)
SELECT id, blocker, root, state FROM stuck
WHERE queue = :queue
ORDER BY id, blocker, root
LIMIT :limit

-- name: waiting
-- Idle tasks with their unfinished blockers, for the reasons that the dry run gives.
SELECT task.id, task.created_at, task.priority, task.assigned_to, task.capabilities, task.paths, task.deadline,
       task.frees, task.attempts, task.max_attempts, task.agent, task.not_before, blockers.found AS blockers
FROM signalbox.tasks AS task
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(blocker.id, blocker.status) ORDER BY blocker.id) AS found
    FROM signalbox.task_blockers AS edge
    JOIN signalbox.tasks AS blocker ON blocker.id = edge.blocker_id
    WHERE edge.task_id = task.id AND blocker.status <> 'complete'
) AS blockers
WHERE task.queue = :queue AND task.status = 'idle'
ORDER BY task.created_at, task.id
LIMIT :limit

-- name: held_by_runs
-- Tasks that are claimed, whether their runs live or not.
SELECT id, queue, agent, run_id, attempts
FROM signalbox.tasks
WHERE status = 'working'
ORDER BY id
