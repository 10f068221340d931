-- Requests that triggers have taken.

-- name: forget_deliveries
DELETE FROM signalbox.trigger_deliveries WHERE forget_at < now()

-- name: take_delivery
INSERT INTO signalbox.trigger_deliveries (digest, trigger, forget_at) VALUES (:digest, :trigger, :forget)
ON CONFLICT DO NOTHING RETURNING digest

-- name: known_delivery
SELECT run_id FROM signalbox.trigger_deliveries WHERE digest = :digest

-- name: take_delivery_over
-- Of two that come long after the first time was cut off, one goes on.
UPDATE signalbox.trigger_deliveries SET taken_at = now()
WHERE digest = :digest AND run_id IS NULL AND taken_at < now() - :unsure RETURNING digest

-- name: delivered
UPDATE signalbox.trigger_deliveries SET run_id = :run_id WHERE digest = :digest

-- name: give_delivery_back
DELETE FROM signalbox.trigger_deliveries WHERE digest = :digest AND run_id IS NULL
