-- A hashtag that TikTok's app shows under Discover: one row for each category of a page that is about a hashtag.
-- Categories about a sound have no hashtag: they are in pages only.
WITH listed AS (
  -- known, not kept: music_info, music_info.*, effect_info, effect_info.*, ad_info, ad_info.*, aweme_list[].*
  -- known, not kept: challenge_info.schema, challenge_info.cover_photo, challenge_info.profile_photo
  -- known, not kept: challenge_info.is_pgcshow, challenge_info.sub_type, challenge_info.connect_music[].*
  -- known, not kept: challenge_info.share_info.*, challenge_info.author.*, challenge_info.collect_stat
  SELECT *, from_json(records, '[{
    "category_type": "BIGINT", "desc": "VARCHAR",
    "challenge_info": {
      "cid": "VARCHAR", "cha_name": "VARCHAR", "desc": "VARCHAR", "type": "BIGINT", "is_commerce": "BOOLEAN",
      "user_count": "BIGINT", "view_count": "BIGINT"
    },
    "aweme_list": [{"aweme_id": "VARCHAR"}]
  }]') AS list
  FROM pages
),
places AS (
  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM listed
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at,
  country, period_days, page, position,
  record.challenge_info.cid AS hashtag_id, -- the hashtag's id at TikTok, the one that the posts endpoint takes
  record.challenge_info.cha_name AS hashtag_name, -- the hashtag without its #
  record."desc" AS label, -- the text above the category, such as "Trending hashtag"
  record.category_type AS category_type, -- TikTok's number for the kind of category, unmodified
  record.challenge_info."desc" AS description, -- TikTok's description of the hashtag
  record.challenge_info.type AS hashtag_type, -- TikTok's number for the kind of hashtag, unmodified
  record.challenge_info.is_commerce AS is_commerce, -- an advertiser's hashtag
  record.challenge_info.user_count AS video_count, -- posts with it, in all
  record.challenge_info.view_count AS view_count, -- views of its videos, in all
  list_filter(list_transform(record.aweme_list, lambda post: post.aweme_id), lambda post_id: post_id <> '')
    AS post_ids, -- posts shown with it: ids at TikTok
FROM places
WHERE nullif(record.challenge_info.cid, '') IS NOT NULL
