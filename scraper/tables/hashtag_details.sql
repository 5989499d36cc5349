-- A hashtag in detail: one row for each answer. Its counts are of all time, where a board's are of its window.
WITH listed AS (
  -- known as string: stats.*, statsV2.*
  -- known, not kept: challenge.stats.*, challenge.statsV2.*, announcementInfo.*, challengeAnnouncement.*
  -- known, not kept: challenge.splitTitle, challenge.textExtra[].*, challenge.schema
  SELECT *, from_json(records, '[{
    "challenge": {
      "id": "VARCHAR", "title": "VARCHAR", "desc": "VARCHAR", "isCommerce": "BOOLEAN",
      "coverThumb": "VARCHAR", "coverMedium": "VARCHAR", "coverLarger": "VARCHAR",
      "profileThumb": "VARCHAR", "profileMedium": "VARCHAR", "profileLarger": "VARCHAR"
    },
    "stats": {"videoCount": "BIGINT", "viewCount": "BIGINT"},
    "statsV2": {"videoCount": "BIGINT", "viewCount": "BIGINT"}
  }]') AS list
  FROM pages
),
places AS (
  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM listed
),
urls AS (
  SELECT
    *,
    coalesce(
      nullif(record.challenge.profileLarger, ''), nullif(record.challenge.profileMedium, ''),
      nullif(record.challenge.profileThumb, ''), nullif(record.challenge.coverLarger, ''),
      nullif(record.challenge.coverMedium, ''), nullif(record.challenge.coverThumb, '')
    ) AS picture
  FROM places
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at,
  country, period_days, page, position,
  record.challenge.id AS hashtag_id, -- the hashtag's id at TikTok, the one that the posts endpoint takes
  record.challenge.title AS hashtag_name, -- the hashtag without its #
  record.challenge."desc" AS description, -- TikTok's description; mostly empty
  record.challenge.isCommerce AS is_commerce, -- an advertiser's hashtag
  coalesce(record.statsV2.videoCount, record.stats.videoCount) AS video_count, -- posts with it, in all
  coalesce(record.statsV2.viewCount, record.stats.viewCount) AS view_count, -- views of its videos, in all
  picture AS picture_url, -- URL of its picture, unmodified: expires after hours if it is signed
  make_timestamp(1000000 * TRY_CAST(regexp_extract(picture, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS picture_url_expires_at, -- UTC, when picture_url expires, if it says so
  parameters ->> '$.name' AS asked_name, -- the name that was requested
FROM urls
WHERE nullif(record.challenge.id, '') IS NOT NULL
