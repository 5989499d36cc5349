-- Nights
-- How each day's last run of a job ended, by the UTC day on which it began. Green: complete; grey: no run that day; a
-- letter is the first one of another status: Budget, Quota, Failed, Refused, Error, Unreachable, Interrupted, Died, Open.
-- Days before the archive's first run are left out. Of more than six jobs, those with the most runs.
WITH run AS (
  SELECT
    job, run_id, run_started_at AS began, run_started_at::DATE AS day, any_value(run_status) AS status,
    count(*) AS walks, count(*) FILTER (state = 'complete') AS complete
  FROM coverage WHERE date BETWEEN $since AND $until
  GROUP BY ALL
), job AS (
  SELECT job FROM run GROUP BY job ORDER BY count(*) DESC, job LIMIT 6
), day AS (
  SELECT unnest(generate_series(greatest($since, first)::TIMESTAMP, $until::TIMESTAMP, INTERVAL 1 DAY))::DATE AS day
  FROM (SELECT min(date) AS first FROM coverage)
)
SELECT
  job, day,
  coalesce(arg_max(status, began), 'no run') AS status,
  count(run_id) AS runs,
  arg_max(complete, began) AS complete_walks,
  arg_max(walks, began) AS walks
FROM job CROSS JOIN day LEFT JOIN run USING (job, day)
GROUP BY job, day
ORDER BY day DESC, job
