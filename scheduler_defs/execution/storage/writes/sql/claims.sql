-- Claims: what a run is the only one of. Written with the run itself, in one statement.

-- name: claim
-- Of two that want the same, one waits for the other's commit, gets no row, and then adds no run.
INSERT INTO signalbox.run_claims (claim, run_id) VALUES (:claim, :claimant)
ON CONFLICT (claim) DO NOTHING
RETURNING claim

-- name: take_over
-- From the run that was seen to hold it, and from no other.
UPDATE signalbox.run_claims SET run_id = :claimant, claimed = now()
WHERE claim = :claim AND run_id = :holder
RETURNING claim

-- name: holder
SELECT held.run_id, runs.status
FROM signalbox.run_claims AS held LEFT JOIN runs USING (run_id)
WHERE held.claim = :claim

-- name: forget_all
TRUNCATE signalbox.run_claims
