-- A sound's place on a list of trending sounds: one row for each record. KeyAPI's board is ranked and has a curve;
-- Crawlora's list from TikTok's app has neither, but states how many posts use a sound.
WITH listed AS (
  -- known, not kept: play_url.uri, cover_large.uri, cover_medium.uri, cover_thumb.uri
  -- known, not kept: id, is_search, related_items, url_title, cover_hd.*, avatar_thumb.*, avatar_medium.*
  -- known, not kept: avatar_large.*, strong_beat_url.*, matched_song.*, matched_pgc_sound.*, artists[].*, extra
  -- known, not kept: owner_id, sec_uid, source_platform, status, offline_desc, position, schema_url, log_extra
  -- known, not kept: tag_list[].*, external_song_info[].*, binded_challenge_id, collect_stat, start_time, end_time
  -- known, not kept: author_deleted, audition_duration, shoot_duration, video_duration, redirect, is_restricted
  -- known, not kept: is_author_artist, is_del_video, is_pgc, is_play_music, is_shooting_allow, is_matched_metadata
  -- known, not kept: is_audio_url_with_cookie, has_commerce_right, dmv_auto_show, can_not_reuse, lyric_short_position
  -- known, not kept: mute_share, preview_start_time, preview_end_time, prevent_download, author_position
  SELECT *, from_json(records, '[{
    "clip_id": "VARCHAR", "song_id": "VARCHAR", "country_code": "VARCHAR", "cover": "VARCHAR", "link": "VARCHAR",
    "if_cml": "BOOLEAN", "promoted": "BOOLEAN", "on_list_times": "BIGINT",
    "rank": "BIGINT", "rank_diff": "BIGINT", "rank_diff_type": "BIGINT",
    "trend": [{"time": "BIGINT", "value": "DOUBLE"}],
    "id_str": "VARCHAR", "mid": "VARCHAR",
    "title": "VARCHAR", "author": "VARCHAR", "album": "VARCHAR", "duration": "BIGINT", "language": "VARCHAR",
    "owner_handle": "VARCHAR", "owner_nickname": "VARCHAR", "user_count": "BIGINT",
    "is_original": "BOOLEAN", "is_original_sound": "BOOLEAN", "is_commerce_music": "BOOLEAN",
    "play_url": {"url_list": ["VARCHAR"]},
    "cover_large": {"url_list": ["VARCHAR"]},
    "cover_medium": {"url_list": ["VARCHAR"]},
    "cover_thumb": {"url_list": ["VARCHAR"]}
  }]') AS list
  FROM pages
),
places AS (
  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM listed
),
urls AS (
  -- One signed URL of each kind, the largest that was sent.
  SELECT
    *,
    coalesce(nullif(record.clip_id, ''), nullif(record.id_str, ''), nullif(record.mid, '')) AS sound,
    coalesce(
      nullif(record.cover, ''), list_filter(record.cover_large.url_list, lambda url: url <> '')[1],
      list_filter(record.cover_medium.url_list, lambda url: url <> '')[1],
      list_filter(record.cover_thumb.url_list, lambda url: url <> '')[1]
    ) AS picture,
    list_filter(record.play_url.url_list, lambda url: url <> '')[1] AS audio
  FROM places
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at,
  coalesce(country, nullif(upper(record.country_code), '')) AS country,
  period_days, page, position,
  sound AS sound_id, -- the sound's id at TikTok: posts have it as music.id
  record.title AS title, -- its title
  record.author AS author_name, -- its author, as text
  record.rank AS rank, -- place on the board, 1 is best; null: the list is not ranked
  record.rank_diff AS rank_diff, -- places moved since the last board, unsigned: its direction is in rank_diff_type
  record.rank_diff_type AS rank_diff_type, -- 1 up, 2 unchanged, 3 down, 4 new on the board; other values unmodified
  record.user_count AS post_count, -- posts that use it, in all; app's list only
  record.duration AS duration_s, -- length in seconds
  record.song_id AS song_id, -- the song's id at TikTok, of which the sound is a part; ranked board only
  record.album AS album, -- its album; app's list only
  record."language" AS "language", -- language of the song, as text; app's list only
  coalesce(record.if_cml, record.is_commerce_music) AS is_commercial, -- cleared for commercial use
  coalesce(record.is_original_sound, record.is_original) AS is_original, -- made by a user of TikTok; app's list only
  record.promoted AS is_promoted, -- an advertiser paid for the place; ranked board only
  record.on_list_times AS times_on_board, -- how often it was on the board; ranked board only
  record.owner_handle AS owner_handle, -- handle of the user who owns it; app's list only
  record.owner_nickname AS owner_nick_name, -- display name of the user who owns it; app's list only
  record.country_code AS country_code, -- the record's own country, unmodified, whatever country the walk requested
  record.link AS link, -- the sound's page at TikTok; ranked board only
  picture AS cover_url, -- URL of its picture, unmodified: expires after hours if it is signed
  make_timestamp(1000000 * TRY_CAST(regexp_extract(picture, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS cover_url_expires_at, -- UTC, when cover_url expires, if it says so
  audio AS play_url, -- signed URL of the sound itself, unmodified: expires after hours; app's list only
  make_timestamp(1000000 * TRY_CAST(regexp_extract(audio, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
    AS play_url_expires_at, -- UTC, when play_url expires, if it says so
  list_transform(record.trend, lambda point: {
    'time': CASE WHEN point.time BETWEEN 0 AND 253402300799 THEN make_timestamp(point.time * 1000000) END,
    'value': point.value
  }) AS trend, -- popularity by UTC day, 0 to 1 of the window's own maximum: not comparable between sounds
  parameters ->> '$.new_to_top_100' IS NOT DISTINCT FROM 'true'
    AS new_only, -- the walk asked only for sounds that are new on the board
  parameters ->> '$.commercial_music' IS NOT DISTINCT FROM 'true'
    AS commercial_only, -- the walk asked only for sounds that are cleared for commercial use
  nullif(parameters ->> '$.search_keyword', '') AS keyword, -- the word that the walk searched for; null: none
FROM urls
WHERE sound IS NOT NULL
