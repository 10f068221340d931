-- Approvals: what waits, what was said, and what became of it.

-- name: open
-- Of runs that are still there to be started.
SELECT approvals.id, approvals.run_id, source, about, policy, requested_by, requested, expires, needs, state, reason,
       decided,
       ARRAY(SELECT person FROM signalbox.approval_votes WHERE approval = approvals.id AND agrees ORDER BY at) AS agreed
FROM signalbox.approvals JOIN runs ON runs.run_id = approvals.run_id AND status IN ('NOT_STARTED', 'QUEUED')
WHERE state = 'pending'
ORDER BY requested, approvals.id

-- name: newest
SELECT approvals.id, run_id, source, about, policy, requested_by, requested, expires, needs, state, reason, decided,
       ARRAY(SELECT person FROM signalbox.approval_votes WHERE approval = approvals.id AND agrees ORDER BY at) AS agreed
FROM signalbox.approvals
ORDER BY id DESC LIMIT :most

-- name: of_run
SELECT approvals.id, run_id, source, about, policy, requested_by, requested, expires, needs, state, reason, decided,
       ARRAY(SELECT person FROM signalbox.approval_votes WHERE approval = approvals.id AND agrees ORDER BY at) AS agreed
FROM signalbox.approvals WHERE run_id = :run_id ORDER BY id

-- name: lock
-- Whoever decides has the row until the end of his transaction.
SELECT approvals.id, run_id, source, about, policy, requested_by, requested, expires, needs, state, reason, decided,
       ARRAY(SELECT person FROM signalbox.approval_votes WHERE approval = approvals.id AND agrees ORDER BY at) AS agreed,
       expires <= now() AS over, (SELECT status FROM runs WHERE runs.run_id = approvals.run_id) AS status
FROM signalbox.approvals WHERE approvals.id = :id FOR UPDATE

-- name: vote
INSERT INTO signalbox.approval_votes (approval, person, agrees) VALUES (:id, :person, :agrees)
ON CONFLICT (approval, person) DO UPDATE SET agrees = false, at = now()
WHERE approval_votes.agrees AND NOT excluded.agrees
RETURNING approval

-- name: decide
-- Complete when so many have agreed; denied as soon as one objects.
UPDATE signalbox.approvals SET state = :state, reason = :reason, decided = now()
WHERE id = :id AND state = 'pending'
  AND (:state = 'denied'
       OR (SELECT count(*) FROM signalbox.approval_votes WHERE approval = :id AND agrees) >= needs)
RETURNING state

-- name: token_made_by
SELECT created_by FROM signalbox.api_tokens WHERE name = :name

-- name: expire
UPDATE signalbox.approvals
SET state = CASE WHEN policy ->> 'otherwise' = 'run' THEN 'waived' ELSE 'expired' END, decided = now()
WHERE state = 'pending' AND expires <= now()
RETURNING id, run_id, source, state, expires

-- name: withdraw
-- Its run has ended, or was deleted: nobody can decide on it any more.
UPDATE signalbox.approvals SET state = 'withdrawn', decided = now()
WHERE state = 'pending'
  AND NOT EXISTS (SELECT FROM runs WHERE runs.run_id = approvals.run_id AND status IN ('NOT_STARTED', 'QUEUED'))

-- name: refused
-- Runs to be ended, with why. One that is not queued yet will be in a moment.
SELECT approvals.id, approvals.run_id, source, state, reason, expires, status,
       (SELECT person FROM signalbox.approval_votes WHERE approval = approvals.id AND NOT agrees LIMIT 1) AS objector
FROM signalbox.approvals LEFT JOIN runs ON runs.run_id = approvals.run_id
WHERE settled IS NULL AND state IN ('denied', 'expired') AND status IS DISTINCT FROM 'NOT_STARTED'
ORDER BY approvals.id LIMIT 100

-- name: settle
UPDATE signalbox.approvals SET settled = now() WHERE id = :id AND settled IS NULL

-- name: one
SELECT approvals.id, approvals.run_id, source, about, policy, requested_by, requested, expires, needs, state, reason,
       decided,
       ARRAY(SELECT person FROM signalbox.approval_votes WHERE approval = approvals.id AND agrees ORDER BY at) AS agreed
FROM signalbox.approvals WHERE approvals.id = :id

-- name: use_link
-- Whoever comes second with the same link finds it used.
INSERT INTO signalbox.approval_links (alert, approval, person) VALUES (:alert, :approval, :person)
ON CONFLICT (alert) DO NOTHING
RETURNING alert

-- name: used_link
SELECT alert FROM signalbox.approval_links WHERE alert = :alert

-- name: channel_of_alert
SELECT channel FROM signalbox.alerts WHERE id = :alert
