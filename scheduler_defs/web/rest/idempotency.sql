-- Answers to requests that may be sent again.

-- name: forget_old_keys
DELETE FROM signalbox.idempotency_keys WHERE created_at < now() - interval '1 day'

-- name: take_key
INSERT INTO signalbox.idempotency_keys (actor, key, route, fingerprint)
VALUES (:actor, :key, :route, :fingerprint) ON CONFLICT DO NOTHING RETURNING key

-- name: renew_key
-- While it is answered. Whoever finds it older than that knows that nobody answers it any more.
UPDATE signalbox.idempotency_keys SET created_at = now() WHERE actor = :actor AND key = :key AND status IS NULL

-- name: take_over_key
-- Of several that come back after a crash, one gets it.
UPDATE signalbox.idempotency_keys SET created_at = now()
WHERE actor = :actor AND key = :key AND route = :route AND fingerprint = :fingerprint
  AND status IS NULL AND created_at < now() - make_interval(secs => :silence)
RETURNING key

-- name: known_key
SELECT route, fingerprint, status, headers, body FROM signalbox.idempotency_keys WHERE actor = :actor AND key = :key

-- name: answered
UPDATE signalbox.idempotency_keys SET status = :status, headers = CAST(:headers AS jsonb), body = :body
WHERE actor = :actor AND key = :key

-- name: forget_key
DELETE FROM signalbox.idempotency_keys WHERE actor = :actor AND key = :key AND status IS NULL
