-- A trending sound in detail: one row for each answer. Its figures are those of the requested period and country.
WITH listed AS (
  -- known, not kept: is_search, url_title, related_items, related_items[].*
  SELECT *, from_json(records, '[{
    "clip_id": "VARCHAR", "song_id": "VARCHAR", "title": "VARCHAR", "author": "VARCHAR", "country_code": "VARCHAR",
    "cover": "VARCHAR", "duration": "BIGINT", "if_cml": "BOOLEAN", "link": "VARCHAR", "promoted": "BOOLEAN",
    "on_list_times": "BIGINT", "rank": "BIGINT", "rank_diff": "BIGINT", "rank_diff_type": "BIGINT",
    "trend": [{"time": "BIGINT", "value": "DOUBLE"}],
    "audience_ages": [{"age_info": {"id": "VARCHAR", "label": "VARCHAR", "value": "VARCHAR"}, "score": "BIGINT"}],
    "audience_countries": [
      {"country_info": {"id": "VARCHAR", "label": "VARCHAR", "value": "VARCHAR"}, "score": "BIGINT"}
    ],
    "audience_interests": [
      {"interest_info": {"id": "VARCHAR", "label": "VARCHAR", "value": "VARCHAR"}, "score": "BIGINT"}
    ]
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
  record.clip_id AS sound_id, -- the sound's id at TikTok: joins to sounds.sound_id
  record.title AS title, -- its title
  record.author AS author_name, -- its author, as text
  record.song_id AS song_id, -- the song's id at TikTok, of which the sound is a part
  record.rank AS rank, -- place on the board, 1 is best; null: not sent
  record.rank_diff AS rank_diff, -- places moved since the last board, unsigned: its direction is in rank_diff_type
  record.rank_diff_type AS rank_diff_type, -- 1 up, 2 unchanged, 3 down, 4 new on the board; other values unmodified
  record.duration AS duration_s, -- length in seconds
  record.if_cml AS is_commercial, -- cleared for commercial use
  record.promoted AS is_promoted, -- an advertiser paid for its place
  record.on_list_times AS times_on_board, -- how often it was on the board
  record.country_code AS country_code, -- the record's own country, unmodified, whatever country the walk requested
  record.link AS link, -- the sound's page at TikTok
  record.cover AS cover_url, -- URL of its picture, unmodified: expires after hours if it is signed
  make_timestamp(1000000 * TRY_CAST(regexp_extract(record.cover, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS cover_url_expires_at, -- UTC, when cover_url expires, if it says so
  list_transform(record.trend, lambda point: {
    'time': CASE WHEN point.time BETWEEN 0 AND 253402300799 THEN make_timestamp(point.time * 1000000) END,
    'value': point.value
  }) AS trend, -- popularity by UTC day, 0 to 1 of the window's own maximum: not comparable between sounds
  list_transform(record.audience_countries, lambda share: {
    'id': share.country_info.id, 'code': share.country_info.label, 'name': share.country_info.value,
    'score': share.score
  }) AS audience_countries, -- countries of its audience, by the vendor's score
  list_transform(record.audience_interests, lambda share: {
    'id': share.interest_info.id, 'label': share.interest_info.label, 'name': share.interest_info.value,
    'score': share.score
  }) AS audience_interests, -- interests of its audience, by the vendor's score
  list_transform(record.audience_ages, lambda share: {
    'id': share.age_info.id, 'label': share.age_info.label, 'name': share.age_info.value, 'score': share.score
  }) AS audience_ages, -- ages of its audience, by the vendor's score; null in the documented example
FROM places
WHERE nullif(record.clip_id, '') IS NOT NULL
