-- What the agents have been told to do, and how they fare.

-- name: states
-- A pause whose end has come is none.
SELECT agent, CASE WHEN ends_at <= now() THEN 'on' ELSE state END AS state,
       CASE WHEN ends_at <= now() THEN NULL ELSE reason END AS reason, actor, since, last_given, failed_starts,
       passed_over_until, CASE WHEN ends_at > now() THEN ends_at END AS ends_at
FROM signalbox.agent_states

-- name: set_state
INSERT INTO signalbox.agent_states (agent, state, reason, actor, ends_at)
VALUES (:agent, :state, :reason, :actor, :ends_at)
ON CONFLICT (agent) DO UPDATE
SET state = :state, reason = :reason, actor = :actor, since = now(), ends_at = :ends_at,
    failed_starts = CASE WHEN :state = 'on' THEN 0 ELSE agent_states.failed_starts END,
    passed_over_until = CASE WHEN :state = 'on' THEN NULL ELSE agent_states.passed_over_until END

-- name: given
-- Work was given to these agents: whoever has waited longest is first next time.
INSERT INTO signalbox.agent_states (agent, last_given)
SELECT unnest(CAST(:agents AS text[])), :now
ON CONFLICT (agent) DO UPDATE SET last_given = excluded.last_given

-- name: started_well
UPDATE signalbox.agent_states SET failed_starts = 0, passed_over_until = NULL
WHERE agent = :agent AND failed_starts > 0

-- name: failed_to_start
INSERT INTO signalbox.agent_states AS known (agent, failed_starts) VALUES (:agent, 1)
ON CONFLICT (agent) DO UPDATE SET failed_starts = known.failed_starts + 1
RETURNING failed_starts

-- name: forgive
UPDATE signalbox.agent_states SET failed_starts = 0, passed_over_until = NULL
WHERE agent = ANY (CAST(:agents AS text[])) AND passed_over_until > now()
RETURNING agent

-- name: pass_over
UPDATE signalbox.agent_states SET passed_over_until = :until WHERE agent = :agent
