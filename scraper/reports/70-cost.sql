-- Credits a row
-- Credits for each record that came, by the day on which they were booked; over more than 62 days, by the week that
-- begins then. Shown are the six endpoints that cost the most.
WITH spent AS (
  SELECT
    endpoint, sum(credits)::BIGINT AS credits, sum(rows)::BIGINT AS rows,
    time_bucket(
      CASE WHEN $until - $since >= 62 THEN INTERVAL 7 DAYS ELSE INTERVAL 1 DAY END, day, $since
    )::DATE AS day
  FROM requests AS request WHERE request.day BETWEEN $since AND $until
  GROUP BY ALL
)
SELECT endpoint, day, credits, coalesce(rows, 0) AS rows, round(credits / nullif(rows, 0), 4) AS credits_per_row
FROM spent SEMI JOIN (
  SELECT endpoint FROM spent GROUP BY endpoint ORDER BY sum(credits) DESC, endpoint LIMIT 6
) AS dearest USING (endpoint)
ORDER BY day DESC, endpoint
