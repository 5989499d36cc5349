-- A hashtag's place on a board: one row for each record of a trending-hashtags page.
-- Crawlora's newer board (creative_hashtags) shows only the first three, with other field names; what it does not send
-- is null.
WITH listed AS (
  -- known as integer: industry_info.id, industry_ids[]
  SELECT *, from_json(records, '[{
    "hashtag_id": "VARCHAR", "hashtag_name": "VARCHAR",
    "country_info": {"id": "VARCHAR", "value": "VARCHAR", "label": "VARCHAR"},
    "industry_info": {"id": "VARCHAR", "value": "VARCHAR", "label": "VARCHAR"},
    "is_promoted": "BOOLEAN", "trending_type": "BIGINT", "publish_cnt": "BIGINT", "video_views": "BIGINT",
    "rank": "BIGINT", "rank_diff": "BIGINT", "rank_diff_type": "BIGINT",
    "trend": [{"time": "BIGINT", "value": "DOUBLE"}],
    "creators": [{"nick_name": "VARCHAR", "avatar_url": "VARCHAR"}],
    "publish_count": "BIGINT", "industry_ids": ["VARCHAR"],
    "popularity_curve": [{"timestamp": "BIGINT", "value": "DOUBLE"}],
    "top_creators": [{
      "creator_id": "VARCHAR", "tiktok_uid": "VARCHAR", "handle": "VARCHAR", "nickname": "VARCHAR",
      "avatar_url": "VARCHAR", "country_code": "VARCHAR", "follower_count": "BIGINT", "rank": "BIGINT"
    }]
  }]') AS list
  FROM pages
),
places AS (
  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM listed
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at,
  coalesce(country, nullif(upper(record.country_info.id), '')) AS country,
  period_days, page, position,
  record.hashtag_id AS hashtag_id, -- the hashtag's id at TikTok, the one that the posts endpoint takes
  record.hashtag_name AS hashtag_name, -- the hashtag without its #; one name may have several ids
  record.rank AS rank, -- place on the board, 1 is best
  record.rank_diff AS rank_diff, -- places moved since the last board, unsigned: its direction is in rank_diff_type
  record.rank_diff_type AS rank_diff_type, -- 1 up, 2 unchanged, 3 down, 4 new on the board; other values unmodified
  coalesce(record.publish_cnt, record.publish_count) AS publish_cnt, -- posts published with it inside the window
  record.video_views AS video_views, -- views of its videos inside the window
  coalesce(
    nullif(record.industry_info.id, ''), nullif(regexp_extract(parameters ->> '$.industry_id', '^[0-9]{2,}$', 0), '')
  ) AS industry_id, -- first-level industry, 22000000000: the record's, else the one that the walk asked for
  record.industry_info.value AS industry_name, -- the industry in words
  record.industry_info.label AS industry_label, -- the industry's label, label_22000000000
  record.country_info.id AS country_code, -- the record's own country, unmodified, whatever country the walk requested
  record.country_info.value AS country_name, -- the record's own country in words
  record.country_info.label AS country_label, -- the record's own country, the vendor's label
  record.is_promoted AS is_promoted, -- an advertiser paid for the place
  record.trending_type AS trending_type, -- undocumented, met in a few records
  coalesce(
    list_transform(record.trend, lambda point: {
      'time': CASE WHEN point.time BETWEEN 0 AND 253402300799 THEN make_timestamp(point.time * 1000000) END,
      'value': point.value
    }),
    list_transform(record.popularity_curve, lambda point: {
      'time': CASE WHEN point."timestamp" BETWEEN 0 AND 253402300799
        THEN make_timestamp(point."timestamp" * 1000000) END,
      'value': point.value
    })
  ) AS trend, -- popularity by UTC day, 0 to 1 of the window's own maximum: not comparable between hashtags
  list_transform(record.creators, lambda creator: {
    'nick_name': creator.nick_name, 'avatar_url': creator.avatar_url,
    'avatar_url_stable': split_part(creator.avatar_url, '?', 1),
    'avatar_url_expires_at': make_timestamp(
      1000000 * TRY_CAST(regexp_extract(creator.avatar_url, 'expires?=([0-9]{9,11})', 1) AS BIGINT)
    )
  }) AS creators, -- up to three creators who use it; avatar_url is signed, avatar_url_stable lacks its signature
  list_filter(record.industry_ids, lambda industry: industry <> '')
    AS industry_ids, -- all industries of the hashtag, newer board only
  list_transform(record.top_creators, lambda creator: {
    'user_id': creator.tiktok_uid, 'creator_id': creator.creator_id, 'handle': creator.handle,
    'nick_name': creator.nickname, 'country_code': creator.country_code, 'follower_cnt': creator.follower_count,
    'place': creator.rank, 'avatar_url': creator.avatar_url,
    'avatar_url_expires_at': make_timestamp(
      1000000 * TRY_CAST(regexp_extract(creator.avatar_url, 'expires?=([0-9]{9,11})', 1) AS BIGINT)
    )
  }) AS top_creators, -- creators who use it most, newer board only; user_id is the id at TikTok, avatar_url is signed
  nullif(regexp_extract(parameters ->> '$.industry_id', '^[0-9]{2,}$', 0), '')
    AS board_industry_id, -- the industry that the walk asked for: ranks count inside it; null: all industries
  parameters ->> '$.filter_by' IS NOT DISTINCT FROM 'new_on_board'
    OR parameters ->> '$.new_to_top_100' IS NOT DISTINCT FROM 'true'
    AS new_only, -- the walk asked only for hashtags that are new on the board
FROM places
WHERE nullif(record.hashtag_id, '') IS NOT NULL AND nullif(record.hashtag_name, '') IS NOT NULL AND record.rank IS NOT NULL
