-- Drift
-- Where answers differ from what the tables' SELECTs read, as scraper drift counts it over all runs; those met in the
-- period, latest first, 200 at most.
SELECT endpoint, kind, path, detail, times, "of", first_at::DATE AS first_seen, last_at::DATE AS last_seen
FROM report_drift
WHERE last_at >= $since::TIMESTAMP AND first_at < ($until + 1)::TIMESTAMP
ORDER BY last_at DESC, endpoint, kind, path
