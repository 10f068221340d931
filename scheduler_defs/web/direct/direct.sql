-- What GraphQL would answer, from the tables it is in.

-- name: tagged
-- Tags of ours; `run_object` reads no others.
SELECT chosen.*, tags.found AS tags
FROM chosen
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(key, value) AS found
    FROM run_tags WHERE run_tags.run_id = chosen.run_id AND starts_with(key, 'signalbox/')
) AS tags ON true
ORDER BY chosen.id DESC

-- name: switched
-- Schedules that somebody has switched; the others are as declared.
SELECT selector_id, status = 'RUNNING' AS is_on FROM instigators
WHERE instigator_type = 'SCHEDULE' AND status IN ('RUNNING', 'STOPPED')
