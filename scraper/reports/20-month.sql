-- Credits of the month against its line
-- Credits spent since each account's month began (the area), and the line that reaches the month's limit on its last day
-- (dashed): spent above the line, the month runs dry before it ends. Every month that meets the period is shown from its
-- first day; months before the archive's first request are left out. Without a known limit there is no line.
WITH spent AS (
  SELECT account, day, sum(credits)::BIGINT AS credits
  FROM requests WHERE day BETWEEN $since - 31 AND $until
  GROUP BY ALL
), account AS (
  SELECT account, month_limit, month_starts_on FROM report_accounts
  UNION ALL
  SELECT DISTINCT account, NULL, 1 FROM spent WHERE account NOT IN (SELECT account FROM report_accounts)
), first AS (
  SELECT account, month_limit, month_starts_on, unnest(generate_series(
    date_trunc('month', $since) - INTERVAL 1 MONTH, date_trunc('month', $until) + INTERVAL 1 MONTH, INTERVAL 1 MONTH
  ))::DATE AS first
  FROM account
), month AS (
  SELECT
    account, month_limit, first + (least(month_starts_on, day(last_day(first))) - 1)::INTEGER AS month,
    lead(month) OVER (PARTITION BY account ORDER BY first) - 1 AS month_ends
  FROM first
), day AS (
  SELECT account, month_limit, month, month_ends, unnest(list_distinct(list_append(
    generate_series(month::TIMESTAMP, least(month_ends, $until)::TIMESTAMP, INTERVAL 1 DAY), month_ends::TIMESTAMP
  )))::DATE AS day
  FROM month WHERE month <= $until AND month_ends >= greatest($since, (SELECT min(day) FROM requests))
)
SELECT
  account, month, day,
  CASE WHEN day <= $until THEN coalesce(credits, 0) END AS credits,
  CASE WHEN day <= $until THEN sum(coalesce(credits, 0)) OVER (PARTITION BY account, month ORDER BY day) END::BIGINT AS spent,
  round(month_limit * (day - month + 1) / (month_ends - month + 1))::BIGINT AS line,
  month_limit
FROM day LEFT JOIN spent USING (account, day)
ORDER BY account, day DESC
