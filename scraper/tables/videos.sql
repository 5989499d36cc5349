-- A video's place on a board: one row for each record of a trending-videos page.
-- The place is page and position: the records carry neither rank nor counts.
WITH listed AS (
  SELECT *, from_json(records, '[{
    "item_id": "VARCHAR", "id": "VARCHAR", "title": "VARCHAR", "duration": "BIGINT", "item_url": "VARCHAR",
    "cover": "VARCHAR", "country_code": "VARCHAR", "region": "VARCHAR"
  }]') AS list
  FROM pages
),
places AS (
  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM listed
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at,
  coalesce(country, nullif(upper(record.country_code), '')) AS country,
  period_days, page, position,
  coalesce(nullif(record.item_id, ''), nullif(record.id, '')) AS item_id, -- the post's id at TikTok: joins to posts.post_id
  record.title AS title, -- the post's text
  record.duration AS duration_s, -- length in seconds
  record.item_url AS item_url, -- the post's page at TikTok
  record.cover AS cover_url, -- signed URL, unmodified: expires after hours
  make_timestamp(1000000 * TRY_CAST(regexp_extract(record.cover, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS cover_url_expires_at, -- UTC, when cover_url expires, if it says so
  record.country_code AS country_code, -- the record's own country, unmodified, whatever country the walk requested
  record.region AS region, -- the record's own country in words
  parameters ->> '$.order_by' AS order_by, -- the board's order as the walk asked for it: vv, like, comment or repost
FROM places
WHERE coalesce(nullif(record.item_id, ''), nullif(record.id, '')) IS NOT NULL
