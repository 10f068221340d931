-- name: standing
-- Of one schedule: what is dealt with, since when its rule holds, what waits, what was ordered.
SELECT s.handled, s.holds, s.fired, s.errors, r.since,
       (SELECT jsonb_agg(jsonb_build_object(
                   'due', o.due, 'outcome', o.outcome, 'reason', o.reason, 'numbers', o.numbers,
                   'run_id', o.run_id, 'tick', o.tick) ORDER BY o.due)
        FROM signalbox.occurrences o
        WHERE o.schedule = :schedule
          AND (o.outcome = 'deferred' OR (o.outcome = 'launched' AND o.created_at IS NULL))) AS open
FROM (SELECT 1) AS one
LEFT JOIN signalbox.schedule_states s ON s.schedule = :schedule
LEFT JOIN signalbox.schedule_rules r ON r.schedule = :schedule AND r.until IS NULL

-- name: decided
-- What was decided at a tick, or of the occurrence of a tick.
SELECT o.due, o.outcome, o.reason, o.numbers, o.run_id, o.gap_since, o.tick, o.created_at, r.status AS run_status
FROM signalbox.occurrences o
LEFT JOIN runs r ON r.run_id = o.run_id
WHERE o.schedule = :schedule AND (o.tick = :tick OR o.due = ANY(CAST(:dues AS timestamptz[])))
ORDER BY o.due

-- name: write
-- All of it or nothing. An entry that is there already stays, unless it waits, or could not be looked at in the
-- same tick. A check is remembered by whoever wrote its occurrence.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS g (
        schedule text, due timestamptz, job text, outcome text, reason text, numbers jsonb, run_id text,
        tick timestamptz, gap_since timestamptz, decided_at timestamptz, version bigint)
), written AS (
    INSERT INTO signalbox.occurrences AS o (
        schedule, due, job, outcome, reason, numbers, run_id, tick, gap_since, decided_at, decided_by, version)
    SELECT schedule, due, job, outcome, reason, numbers, run_id, tick, gap_since, decided_at, :decided_by, version
    FROM given ORDER BY schedule, due
    ON CONFLICT (schedule, due) DO UPDATE
        SET outcome = excluded.outcome, reason = excluded.reason, numbers = excluded.numbers,
            run_id = excluded.run_id, tick = excluded.tick, gap_since = excluded.gap_since,
            decided_at = excluded.decided_at, decided_by = excluded.decided_by
        WHERE o.outcome = 'deferred' OR (o.reason = 'condition_error' AND o.tick = excluded.tick)
    RETURNING schedule, due
), ticks AS (
    SELECT * FROM jsonb_to_recordset(CAST(:ticks AS jsonb)) AS t (
        schedule text, handled timestamptz, holds boolean, fired timestamptz, errors integer, check_of timestamptz)
), remembered AS (
    INSERT INTO signalbox.schedule_states AS s (schedule, handled, holds, fired, errors)
    SELECT t.schedule, t.handled, t.holds, t.fired, t.errors
    FROM ticks t
    WHERE t.check_of IS NULL
       OR EXISTS (SELECT FROM written w WHERE w.schedule = t.schedule AND w.due = t.check_of)
    ORDER BY t.schedule
    ON CONFLICT (schedule) DO UPDATE
        SET handled = greatest(s.handled, excluded.handled),
            holds = excluded.holds, fired = excluded.fired, errors = excluded.errors
)
SELECT schedule, due FROM written

-- name: waiting
-- When a schedule of which something waits wants to be looked at. Jitter: at the start that it has drawn. A limit: when
-- there is room by what the refusal says, so many as there is room for, the oldest first, and the others a minute after
-- they were refused; every five minutes anyway. A run that was ordered and not made: each minute for an hour, and after
-- that at the schedule's own ticks. `refused`: when a limit last held something of it back.
WITH open AS MATERIALIZED (
    SELECT *, numbers->>'name' AS by, (numbers->>'limit')::integer AS most
    FROM signalbox.occurrences
    WHERE outcome = 'deferred'
       OR (outcome = 'launched' AND created_at IS NULL AND decided_at > now() - interval '1 hour')
), active AS MATERIALIZED (
    SELECT t.value AS job
    FROM runs r LEFT JOIN run_tags t ON t.run_id = r.run_id AND t.key = :job
    WHERE r.status IN ('NOT_STARTED', 'QUEUED', 'STARTING', 'STARTED', 'CANCELING')
      AND EXISTS (SELECT FROM open WHERE reason = 'limit')
    UNION ALL
    SELECT o.job FROM open o
    WHERE o.outcome = 'launched' AND o.decided_at > now() - interval '2 minutes'
      AND NOT EXISTS (SELECT FROM runs WHERE runs.run_id = o.run_id)
), refused AS (
    SELECT schedule, decided_at,
           row_number() OVER (PARTITION BY by, CASE WHEN by = 'max_per_job' THEN job END ORDER BY due) AS place,
           most - (SELECT count(*) FROM active a WHERE by = 'max_global' OR a.job = open.job) AS room
    FROM open WHERE outcome = 'deferred' AND reason = 'limit'
), waits AS (
    SELECT schedule, NULL::timestamptz AS refused,
           CASE WHEN outcome = 'launched' THEN decided_at + interval '30 seconds'
                WHEN reason = 'jitter' THEN (numbers->>'start')::timestamptz
                ELSE coalesce(tick, due) END AS since
    FROM open WHERE outcome = 'launched' OR reason IS DISTINCT FROM 'limit'
    UNION ALL
    SELECT schedule, decided_at,
           decided_at + CASE WHEN place <= room THEN interval '0'
                             WHEN room > 0 THEN interval '1 minute'
                             ELSE interval '5 minutes' END
    FROM refused
)
SELECT schedule, extract(epoch FROM min(since)) AS since, extract(epoch FROM max(refused)) AS refused
FROM waits GROUP BY schedule
