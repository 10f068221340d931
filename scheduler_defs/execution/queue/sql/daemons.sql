-- The daemons that let runs out of the queue, by their beats.

-- name: beat
WITH gone AS (
    DELETE FROM signalbox.daemons
    WHERE id <> :id AND heartbeat < now() - make_interval(secs => :silence)
)
INSERT INTO signalbox.daemons (id, host, pid, iteration_seconds) VALUES (:id, :host, :pid, :iteration)
ON CONFLICT (id) DO UPDATE SET heartbeat = now(), iteration_seconds = excluded.iteration_seconds

-- name: end
DELETE FROM signalbox.daemons WHERE id = :id

-- name: living
SELECT host, pid FROM signalbox.daemons
WHERE heartbeat > now() - make_interval(secs => :silence)
ORDER BY started, id
