-- In short
-- Days are UTC days. Requests and credits are those booked on a day of the period, whenever their run began; unknown
-- credits, of requests that were never answered, are among them.
WITH run AS (
  SELECT run_id, any_value(run_status) AS status, min(run_started_at)::DATE AS day
  FROM coverage WHERE date BETWEEN $since AND $until
  GROUP BY run_id
)
SELECT
  $until - $since + 1 AS days,
  (SELECT count(DISTINCT day) FROM run) AS days_with_a_run,
  (SELECT count(*) FROM run) AS runs,
  (SELECT count(*) FROM run WHERE status = 'complete') AS complete_runs,
  count(*) FILTER (outcome <> 'not_sent') AS requests,
  coalesce(sum(credits), 0)::BIGINT AS credits,
  coalesce(sum(credits) FILTER (charge = 'unknown'), 0)::BIGINT AS unknown_credits,
  coalesce(sum(rows), 0)::BIGINT AS rows,
  round(sum(credits) / nullif(sum(rows), 0), 4) AS credits_per_row
FROM requests
WHERE day BETWEEN $since AND $until
