-- What agents' turns use, and what budgets people have allowed.

-- name: lock_budgets
-- Until the transaction ends: of two runs, one counts after the other has told what it has used.
SELECT pg_advisory_xact_lock(5849632710124054)

-- name: note_turn
-- A turn goes on, or has ended. What it has used only grows.
INSERT INTO signalbox.agent_turns
    (run_id, turn, backend, task_id, agent, queue, began_at, ended_at, seconds, tokens, cached_tokens, turns, cost_usd,
     quiet_since, quiet_why)
VALUES (:run_id, :turn, :backend, :task_id, :agent, :queue, :began_at, :ended_at, :seconds, :tokens, :cached_tokens,
        :turns, :cost_usd, :quiet_since, :quiet_why)
ON CONFLICT (run_id, turn) DO UPDATE
SET seen_at = now(), ended_at = excluded.ended_at, quiet_since = excluded.quiet_since, quiet_why = excluded.quiet_why,
    seconds = greatest(agent_turns.seconds, excluded.seconds),
    tokens = greatest(agent_turns.tokens, excluded.tokens),
    cached_tokens = greatest(agent_turns.cached_tokens, excluded.cached_tokens),
    turns = greatest(agent_turns.turns, excluded.turns),
    cost_usd = greatest(agent_turns.cost_usd, excluded.cost_usd)

-- name: used
-- By agent and queue, and by task where one is asked for. Empty lists stand for all.
SELECT agent, queue, coalesce(sum(seconds), 0) AS seconds, coalesce(sum(tokens), 0)::bigint AS tokens,
       coalesce(sum(cached_tokens), 0)::bigint AS cached_tokens, coalesce(sum(turns), 0)::bigint AS turns,
       coalesce(sum(cost_usd), 0) AS cost_usd
FROM signalbox.agent_turns
WHERE (CAST(:since AS timestamptz) IS NULL OR began_at >= :since)
  AND (CAST(:task_id AS bigint) IS NULL OR (backend = :backend AND task_id = :task_id))
  AND (cardinality(CAST(:agents AS text[])) = 0 OR agent = ANY (CAST(:agents AS text[])))
  AND (cardinality(CAST(:queues AS text[])) = 0 OR queue = ANY (CAST(:queues AS text[])))
GROUP BY agent, queue

-- name: asked
-- What people were asked about budgets: how often, how often they allowed as much again, and what is open.
SELECT details ->> 'budget' AS budget, details ->> 'bucket' AS bucket, count(*) AS asked,
       count(*) FILTER (WHERE answer IS NOT NULL OR (closed_at IS NOT NULL AND kind = 'question')) AS granted,
       max(id) FILTER (WHERE closed_at IS NULL AND kind = 'budget') AS open_id
FROM signalbox.inbox
WHERE details ->> 'budget' IS NOT NULL
GROUP BY 1, 2

-- name: ask_budget
INSERT INTO signalbox.inbox (kind, subject, key, body, details, asked_by)
VALUES ('budget', :subject, :key, :body, CAST(:details AS jsonb), :asked_by)
ON CONFLICT (key) DO NOTHING

-- name: close_entry
UPDATE signalbox.inbox SET closed_at = now() WHERE id = :id AND closed_at IS NULL

-- name: quiet
-- Turns that go on and give no sign of life. Those whose run is over are none.
SELECT turn.run_id, turn.task_id, turn.agent, turn.queue, turn.quiet_since, turn.quiet_why
FROM signalbox.agent_turns AS turn
JOIN signalbox.assignments AS live ON live.run_id = turn.run_id AND live.ended_at IS NULL
WHERE turn.ended_at IS NULL AND turn.quiet_since IS NOT NULL AND live.backend = :backend
ORDER BY turn.quiet_since

-- name: forget_turns
DELETE FROM signalbox.agent_turns WHERE began_at < :before
