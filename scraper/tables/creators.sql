-- A creator's place on a board: one row for each record of a trending-creators page.
-- The place is page and position: the records carry no rank.
WITH listed AS (
  SELECT *, from_json(records, '[{
    "user_id": "VARCHAR", "tcm_id": "VARCHAR", "nick_name": "VARCHAR", "avatar_url": "VARCHAR", "country_code": "VARCHAR",
    "follower_cnt": "BIGINT", "liked_cnt": "BIGINT", "tt_link": "VARCHAR", "tcm_link": "VARCHAR",
    "items": [{
      "item_id": "VARCHAR", "cover_url": "VARCHAR", "tt_link": "VARCHAR", "vv": "BIGINT", "liked_cnt": "BIGINT",
      "create_time": "BIGINT"
    }]
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
  record.user_id AS user_id, -- the creator's id at TikTok
  record.tcm_id AS tcm_id, -- the creator's id at TikTok's Creator Marketplace
  record.nick_name AS nick_name, -- display name, no handle
  record.avatar_url AS avatar_url, -- signed URL, unmodified: expires after hours
  split_part(record.avatar_url, '?', 1) AS avatar_url_stable, -- the URL without its signature: tells pictures apart
  make_timestamp(1000000 * TRY_CAST(regexp_extract(record.avatar_url, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS avatar_url_expires_at, -- UTC, when avatar_url expires, if it says so
  record.country_code AS country_code, -- the record's own country, unmodified, whatever country the walk requested
  record.follower_cnt AS follower_cnt, -- followers
  record.liked_cnt AS liked_cnt, -- likes over all posts
  record.tt_link AS tt_link, -- the creator's page at TikTok
  record.tcm_link AS tcm_link, -- the creator's page at the Creator Marketplace
  list_transform(record.items, lambda item: {
    'item_id': item.item_id, 'cover_url': item.cover_url,
    'cover_url_expires_at': make_timestamp(
      1000000 * TRY_CAST(regexp_extract(item.cover_url, 'expires?=([0-9]{9,11})', 1) AS BIGINT)
    ),
    'tt_link': item.tt_link, 'vv': item.vv,
    'liked_cnt': item.liked_cnt,
    'create_time': CASE WHEN item.create_time BETWEEN 0 AND 253402300799
      THEN make_timestamp(item.create_time * 1000000) END
  }) AS items, -- posts shown with the creator; vv is views, create_time UTC, tt_link lacks the handle
  parameters ->> '$.sort_by' AS sort_by, -- the board's order as the walk asked for it; null: the vendor's default
FROM places
WHERE nullif(record.user_id, '') IS NOT NULL
