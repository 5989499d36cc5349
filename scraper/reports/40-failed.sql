-- What failed
-- Walks that are not complete, newest first: failed, cut short by a guard or a refusal, empty, not attempted, or still
-- open. A walk that ended at a clamp, a documented last page, is not among them.
SELECT
  run_started_at::DATE AS day, job, endpoint, country, period_days, state, why, pages, gaps, notes, run_status, run_id
FROM coverage
WHERE date BETWEEN $since AND $until AND state <> 'complete' AND coalesce(why, '') <> 'clamp'
ORDER BY run_started_at DESC, endpoint, country, period_days, walk_id
