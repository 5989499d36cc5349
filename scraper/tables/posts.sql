-- A post listed for a hashtag: one row for each item of a hashtag-posts page.
-- Items are objects of TikTok's web schema of several years: what a year did not send is null.
WITH listed AS (
  -- known as string: author, createTime, stats.*, statsV2.*, video.VQScore, video.size
  -- known as string: authorStats.*, authorStatsV2.*
  -- known as string: video.bitrateInfo[].PlayAddr.DataSize
  -- known as integer: diversificationId
  -- known, not kept: challenges[].profileThumb, challenges[].profileMedium, challenges[].profileLarger, anchors[].*
  SELECT *, from_json(records, '[{
    "id": "VARCHAR", "desc": "VARCHAR", "createTime": "BIGINT",
    "author": {
      "id": "VARCHAR", "uniqueId": "VARCHAR", "nickname": "VARCHAR", "signature": "VARCHAR", "secUid": "VARCHAR",
      "verified": "BOOLEAN", "privateAccount": "BOOLEAN", "ttSeller": "BOOLEAN", "secret": "BOOLEAN", "ftc": "BOOLEAN",
      "openFavorite": "BOOLEAN", "relation": "BIGINT", "commentSetting": "BIGINT", "duetSetting": "BIGINT",
      "stitchSetting": "BIGINT", "avatarThumb": "VARCHAR", "avatarMedium": "VARCHAR", "avatarLarger": "VARCHAR"
    },
    "authorStats": {
      "followerCount": "BIGINT", "followingCount": "BIGINT", "heart": "BIGINT", "heartCount": "BIGINT",
      "videoCount": "BIGINT", "diggCount": "BIGINT", "friendCount": "BIGINT"
    },
    "authorStatsV2": {
      "followerCount": "BIGINT", "followingCount": "BIGINT", "heart": "BIGINT", "heartCount": "BIGINT",
      "videoCount": "BIGINT", "diggCount": "BIGINT", "friendCount": "BIGINT"
    },
    "stats": {
      "playCount": "BIGINT", "diggCount": "BIGINT", "commentCount": "BIGINT", "shareCount": "BIGINT",
      "collectCount": "BIGINT", "repostCount": "BIGINT"
    },
    "statsV2": {
      "playCount": "BIGINT", "diggCount": "BIGINT", "commentCount": "BIGINT", "shareCount": "BIGINT",
      "collectCount": "BIGINT", "repostCount": "BIGINT"
    },
    "music": {
      "id": "VARCHAR", "title": "VARCHAR", "authorName": "VARCHAR", "album": "VARCHAR", "duration": "BIGINT",
      "original": "BOOLEAN", "isCopyrighted": "BOOLEAN", "playUrl": "VARCHAR", "coverThumb": "VARCHAR",
      "coverMedium": "VARCHAR", "coverLarge": "VARCHAR"
    },
    "challenges": [{
      "id": "VARCHAR", "title": "VARCHAR", "desc": "VARCHAR", "isCommerce": "BOOLEAN",
      "stats": {"videoCount": "BIGINT", "viewCount": "BIGINT"},
      "coverThumb": "VARCHAR", "coverMedium": "VARCHAR", "coverLarger": "VARCHAR"
    }],
    "textExtra": [{
      "hashtagId": "VARCHAR", "hashtagName": "VARCHAR", "userId": "VARCHAR", "userUniqueId": "VARCHAR",
      "secUid": "VARCHAR", "start": "BIGINT", "end": "BIGINT", "type": "BIGINT", "subType": "BIGINT",
      "isCommerce": "BOOLEAN"
    }],
    "contents": [{
      "desc": "VARCHAR",
      "textExtra": [{
        "hashtagId": "VARCHAR", "hashtagName": "VARCHAR", "userId": "VARCHAR", "userUniqueId": "VARCHAR",
        "secUid": "VARCHAR", "start": "BIGINT", "end": "BIGINT", "type": "BIGINT", "subType": "BIGINT",
        "isCommerce": "BOOLEAN"
      }]
    }],
    "video": {
      "id": "VARCHAR", "duration": "BIGINT", "height": "BIGINT", "width": "BIGINT", "ratio": "VARCHAR",
      "format": "VARCHAR", "definition": "VARCHAR", "codecType": "VARCHAR", "bitrate": "BIGINT",
      "videoQuality": "VARCHAR", "encodedType": "VARCHAR", "size": "BIGINT", "VQScore": "DOUBLE", "cover": "VARCHAR",
      "dynamicCover": "VARCHAR", "originCover": "VARCHAR", "playAddr": "VARCHAR", "downloadAddr": "VARCHAR",
      "shareCover": ["VARCHAR"], "volumeInfo": {"Loudness": "DOUBLE", "Peak": "DOUBLE"},
      "zoomCover": {"240": "VARCHAR", "480": "VARCHAR", "720": "VARCHAR", "960": "VARCHAR"},
      "bitrateInfo": [{
        "GearName": "VARCHAR", "Bitrate": "BIGINT", "QualityType": "BIGINT", "CodecType": "VARCHAR",
        "PlayAddr": {"Uri": "VARCHAR", "UrlKey": "VARCHAR", "UrlList": ["VARCHAR"], "DataSize": "BIGINT", "FileHash": "VARCHAR"}
      }],
      "subtitleInfos": [{
        "LanguageID": "VARCHAR", "LanguageCodeName": "VARCHAR", "Format": "VARCHAR", "Source": "VARCHAR",
        "Version": "VARCHAR", "Size": "BIGINT", "Url": "VARCHAR", "UrlExpire": "BIGINT"
      }],
      "claInfo": "JSON"
    },
    "imagePost": {
      "title": "VARCHAR",
      "images": [{"imageURL": {"urlList": ["VARCHAR"]}, "imageWidth": "BIGINT", "imageHeight": "BIGINT"}],
      "cover": {"imageURL": {"urlList": ["VARCHAR"]}, "imageWidth": "BIGINT", "imageHeight": "BIGINT"},
      "shareCover": {"imageURL": {"urlList": ["VARCHAR"]}, "imageWidth": "BIGINT", "imageHeight": "BIGINT"}
    },
    "duetInfo": {"duetFromId": "VARCHAR"},
    "effectStickers": [{"ID": "VARCHAR", "name": "VARCHAR", "stickerStats": {"useCount": "BIGINT"}}],
    "stickersOnItem": [{"stickerText": ["VARCHAR"], "stickerType": "BIGINT"}],
    "anchors": [{"id": "VARCHAR", "keyword": "VARCHAR", "description": "VARCHAR", "type": "BIGINT"}],
    "isAd": "BOOLEAN", "privateItem": "BOOLEAN", "secret": "BOOLEAN", "duetEnabled": "BOOLEAN",
    "stitchEnabled": "BOOLEAN", "shareEnabled": "BOOLEAN", "forFriend": "BOOLEAN", "digged": "BOOLEAN",
    "collected": "BOOLEAN", "originalItem": "BOOLEAN", "officalItem": "BOOLEAN", "itemMute": "BOOLEAN",
    "showNotPass": "BOOLEAN", "adAuthorization": "BOOLEAN", "textTranslatable": "BOOLEAN",
    "adLabelVersion": "BIGINT", "aigcLabelType": "BIGINT", "CategoryType": "BIGINT",
    "textLanguage": "VARCHAR", "AIGCDescription": "VARCHAR", "BAInfo": "VARCHAR", "diversificationId": "VARCHAR",
    "playlistId": "VARCHAR", "item_control": "JSON"
  }]') AS list
  FROM pages
),
items AS (
  SELECT
    * EXCLUDE (list), unnest(list) AS record, generate_subscripts(list, 1) AS position,
    coalesce(parent_id, parameters ->> '$.id') AS hashtag_id
  FROM listed
),
fields AS (
  -- Fields are columns of their own: an expression that names the record binds its whole structure each time.
  SELECT * EXCLUDE (record), record.* FROM items
),
authors AS (
  -- An older dump has the author's handle where the object stands otherwise.
  SELECT *, CASE WHEN author.id IS NULL AND author.uniqueId IS NULL
    THEN json_value(records, '$[' || (position - 1) || '].author') END AS author_handle
  FROM fields
),
urls AS (
  -- One signed URL of each kind, the largest that was sent.
  SELECT
    *,
    coalesce(nullif(author.avatarLarger, ''), nullif(author.avatarMedium, ''), nullif(author.avatarThumb, ''))
      AS avatar_url,
    nullif(music.playUrl, '') AS sound_url,
    coalesce(nullif(music.coverLarge, ''), nullif(music.coverMedium, ''), nullif(music.coverThumb, ''))
      AS sound_cover_url,
    nullif(video.cover, '') AS cover_url, nullif(video.originCover, '') AS origin_cover_url,
    nullif(video.dynamicCover, '') AS dynamic_cover_url,
    list_filter(video.shareCover, lambda url: url <> '')[1] AS share_cover_url,
    coalesce(
      nullif(video.zoomCover."960", ''), nullif(video.zoomCover."720", ''), nullif(video.zoomCover."480", ''),
      nullif(video.zoomCover."240", '')
    ) AS zoom_cover_url,
    nullif(video.playAddr, '') AS play_url, nullif(video.downloadAddr, '') AS download_url
  FROM authors
),
dated AS (
  -- When each of them expires, if it says so: x-expires or expire, in seconds.
  SELECT *, list_transform(
    [
      avatar_url, sound_url, sound_cover_url, cover_url, origin_cover_url, dynamic_cover_url, share_cover_url,
      zoom_cover_url, play_url, download_url
    ],
    lambda url: make_timestamp(1000000 * TRY_CAST(regexp_extract(url, 'expires?=([0-9]{9,11})', 1) AS BIGINT))
  ) AS expires_at
  FROM urls
)
SELECT
  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at, country, period_days, page, position,
  id AS post_id, -- the post's id at TikTok
  hashtag_id AS hashtag_id, -- the hashtag that the walk asked for; others stand in challenges
  CASE WHEN createTime BETWEEN 0 AND 253402300799
    THEN make_timestamp(createTime * 1000000) END AS created_at, -- UTC, when the post was published
  "desc" AS description, -- the post's text, unmodified
  CASE WHEN author.id IS NOT NULL OR author.uniqueId IS NOT NULL OR author_handle IS NOT NULL THEN {
    'id': author.id, 'unique_id': coalesce(author.uniqueId, author_handle ->> '$'),
    'nickname': author.nickname, 'signature': author.signature, 'sec_uid': author.secUid,
    'verified': author.verified, 'private_account': author.privateAccount,
    'tt_seller': author.ttSeller, 'secret': author.secret, 'ftc': author.ftc,
    'open_favorite': author.openFavorite, 'relation': author.relation,
    'comment_setting': author.commentSetting, 'duet_setting': author.duetSetting,
    'stitch_setting': author.stitchSetting, 'avatar_url': avatar_url, 'avatar_url_expires_at': expires_at[1]
  } END AS author, -- who published it; unique_id is the handle; avatar_url is signed; null where none was sent
  CASE WHEN authorStats IS NOT NULL OR authorStatsV2 IS NOT NULL THEN {
    'follower_count': coalesce(authorStatsV2.followerCount, authorStats.followerCount),
    'following_count': coalesce(authorStatsV2.followingCount, authorStats.followingCount),
    'heart': coalesce(authorStatsV2.heart, authorStatsV2.heartCount, authorStats.heart),
    'heart_count': coalesce(authorStatsV2.heartCount, authorStatsV2.heart, authorStats.heartCount),
    'video_count': coalesce(authorStatsV2.videoCount, authorStats.videoCount),
    'digg_count': coalesce(authorStatsV2.diggCount, authorStats.diggCount),
    'friend_count': coalesce(authorStatsV2.friendCount, authorStats.friendCount)
  } END AS author_stats, -- the author's counts then, exact where TikTok sent them so; heart is likes received, digg given
  CASE WHEN stats IS NOT NULL OR statsV2 IS NOT NULL THEN {
    'play_count': coalesce(statsV2.playCount, stats.playCount),
    'digg_count': coalesce(statsV2.diggCount, stats.diggCount),
    'comment_count': coalesce(statsV2.commentCount, stats.commentCount),
    'share_count': coalesce(statsV2.shareCount, stats.shareCount),
    'collect_count': coalesce(statsV2.collectCount, stats.collectCount),
    'repost_count': coalesce(statsV2.repostCount, stats.repostCount)
  } END AS stats, -- the post's counts: exact (statsV2) where they were sent so, else as TikTok rounds them
  statsV2.playCount IS NOT NULL AS stats_exact, -- stats are the exact ones of statsV2
  CASE WHEN music IS NOT NULL THEN {
    'id': music.id, 'title': music.title, 'author_name': music.authorName,
    'album': music.album, 'duration_s': music.duration, 'original': music.original,
    'is_copyrighted': music.isCopyrighted, 'play_url': sound_url, 'play_url_expires_at': expires_at[2],
    'cover_url': sound_cover_url, 'cover_url_expires_at': expires_at[3]
  } END AS music, -- its sound; URLs are signed
  list_transform(challenges, lambda tag: {
    'id': tag.id, 'title': tag.title, 'description': tag."desc", 'is_commerce': tag.isCommerce,
    'video_count': tag.stats.videoCount, 'view_count': tag.stats.viewCount,
    'cover_url': coalesce(nullif(tag.coverLarger, ''), nullif(tag.coverMedium, ''), nullif(tag.coverThumb, ''))
  }) AS challenges, -- the post's hashtags: id is a hashtag_id, title its name
  list_transform(textExtra, lambda mark: {
    'hashtag_id': mark.hashtagId, 'hashtag_name': mark.hashtagName, 'user_id': mark.userId,
    'user_unique_id': mark.userUniqueId, 'sec_uid': mark.secUid, 'start': mark."start", 'end': mark."end",
    'type': mark.type, 'sub_type': mark.subType, 'is_commerce': mark.isCommerce
  }) AS text_extra, -- hashtags and mentions inside the description; hashtag_name is empty for mentions
  list_transform(contents, lambda part: {
    'description': part."desc",
    'text_extra': list_transform(part.textExtra, lambda mark: {
      'hashtag_id': mark.hashtagId, 'hashtag_name': mark.hashtagName, 'user_id': mark.userId,
      'user_unique_id': mark.userUniqueId, 'sec_uid': mark.secUid, 'start': mark."start", 'end': mark."end",
      'type': mark.type, 'sub_type': mark.subType, 'is_commerce': mark.isCommerce
    })
  }) AS contents, -- the description in its parts, newer answers only
  CASE WHEN video IS NOT NULL THEN {
    'id': video.id, 'duration_s': video.duration, 'height': video.height,
    'width': video.width, 'ratio': video.ratio, 'format': video.format,
    'definition': video.definition, 'codec_type': video.codecType, 'bitrate': video.bitrate,
    'video_quality': video.videoQuality, 'encoded_type': video.encodedType,
    'size_bytes': video.size, 'vq_score': video.VQScore,
    'cover_url': cover_url, 'cover_url_expires_at': expires_at[4],
    'origin_cover_url': origin_cover_url, 'origin_cover_url_expires_at': expires_at[5],
    'dynamic_cover_url': dynamic_cover_url, 'dynamic_cover_url_expires_at': expires_at[6],
    'share_cover_url': share_cover_url, 'share_cover_url_expires_at': expires_at[7],
    'zoom_cover_url': zoom_cover_url, 'zoom_cover_url_expires_at': expires_at[8],
    'play_url': play_url, 'play_url_expires_at': expires_at[9],
    'download_url': download_url, 'download_url_expires_at': expires_at[10],
    'volume': {'loudness': video.volumeInfo.Loudness, 'peak': video.volumeInfo.Peak},
    'bitrate_info': list_transform(video.bitrateInfo, lambda gear: {
      'gear_name': gear.GearName, 'bitrate': gear.Bitrate, 'quality_type': gear.QualityType,
      'codec_type': gear.CodecType, 'uri': gear.PlayAddr.Uri, 'url_key': gear.PlayAddr.UrlKey,
      'url': gear.PlayAddr.UrlList[1], 'size_bytes': gear.PlayAddr.DataSize, 'file_hash': gear.PlayAddr.FileHash
    }),
    'subtitle_infos': list_transform(video.subtitleInfos, lambda track: {
      'language_id': track.LanguageID, 'language_code_name': track.LanguageCodeName, 'format': track.Format,
      'source': track.Source, 'version': track.Version, 'size_bytes': track.Size, 'url': track.Url,
      'url_expires_at': CASE WHEN track.UrlExpire BETWEEN 0 AND 253402300799
        THEN make_timestamp(track.UrlExpire * 1000000) END
    }),
    'cla_info': video.claInfo::VARCHAR
  } END AS video, -- its video; null for photo posts; URLs are signed, the largest of each kind; cla_info is JSON text
  CASE WHEN imagePost IS NOT NULL THEN {
    'title': imagePost.title,
    'images': list_transform(imagePost.images, lambda image: {
      'url': image.imageURL.urlList[1], 'url_stable': split_part(image.imageURL.urlList[1], '?', 1),
      'width': image.imageWidth, 'height': image.imageHeight
    }),
    'cover': {
      'url': imagePost.cover.imageURL.urlList[1], 'width': imagePost.cover.imageWidth,
      'height': imagePost.cover.imageHeight
    },
    'share_cover': {
      'url': imagePost.shareCover.imageURL.urlList[1], 'width': imagePost.shareCover.imageWidth,
      'height': imagePost.shareCover.imageHeight
    }
  } END AS image_post, -- the pictures of a photo post; null for videos; URLs are signed, url_stable is without signature
  {
    'private_item': privateItem, 'secret': secret, 'duet_enabled': duetEnabled,
    'stitch_enabled': stitchEnabled, 'share_enabled': shareEnabled, 'for_friend': forFriend,
    'digged': digged, 'collected': collected, 'original_item': originalItem,
    'official_item': officalItem, 'item_mute': itemMute, 'show_not_pass': showNotPass,
    'ad_authorization': adAuthorization, 'text_translatable': textTranslatable
  } AS flags, -- TikTok's own yes and no about the post; null where it was not sent
  isAd AS is_ad, -- the post is an advertisement
  textLanguage AS text_language, -- language of the description, as TikTok guessed it
  nullif(duetInfo.duetFromId, '0') AS duet_from_id, -- the post that it is a duet with; null: no duet
  list_transform(effectStickers, lambda effect: {
    'id': effect.ID, 'name': effect.name, 'use_count': effect.stickerStats.useCount
  }) AS effect_stickers, -- effects in use
  list_transform(stickersOnItem, lambda sticker: {
    'text': sticker.stickerText, 'type': sticker.stickerType
  }) AS stickers_on_item, -- texts laid over the picture
  anchors AS anchors, -- things linked from the post: effects, places, products
  CategoryType AS category_type, -- TikTok's category number
  adLabelVersion AS ad_label_version, -- newer answers only
  aigcLabelType AS aigc_label_type, -- label as made by AI, 0: not
  AIGCDescription AS aigc_description, -- the words of that label
  BAInfo AS ba_info, -- business account, unmodified
  diversificationId AS diversification_id, -- TikTok's topic number
  playlistId AS playlist_id, -- the playlist it belongs to
  item_control::VARCHAR AS item_control, -- what may be done with the post, JSON text, unmodified
FROM dated
WHERE nullif(id, '') IS NOT NULL AND nullif(hashtag_id, '') IS NOT NULL
