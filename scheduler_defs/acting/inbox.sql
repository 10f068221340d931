-- Entries of the inbox that somebody has put off.

-- name: put_off_now
SELECT entry FROM signalbox.inbox_put_off WHERE until IS NULL OR until > :now

-- name: put_off
INSERT INTO signalbox.inbox_put_off (entry, until, by) VALUES (:entry, :until, :by)
ON CONFLICT (entry) DO UPDATE SET until = :until, by = :by, at = now()
