-- name: lease_of
-- Who holds a run itself (its steps have leases of their own).
SELECT worker_id AS worker, host, renewed, expires, expires < now() AS expired
FROM signalbox.leases
WHERE run_id = :run_id AND step_key = ''
