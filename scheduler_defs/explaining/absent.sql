-- name: stood
-- How a schedule stood at an instant: its newest switch (by its name in Dagster) and its newest pause until then.
SELECT DISTINCT ON (change IN ('paused', 'resumed')) change, at, until, actor, reason
FROM signalbox.schedule_changes
WHERE schedule IN (:schedule, :switch) AND at <= :due
ORDER BY change IN ('paused', 'resumed'), id DESC

-- name: rule_at
-- The rule that counted then, and the first that there was.
SELECT (SELECT since FROM signalbox.schedule_rules
        WHERE schedule = :schedule AND since < :due AND (until IS NULL OR until >= :due)) AS since,
       (SELECT min(since) FROM signalbox.schedule_rules WHERE schedule = :schedule) AS first,
       (SELECT before FROM signalbox.retention_marks WHERE what = 'ledger') AS dropped

-- name: spoken_for
-- The later occurrence whose line speaks for this one.
SELECT due, outcome, decided_at FROM signalbox.occurrences
WHERE schedule = :schedule AND gap_since <= :due AND due > :due
ORDER BY due LIMIT 1
