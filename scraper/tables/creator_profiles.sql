-- A creator as a search over Crawlora's index found them: one row for each record of a page. The place in the list is
-- the search's order, no trend. Addresses are not kept: they are in pages if they were requested.
WITH listed AS (
  -- known, not kept: email, email_status
  SELECT *, from_json(records, '[{
    "creator_uid": "VARCHAR", "unique_id": "VARCHAR", "sec_uid": "VARCHAR", "nickname": "VARCHAR", "bio": "VARCHAR",
    "bio_link": "VARCHAR", "avatar_url": "VARCHAR", "country": "VARCHAR", "language": "VARCHAR", "platform": "VARCHAR",
    "niche": "VARCHAR", "niche_classified": "VARCHAR", "brand_affiliations": ["VARCHAR"], "verified": "BOOLEAN",
    "status": "VARCHAR", "source": "VARCHAR", "follower_count": "BIGINT", "following_count": "BIGINT",
    "total_likes": "BIGINT", "video_count": "BIGINT", "avg_views": "BIGINT", "engagement_rate": "DOUBLE",
    "first_seen": "VARCHAR", "last_crawled": "VARCHAR", "last_post_at": "VARCHAR",
    "post_stats": {
      "analyzed_at": "VARCHAR", "sampled_posts": "BIGINT", "posts_per_week": "DOUBLE",
      "first_post_at": "VARCHAR", "last_post_at": "VARCHAR",
      "avg_views": "BIGINT", "median_views": "BIGINT", "avg_likes": "BIGINT", "median_likes": "BIGINT",
      "avg_comments": "BIGINT", "avg_shares": "BIGINT", "avg_saves": "BIGINT", "avg_video_duration_sec": "DOUBLE",
      "best_post_id": "VARCHAR", "best_post_views": "BIGINT", "distinct_sounds": "BIGINT",
      "original_sound_ratio": "DOUBLE", "engagement_rate_by_follower": "DOUBLE", "engagement_rate_by_view": "DOUBLE",
      "views_to_follower_ratio": "DOUBLE", "top_hashtags": ["VARCHAR"],
      "top_sounds": [
        {"music_id": "VARCHAR", "title": "VARCHAR", "author": "VARCHAR", "original": "BOOLEAN", "uses": "BIGINT"}
      ]
    }
  }]') AS list
  FROM pages
),
places AS (
  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM listed
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at,
  coalesce(country, nullif(upper(record.country), '')) AS country,
  period_days, page, position,
  record.creator_uid AS creator_uid, -- the creator's id in the index: TikTok's user id, as far as is known
  record.unique_id AS handle, -- the creator's handle, without its @
  record.sec_uid AS sec_uid, -- TikTok's second id of the user
  record.nickname AS nick_name, -- display name, no handle
  record.bio AS bio, -- the profile's text
  record.bio_link AS bio_link, -- the profile's link
  record.avatar_url AS avatar_url, -- URL of the picture, unmodified: expires after hours if it is signed
  make_timestamp(1000000 * TRY_CAST(regexp_extract(record.avatar_url, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS avatar_url_expires_at, -- UTC, when avatar_url expires, if it says so
  record.country AS country_code, -- the record's own country, unmodified, whatever country the walk requested
  record."language" AS "language", -- language of the profile
  record.niche AS niche, -- content niche
  record.niche_classified AS niche_classified, -- content niche by the vendor's classifier
  record.brand_affiliations AS brand_affiliations, -- brands that the creator is tied to
  record.verified AS is_verified, -- has the verified badge
  record.status AS status, -- state of the account, as the vendor states it
  record.follower_count AS follower_cnt, -- followers
  record.following_count AS following_cnt, -- accounts that the creator follows
  record.total_likes AS liked_cnt, -- likes over all posts
  record.video_count AS video_cnt, -- posts
  record.avg_views AS average_views, -- views of a post, on average; measured for a part of the creators
  record.engagement_rate AS engagement_rate, -- the vendor's engagement rate; measured for a part of the creators
  TRY_CAST(record.first_seen AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS first_indexed_at, -- UTC, when the index first had them
  TRY_CAST(record.last_crawled AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS figures_at, -- UTC, when the vendor read these figures
  TRY_CAST(record.last_post_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS last_post_at, -- UTC, the newest post
  CASE WHEN record.post_stats IS NOT NULL THEN {
    'analyzed_at': TRY_CAST(record.post_stats.analyzed_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC',
    'first_post_at': TRY_CAST(record.post_stats.first_post_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC',
    'last_post_at': TRY_CAST(record.post_stats.last_post_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC',
    'sampled_posts': record.post_stats.sampled_posts, 'posts_per_week': record.post_stats.posts_per_week,
    'average_views': record.post_stats.avg_views, 'median_views': record.post_stats.median_views,
    'average_likes': record.post_stats.avg_likes, 'median_likes': record.post_stats.median_likes,
    'average_comments': record.post_stats.avg_comments, 'average_shares': record.post_stats.avg_shares,
    'average_saves': record.post_stats.avg_saves, 'average_duration_s': record.post_stats.avg_video_duration_sec,
    'best_post_id': record.post_stats.best_post_id, 'best_post_views': record.post_stats.best_post_views,
    'distinct_sounds': record.post_stats.distinct_sounds,
    'original_sound_ratio': record.post_stats.original_sound_ratio,
    'engagement_rate_by_follower': record.post_stats.engagement_rate_by_follower,
    'engagement_rate_by_view': record.post_stats.engagement_rate_by_view,
    'views_to_follower_ratio': record.post_stats.views_to_follower_ratio,
    'top_hashtags': record.post_stats.top_hashtags,
    'top_sounds': list_transform(record.post_stats.top_sounds, lambda sound: {
      'sound_id': sound.music_id, 'title': sound.title, 'author_name': sound.author, 'original': sound.original,
      'uses': sound.uses
    })
  } END AS post_stats, -- figures over a sample of posts, as the vendor counted them; null: not measured
  record.platform AS platform, -- the platform of the index
  record.source AS source, -- the vendor's source of the record
  parameters ->> '$.sort' AS sort_by, -- the order that the walk requested; null: the vendor's default
FROM places
WHERE nullif(record.creator_uid, '') IS NOT NULL
