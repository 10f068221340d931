-- Quota pools: until when each one is closed, and why.

-- name: pools
SELECT pool, closed_until, closed_at, reason, rejections, run_id FROM signalbox.quota_pools

-- name: lock_pool
-- Held until the transaction ends, so that of several rejections one is reckoned after the other.
INSERT INTO signalbox.quota_pools (pool) VALUES (:pool)
ON CONFLICT (pool) DO UPDATE SET pool = excluded.pool
RETURNING pool, closed_until, closed_at, reason, rejections, run_id

-- name: keep_pool
UPDATE signalbox.quota_pools
SET closed_until = :closed_until, closed_at = :closed_at, reason = :reason, rejections = :rejections,
    run_id = :run_id, changed_at = now()
WHERE pool = :pool

-- name: window
-- What these agents have used since then, the oldest first.
SELECT began_at, tokens
FROM signalbox.agent_turns
WHERE agent = ANY (CAST(:agents AS text[])) AND began_at > :since AND tokens > 0
ORDER BY began_at
