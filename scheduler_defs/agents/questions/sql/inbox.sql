-- What waits for a person.

-- name: ask
INSERT INTO signalbox.inbox (kind, subject, key, body, details, asked_by)
VALUES (:kind, :subject, :key, :body, CAST(:details AS jsonb), :asked_by)
ON CONFLICT (key) DO NOTHING

-- name: open_questions
SELECT id, kind, subject, body, details, asked_by, asked_at, answer, answered_by, answered_at, closed_at
FROM signalbox.inbox WHERE closed_at IS NULL ORDER BY asked_at, id

-- name: of_subject
SELECT id, kind, subject, body, details, asked_by, asked_at, answer, answered_by, answered_at, closed_at
FROM signalbox.inbox WHERE subject = :subject ORDER BY id

-- name: answer
UPDATE signalbox.inbox SET answer = :answer, answered_by = :by, answered_at = now(), closed_at = now()
WHERE id = :id AND closed_at IS NULL
