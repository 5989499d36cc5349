-- What requests ended in
-- Attempts by outcome, retries among them, with their credits. Only ok and empty are answers; what another outcome
-- cost bought nothing.
SELECT outcome, charge, count(*) AS attempts, sum(credits)::BIGINT AS credits, max(settled_at) AS last_at
FROM requests
WHERE day BETWEEN $since AND $until
GROUP BY outcome, charge
ORDER BY attempts DESC, outcome, charge
