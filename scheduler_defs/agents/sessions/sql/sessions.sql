-- The registry of agents' sessions.

-- name: note
-- A turn in a session: begun (counts are 0), or ended. Counts are added.
INSERT INTO signalbox.agent_sessions
    (id, cli, backend, task_id, agent, host, workspace, run_id, state, turns, tokens, cached, cost_usd)
VALUES (:id, :cli, :backend, :task_id, :agent, :host, :workspace, :run_id, :state, :turns, :tokens, :cached, :cost_usd)
ON CONFLICT (id, cli) DO UPDATE
SET backend = EXCLUDED.backend, task_id = EXCLUDED.task_id, agent = EXCLUDED.agent, host = EXCLUDED.host,
    workspace = EXCLUDED.workspace, run_id = EXCLUDED.run_id, state = EXCLUDED.state,
    turns = agent_sessions.turns + EXCLUDED.turns, tokens = agent_sessions.tokens + EXCLUDED.tokens,
    cached = agent_sessions.cached + EXCLUDED.cached,
    cost_usd = CASE WHEN agent_sessions.cost_usd IS NULL THEN EXCLUDED.cost_usd
                    ELSE agent_sessions.cost_usd + coalesce(EXCLUDED.cost_usd, 0) END,
    last_seen = now()

-- name: sessions
-- Newest first. One that works, says its row, and whose run is over, was lost with its worker.
SELECT session.id, session.cli, session.backend, session.task_id, session.agent, session.host, session.workspace,
       session.run_id,
       CASE WHEN session.state = 'working' AND NOT EXISTS (
           SELECT FROM signalbox.assignments AS live
           WHERE live.run_id = session.run_id AND live.ended_at IS NULL
       ) THEN 'lost' ELSE session.state END AS state,
       session.turns, session.tokens, session.cached, session.cost_usd, session.began_at, session.last_seen
FROM signalbox.agent_sessions AS session
WHERE (CAST(:task_id AS bigint) IS NULL OR session.task_id = :task_id)
  AND (CAST(:agent AS text) IS NULL OR session.agent = :agent)
  AND (CAST(:id AS text) IS NULL OR session.id = :id)
  AND (CAST(:before AS timestamptz) IS NULL OR session.last_seen < :before)
ORDER BY session.last_seen DESC, session.id
LIMIT :limit

-- name: prune
DELETE FROM signalbox.agent_sessions
WHERE (id, cli) IN (SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:clis AS text[])))
  AND last_seen < :before
RETURNING id, cli
