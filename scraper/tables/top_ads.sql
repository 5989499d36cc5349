-- An ad on a list of top ads: one row for each record of a page. Figures are TikTok's own scores: percentiles and
-- levels, no amounts.
WITH listed AS (
  -- known, not kept: is_search, objectives[].has_conversion, objectives[].parent_id, pattern_label[].has_conversion
  -- known, not kept: pattern_label[].parent_id
  -- known as integer: objectives[].id, pattern_label[].id
  -- known as object: objectives[].id, pattern_label[].id, video_info.video_url
  SELECT *, from_json(records, '[{
    "id": "VARCHAR", "ad_title": "VARCHAR", "brand_name": "VARCHAR", "source": "VARCHAR", "source_key": "BIGINT",
    "industry_key": "VARCHAR", "objective_key": "VARCHAR", "country_code": ["VARCHAR"], "keyword_list": ["VARCHAR"],
    "landing_page": "VARCHAR", "highlight": "VARCHAR", "highlight_text": "VARCHAR",
    "ctr": "DOUBLE", "cost": "BIGINT", "like": "BIGINT", "comment": "BIGINT", "share": "BIGINT",
    "favorite": "BOOLEAN", "has_summary": "BOOLEAN", "voice_over": "BOOLEAN",
    "objectives": [{"id": "VARCHAR", "label": "VARCHAR", "value": "VARCHAR"}],
    "pattern_label": [{"id": "VARCHAR", "label": "VARCHAR", "value": "VARCHAR"}],
    "video_info": {
      "vid": "VARCHAR", "cover": "VARCHAR", "duration": "DOUBLE", "height": "BIGINT", "width": "BIGINT",
      "video_url": "MAP(VARCHAR, VARCHAR)"
    }
  }]') AS list
  FROM pages
),
places AS (
  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM listed
),
urls AS (
  -- Of the video's qualities, the one with the largest number: 1080p before 720p.
  SELECT *, list_reverse_sort(list_filter(
    list_transform(map_entries(record.video_info.video_url), lambda quality: {
      'lines': TRY_CAST(regexp_extract(quality.key, '([0-9]+)', 1) AS INTEGER), 'url': quality.value
    }),
    lambda quality: quality.url <> ''
  ), 'NULLS LAST')[1].url AS video
  FROM places
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at,
  coalesce(country, CASE WHEN len(record.country_code) = 1 THEN nullif(upper(record.country_code[1]), '') END)
    AS country,
  period_days, page, position,
  record.id AS ad_id, -- the ad's id at TikTok's Creative Center, its material id
  record.ad_title AS title, -- the ad's text
  record.brand_name AS brand_name, -- the advertiser; often empty
  record.industry_key AS industry_key, -- the industry's label, label_22000000000
  record.objective_key AS objective_key, -- the campaign objective's label
  record.country_code AS country_codes, -- countries where it ran
  record.ctr AS ctr, -- click rate as TikTok scores it: by users of the board, the share of ads that do better
  record.cost AS cost_level, -- budget level, unmodified: by users of the board 0 low, 1 medium, 2 high
  record."like" AS likes, -- likes
  record."comment" AS comments, -- comments
  record."share" AS shares, -- shares
  record.landing_page AS landing_page, -- where it leads
  record.keyword_list AS keywords, -- words that TikTok found in it
  list_transform(record.objectives, lambda item: {'id': item.id, 'label': item.label, 'name': item.value})
    AS objectives, -- campaign objectives
  list_transform(record.pattern_label, lambda item: {'id': item.id, 'label': item.label, 'name': item.value})
    AS patterns, -- creative patterns that TikTok recognised
  record.highlight AS highlight, -- the vendor's highlight, unmodified
  record.highlight_text AS highlight_text, -- its words
  record.source AS source, -- the ad's source, as text
  record.source_key AS source_key, -- the same as a number
  record.has_summary AS has_summary, -- TikTok has a summary of it
  record.voice_over AS voice_over, -- it has a voice-over
  record.favorite AS favorite, -- the vendor's own account has marked it
  record.video_info.vid AS video_id, -- the video's id at TikTok's store
  record.video_info.duration AS duration_s, -- length in seconds
  record.video_info.width AS width, -- in pixels
  record.video_info.height AS height, -- in pixels
  record.video_info.cover AS cover_url, -- signed URL, unmodified: expires after hours
  make_timestamp(1000000 * TRY_CAST(regexp_extract(record.video_info.cover, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS cover_url_expires_at, -- UTC, when cover_url expires, if it says so
  video AS video_url, -- signed URL of its best quality, unmodified: expires after hours
  make_timestamp(1000000 * TRY_CAST(regexp_extract(video, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS video_url_expires_at, -- UTC, when video_url expires, if it says so
  parameters ->> '$.order_by' AS order_by, -- the order that the walk requested; null: the list has one order
  parameters ->> '$.material_id' AS beside_ad_id, -- the ad that it was recommended beside; null: another list
FROM urls
WHERE nullif(record.id, '') IS NOT NULL
