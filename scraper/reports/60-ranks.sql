-- Ranks moving
-- The ten entries that lead a board at its last read, and their places before. A line breaks where an entry was not
-- among the first ten. Shown are the three boards with the most reads, one read a day; over more than 62 days, one a
-- week. Walks that differ in other parameters alone are numbered.
WITH sighting AS (
  SELECT walk_id, run_id, snapshot_at, endpoint, country, period_days, hashtag_id AS entry_id, hashtag_name AS entry,
    rank AS place
  FROM hashtags WHERE date BETWEEN $since AND $until AND rank <= 10
  UNION ALL
  SELECT walk_id, run_id, snapshot_at, endpoint, country, period_days, user_id, nick_name, position
  FROM creators WHERE date BETWEEN $since AND $until AND page = 1 AND position <= 10
  UNION ALL
  SELECT walk_id, run_id, snapshot_at, endpoint, country, period_days, item_id, title, position
  FROM videos WHERE date BETWEEN $since AND $until AND page = 1 AND position <= 10
), board AS (
  SELECT walk_id, name || CASE WHEN count(*) OVER same = 1 THEN '' ELSE ' #' || row_number() OVER same END AS board
  FROM (
    SELECT
      walk_id, concat_ws(' ', any_value(endpoint), any_value(country), any_value(period_days) || ' days') AS name
    FROM sighting GROUP BY walk_id
    ORDER BY count(DISTINCT snapshot_at) DESC, any_value(endpoint) NOT LIKE '%hashtags', name, walk_id LIMIT 3
  )
  WINDOW same AS (PARTITION BY name ORDER BY walk_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
), read AS (
  SELECT walk_id, board, max(snapshot_at) AS snapshot_at
  FROM sighting JOIN board USING (walk_id)
  GROUP BY walk_id, board, time_bucket(
    CASE WHEN $until - $since >= 62 THEN INTERVAL 7 DAYS ELSE INTERVAL 1 DAY END, snapshot_at, $until::TIMESTAMP
  )
), place AS (
  SELECT walk_id, snapshot_at, entry_id, arg_min(entry, place) AS entry, min(place) AS place
  FROM sighting SEMI JOIN read USING (walk_id, snapshot_at)
  GROUP BY ALL
), leader AS (
  SELECT walk_id, entry_id, arg_max(entry, snapshot_at) AS entry, arg_max(place, snapshot_at) AS last_place
  FROM place GROUP BY walk_id, entry_id
  HAVING max(snapshot_at) = (SELECT max(snapshot_at) FROM read WHERE read.walk_id = place.walk_id)
)
SELECT board, snapshot_at::DATE AS day, leader.entry AS entry, place.place AS place, last_place
FROM read JOIN leader USING (walk_id) LEFT JOIN place USING (walk_id, snapshot_at, entry_id)
ORDER BY board, day DESC, last_place, entry
