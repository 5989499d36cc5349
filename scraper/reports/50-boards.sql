-- Rows and completeness by board
-- Walks of each endpoint, country and window, by how they ended, and the rows that they bought: those with the smallest
-- share of complete walks first, twenty at most; of_boards says how many there are.
SELECT
  concat_ws(' ', endpoint, country, period_days || ' days') AS board,
  count(*) AS walks,
  count(*) FILTER (state = 'complete') AS complete,
  count(*) FILTER (state = 'truncated') AS truncated,
  count(*) FILTER (state = 'empty') AS empty,
  count(*) FILTER (state = 'failed') AS failed,
  count(*) FILTER (state = 'not_attempted') AS not_attempted,
  count(*) FILTER (state = 'open') AS open,
  coalesce(sum(rows) FILTER (reused_from IS NULL), 0)::BIGINT AS rows,
  count(*) OVER () AS of_boards
FROM coverage
WHERE date BETWEEN $since AND $until
GROUP BY endpoint, country, period_days
ORDER BY complete / walks, walks DESC, board
LIMIT 20
