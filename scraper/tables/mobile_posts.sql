-- A post as TikTok's app lists it, for a hashtag or among the trending effects: one row for each item of a page.
-- Items are objects of TikTok's app schema, which the vendor passes on; photo posts have no video.
WITH listed AS (
  -- known as integer: music.mid, sticker_detail.id, is_top
  SELECT *, from_json(records, '[{
    "aweme_id": "VARCHAR", "desc": "VARCHAR", "create_time": "BIGINT", "region": "VARCHAR", "desc_language": "VARCHAR",
    "aweme_type": "BIGINT", "is_ads": "BOOLEAN", "share_url": "VARCHAR",
    "author": {
      "uid": "VARCHAR", "unique_id": "VARCHAR", "nickname": "VARCHAR", "sec_uid": "VARCHAR", "signature": "VARCHAR",
      "region": "VARCHAR", "follower_count": "BIGINT", "aweme_count": "BIGINT", "total_favorited": "BIGINT",
      "verification_type": "BIGINT",
      "avatar_larger": {"url_list": ["VARCHAR"]}, "avatar_thumb": {"url_list": ["VARCHAR"]}
    },
    "statistics": {
      "play_count": "BIGINT", "digg_count": "BIGINT", "comment_count": "BIGINT", "share_count": "BIGINT",
      "collect_count": "BIGINT", "download_count": "BIGINT", "repost_count": "BIGINT"
    },
    "music": {
      "id_str": "VARCHAR", "mid": "VARCHAR", "title": "VARCHAR", "author": "VARCHAR", "album": "VARCHAR",
      "duration": "BIGINT", "is_original_sound": "BOOLEAN", "user_count": "BIGINT"
    },
    "cha_list": [{"cid": "VARCHAR", "cha_name": "VARCHAR", "user_count": "BIGINT", "view_count": "BIGINT"}],
    "text_extra": [{
      "hashtag_id": "VARCHAR", "hashtag_name": "VARCHAR", "user_id": "VARCHAR", "sec_uid": "VARCHAR",
      "start": "BIGINT", "end": "BIGINT", "type": "BIGINT"
    }],
    "video": {
      "duration": "BIGINT", "height": "BIGINT", "width": "BIGINT", "ratio": "VARCHAR",
      "play_addr": {"uri": "VARCHAR", "url_list": ["VARCHAR"], "data_size": "BIGINT"},
      "cover": {"url_list": ["VARCHAR"]}, "origin_cover": {"url_list": ["VARCHAR"]}
    },
    "sticker_detail": {"id": "VARCHAR", "name": "VARCHAR", "user_count": "BIGINT"},
    "image_post_info": {
      "images": [{"display_image": {"url_list": ["VARCHAR"], "height": "BIGINT", "width": "BIGINT"}}]
    }
  }]') AS list
  FROM pages
),
items AS (
  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM listed
),
fields AS (
  -- Fields are columns of their own: an expression that names the record binds its whole structure each time.
  SELECT * EXCLUDE (record), record.* EXCLUDE (region), record.region AS post_region FROM items
),
urls AS (
  SELECT
    *,
    coalesce(
      list_filter(author.avatar_larger.url_list, lambda url: url <> '')[1],
      list_filter(author.avatar_thumb.url_list, lambda url: url <> '')[1]
    ) AS avatar,
    coalesce(
      list_filter(video.origin_cover.url_list, lambda url: url <> '')[1],
      list_filter(video.cover.url_list, lambda url: url <> '')[1]
    ) AS cover,
    list_filter(video.play_addr.url_list, lambda url: url <> '')[1] AS play
  FROM fields
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at,
  country, period_days, page, position,
  aweme_id AS post_id, -- the post's id at TikTok: joins to posts.post_id
  coalesce(parent_id, parameters ->> '$.name') AS hashtag_name, -- the hashtag that it was listed for, without its #; null: an effect's list
  parameters ->> '$.sort' AS sort_by, -- the feed's order as requested by the walk: fresh or popular
  CASE WHEN create_time BETWEEN 0 AND 253402300799 THEN make_timestamp(create_time * 1000000)
    END AS created_at, -- UTC, when it was published
  "desc" AS description, -- the post's text
  desc_language AS text_language, -- language of the text, as TikTok guessed it
  post_region AS region, -- country code of the post
  aweme_type AS post_type, -- TikTok's number for the kind of post, unmodified
  is_ads AS is_ad, -- the post is an advertisement
  share_url AS post_url, -- the post's page at TikTok
  CASE WHEN "statistics" IS NOT NULL THEN {
    'play_count': "statistics".play_count, 'digg_count': "statistics".digg_count,
    'comment_count': "statistics".comment_count, 'share_count': "statistics".share_count,
    'collect_count': "statistics".collect_count, 'repost_count': "statistics".repost_count,
    'download_count': "statistics".download_count
  } END AS stats, -- the post's counts; null where none was sent
  CASE WHEN author IS NOT NULL THEN {
    'id': author.uid, 'unique_id': author.unique_id, 'nickname': author.nickname, 'sec_uid': author.sec_uid,
    'signature': author.signature, 'region': author.region, 'follower_count': author.follower_count,
    'video_count': author.aweme_count, 'heart_count': author.total_favorited,
    'verification_type': author.verification_type, 'avatar_url': avatar,
    'avatar_url_expires_at': make_timestamp(1000000 * TRY_CAST(regexp_extract(avatar, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
  } END AS author, -- who published it; unique_id is the handle, avatar_url is signed; null where none was sent
  CASE WHEN music IS NOT NULL THEN {
    'id': coalesce(nullif(music.id_str, ''), nullif(music.mid, '')), 'title': music.title,
    'author_name': music.author, 'album': music.album, 'duration_s': music.duration,
    'original': music.is_original_sound, 'post_count': music.user_count
  } END AS music, -- its sound: id is a sound_id
  list_transform(cha_list, lambda tag: {
    'id': tag.cid, 'title': tag.cha_name, 'video_count': tag.user_count, 'view_count': tag.view_count
  }) AS challenges, -- the post's hashtags: id is a hashtag_id, title its name
  list_transform(text_extra, lambda mark: {
    'hashtag_id': mark.hashtag_id, 'hashtag_name': mark.hashtag_name, 'user_id': mark.user_id,
    'sec_uid': mark.sec_uid, 'start': mark."start", 'end': mark."end", 'type': mark.type
  }) AS text_extra, -- hashtags and mentions inside the description
  nullif(sticker_detail.id, '') AS effect_id, -- the effect in use
  sticker_detail.name AS effect_name, -- its name
  sticker_detail.user_count AS effect_post_count, -- posts that use the effect, in all
  CASE WHEN video IS NOT NULL THEN {
    'duration_s': video.duration / 1000.0, 'height': video.height, 'width': video.width, 'ratio': video.ratio,
    'size_bytes': video.play_addr.data_size, 'uri': video.play_addr.uri,
    'cover_url': cover, 'cover_url_expires_at': make_timestamp(1000000 * TRY_CAST(regexp_extract(cover, 'expires?=([0-9]{9,11})', 1) AS BIGINT)),
    'play_url': play, 'play_url_expires_at': make_timestamp(1000000 * TRY_CAST(regexp_extract(play, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
  } END AS video, -- its video; null for photo posts; URLs are signed
  list_transform(image_post_info.images, lambda image: {
    'url': image.display_image.url_list[1], 'url_stable': split_part(image.display_image.url_list[1], '?', 1),
    'width': image.display_image.width, 'height': image.display_image.height
  }) AS images, -- the pictures of a photo post; null for videos; URLs are signed, url_stable is without signature
FROM urls
WHERE nullif(aweme_id, '') IS NOT NULL
