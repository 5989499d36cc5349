-- Views over the archive's tables. A filter on date reads those days alone, except for first_seen_at and last_seen_at.
-- The comment above a statement says what a row is; "AS name, -- meaning" what a column is. A column without a meaning
-- means what it means in the table that it is read from.

-- Of each board, the walk that was the newest complete one at an instant, in UTC: boards_as_of('2026-11-21 06:00'). A
-- walk that stop_when_known ended is no whole board: it stands only where there is no whole one.
CREATE MACRO boards_as_of(ts) AS TABLE
SELECT
  vendor AS vendor, -- who sold the board
  endpoint, walk_id,
  coalesce(reused_from, run_id) AS run_id, -- the run that bought the walk, under which its rows stand
  snapshot_at,
  snapshot_at::DATE AS snapshot_date, -- the partition that holds its rows
  country, period_days, parameters,
  why AS why, -- end: to its end; as_asked: as deep as the job asked; known: to what was seen before
  pages, rows
FROM coverage
WHERE state = 'complete' AND snapshot_at <= CASE typeof(ts)
  WHEN 'TIMESTAMP WITH TIME ZONE' THEN make_timestamp(epoch_us(ts::TIMESTAMPTZ)) ELSE ts::TIMESTAMP END
QUALIFY row_number() OVER (PARTITION BY walk_id ORDER BY why = 'known', snapshot_at DESC, reused_from NULLS FIRST, run_id) = 1;

-- Of each board, the newest walk that is complete: what the views *_latest show.
CREATE VIEW boards_latest AS
SELECT * FROM boards_as_of(TIMESTAMP 'infinity');

-- The hashtags of every board as they stood at an instant, in UTC: hashtags_as_of('2026-11-21 06:00').
CREATE MACRO hashtags_as_of(ts) AS TABLE
SELECT hashtags.*
FROM hashtags SEMI JOIN boards_as_of(ts) AS board ON (
  hashtags.walk_id = board.walk_id AND hashtags.run_id = board.run_id AND hashtags.date = board.snapshot_date
)
QUALIFY row_number() OVER (PARTITION BY walk_id, hashtag_id ORDER BY page, position) = 1;

-- The hashtags of every board as its newest complete walk found them; each hashtag once a board.
CREATE VIEW hashtags_latest AS
SELECT * FROM hashtags_as_of(TIMESTAMP 'infinity');

-- The creators of every board as its newest complete walk found them; each creator once a board.
CREATE VIEW creators_latest AS
SELECT creators.*
FROM creators SEMI JOIN boards_latest AS board ON (
  creators.walk_id = board.walk_id AND creators.run_id = board.run_id AND creators.date = board.snapshot_date
)
QUALIFY row_number() OVER (PARTITION BY walk_id, user_id ORDER BY page, position) = 1;

-- The posts of every hashtag as its newest complete walk found them, and those that walks which stop_when_known ended
-- have found since; each post once a hashtag.
CREATE VIEW posts_latest AS
SELECT posts.*
FROM posts SEMI JOIN (
  SELECT walk_id, run_id, snapshot_date FROM boards_latest
  UNION ALL
  SELECT walk_id, coalesce(later.reused_from, later.run_id), later.snapshot_at::DATE
  FROM coverage AS later JOIN boards_latest AS board USING (walk_id)
  WHERE later.state = 'complete' AND later.why = 'known' AND later.snapshot_at > board.snapshot_at
) AS board ON (
  posts.walk_id = board.walk_id AND posts.run_id = board.run_id AND posts.date = board.snapshot_date
)
QUALIFY row_number() OVER (PARTITION BY walk_id, post_id ORDER BY snapshot_at DESC, page, position) = 1;

-- The videos of every board as its newest complete walk found them; each video once a board.
CREATE VIEW videos_latest AS
SELECT videos.*
FROM videos SEMI JOIN boards_latest AS board ON (
  videos.walk_id = board.walk_id AND videos.run_id = board.run_id AND videos.date = board.snapshot_date
)
QUALIFY row_number() OVER (PARTITION BY walk_id, item_id ORDER BY page, position) = 1;

-- The sounds of every list as its newest complete walk found them; each sound once a list.
CREATE VIEW sounds_latest AS
SELECT sounds.*
FROM sounds SEMI JOIN boards_latest AS board ON (
  sounds.walk_id = board.walk_id AND sounds.run_id = board.run_id AND sounds.date = board.snapshot_date
)
QUALIFY row_number() OVER (PARTITION BY walk_id, sound_id ORDER BY page, position) = 1;

-- The ads of every list as its newest complete walk found them; each ad once a list.
CREATE VIEW top_ads_latest AS
SELECT top_ads.*
FROM top_ads SEMI JOIN boards_latest AS board ON (
  top_ads.walk_id = board.walk_id AND top_ads.run_id = board.run_id AND top_ads.date = board.snapshot_date
)
QUALIFY row_number() OVER (PARTITION BY walk_id, ad_id ORDER BY page, position) = 1;

-- The posts of every list of TikTok's app as its newest complete walk found them; each post once a list.
CREATE VIEW mobile_posts_latest AS
SELECT mobile_posts.*
FROM mobile_posts SEMI JOIN boards_latest AS board ON (
  mobile_posts.walk_id = board.walk_id AND mobile_posts.run_id = board.run_id AND mobile_posts.date = board.snapshot_date
)
QUALIFY row_number() OVER (PARTITION BY walk_id, post_id ORDER BY page, position) = 1;

-- The creators of every search as its newest complete walk found them; each creator once a search.
CREATE VIEW creator_profiles_latest AS
SELECT creator_profiles.*
FROM creator_profiles SEMI JOIN boards_latest AS board ON (
  creator_profiles.walk_id = board.walk_id AND creator_profiles.run_id = board.run_id AND creator_profiles.date = board.snapshot_date
)
QUALIFY row_number() OVER (PARTITION BY walk_id, creator_uid ORDER BY page, position) = 1;

-- A hashtag's place on any board of its country, period and industry, from any endpoint: a board's history continues on
-- the successor of its endpoint. Rank, posts, views and trend mean the same on all of them. The differences: Crawlora's
-- newer board shows three places (places_shown), has no changes of rank (hashtag_ranks has those of the others), and has
-- a period of 90 days instead of 120. Boards of new hashtags only are left out.
CREATE VIEW hashtag_history AS
SELECT
  vendor, date, endpoint, run_id, walk_id, snapshot_at, country, period_days, board_industry_id, hashtag_id,
  hashtag_name, rank, publish_cnt, video_views, trend,
  count(*) OVER (PARTITION BY date, run_id, walk_id) AS places_shown, -- places that this read shows: a hashtag below them may be on the board
  min(snapshot_at) OVER seen AS first_seen_at, -- UTC, the first snapshot with this hashtag on any endpoint's board
  max(snapshot_at) OVER seen AS last_seen_at, -- UTC, the last one
FROM (
  SELECT * FROM hashtags WHERE NOT new_only
  QUALIFY row_number() OVER (PARTITION BY date, run_id, walk_id, hashtag_id ORDER BY page, position) = 1
)
WINDOW seen AS (PARTITION BY country, period_days, board_industry_id, hashtag_id);

-- A creator's followers and likes at one snapshot, from a trend board or from the search over Crawlora's index: by
-- handle, since their ids differ. An entry does not mean the same: a board shows who trends, a search whom it finds, with
-- figures that the vendor read at figures_at.
CREATE VIEW creator_figures AS
SELECT
  vendor AS vendor, -- who sold the page
  date AS date, -- UTC day of the snapshot
  endpoint, run_id, walk_id, snapshot_at, country,
  handle AS handle, -- the creator's handle, lower case, without its @
  nick_name AS nick_name, -- display name
  follower_cnt AS follower_cnt, -- followers
  liked_cnt AS liked_cnt, -- likes over all posts
  on_board AS on_board, -- true: a trend board showed the creator; false: a search found them
  figures_at AS figures_at, -- UTC, when the vendor read the figures; null: not stated, at the snapshot as far as is known
FROM (
  SELECT
    vendor, date, endpoint, run_id, walk_id, snapshot_at, country,
    lower(nullif(regexp_extract(tt_link, '@([^/?#]+)', 1), '')) AS handle,
    nick_name, follower_cnt, liked_cnt, true AS on_board, NULL::TIMESTAMP AS figures_at, page, position
  FROM creators
  UNION ALL
  SELECT
    vendor, date, endpoint, run_id, walk_id, snapshot_at, country, lower(nullif(handle, '')), nick_name, follower_cnt,
    liked_cnt, false, figures_at, page, position
  FROM creator_profiles
)
WHERE handle IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY date, run_id, walk_id, handle ORDER BY page, position) = 1;

-- A post listed for a hashtag, by the web's list or by the app's, with the columns that both have. A post may be listed
-- many times. The web's list is requested by hashtag_id, the app's by hashtag_name: the other one is null.
CREATE VIEW listed_posts AS
SELECT
  vendor AS vendor, -- who sold the page
  date AS date, -- UTC day of the snapshot
  endpoint, run_id, walk_id, snapshot_at, page, position,
  hashtag_id AS hashtag_id, -- the hashtag of the web's list; else null
  hashtag_name AS hashtag_name, -- the hashtag of the app's list; else null
  post_id AS post_id, -- the post's id at TikTok, the same in both lists
  created_at AS created_at, -- UTC, when it was published
  description AS description, -- the post's text
  author_handle AS author_handle, -- handle of who published it
  plays AS plays, -- plays; the web's list rounds some counts
  likes AS likes, -- likes
  comments AS comments, -- comments
  shares AS shares, -- shares
  saves AS saves, -- saves; null where it was not sent
  sound_id AS sound_id, -- the post's sound
FROM (
  SELECT
    vendor, date, endpoint, run_id, walk_id, snapshot_at, page, position, hashtag_id, NULL::VARCHAR AS hashtag_name,
    post_id, created_at, description, author.unique_id AS author_handle, stats.play_count AS plays,
    stats.digg_count AS likes, stats.comment_count AS comments, stats.share_count AS shares,
    stats.collect_count AS saves, music.id AS sound_id
  FROM posts
  UNION ALL
  SELECT
    vendor, date, endpoint, run_id, walk_id, snapshot_at, page, position, NULL, hashtag_name, post_id, created_at,
    description, author.unique_id, stats.play_count, stats.digg_count, stats.comment_count, stats.share_count,
    stats.collect_count, music.id
  FROM mobile_posts WHERE hashtag_name IS NOT NULL
);

-- A hashtag's place on a board at one snapshot, whatever became of the rest of the walk.
CREATE VIEW hashtag_ranks AS
SELECT
  vendor, date, endpoint, run_id, walk_id, snapshot_at, country, period_days, hashtag_id, hashtag_name, rank,
  CASE rank_diff_type WHEN 1 THEN abs(rank_diff) WHEN 2 THEN 0 WHEN 3 THEN -abs(rank_diff)
    END AS places_won, -- places moved since the vendor's last board: more is up, less is down; null: new, or not told
  CASE rank_diff_type WHEN 1 THEN 'up' WHEN 2 THEN 'unchanged' WHEN 3 THEN 'down' WHEN 4 THEN 'new'
    ELSE rank_diff_type::VARCHAR END AS moved, -- up, unchanged, down, new; a type that nobody documents as its number
  publish_cnt, video_views,
  min(snapshot_at) OVER seen AS first_seen_at, -- UTC, the archive's first snapshot of this board with this hashtag
  max(snapshot_at) OVER seen AS last_seen_at, -- UTC, the last one
FROM hashtags
WINDOW seen AS (PARTITION BY walk_id, hashtag_id)
QUALIFY row_number() OVER (PARTITION BY date, run_id, walk_id, hashtag_id ORDER BY page, position) = 1;

-- A point of the trend that a board showed for a hashtag.
CREATE VIEW hashtag_trend AS
SELECT
  vendor, date, endpoint, run_id, walk_id, snapshot_at, country, period_days, hashtag_id, hashtag_name, rank,
  point."time" AS point_at, -- UTC, the day that the point stands for
  point.value AS value, -- popularity, 0 to 1 of this window's own maximum: not comparable between hashtags or snapshots
FROM (
  SELECT *, unnest(trend) AS point FROM (
    SELECT * FROM hashtags
    QUALIFY row_number() OVER (PARTITION BY date, run_id, walk_id, hashtag_id ORDER BY page, position) = 1
  )
)
WHERE point."time" IS NOT NULL;

-- A creator whom a board showed beside a hashtag.
CREATE VIEW hashtag_creators AS
SELECT
  vendor, date, endpoint, run_id, walk_id, snapshot_at, country, period_days, hashtag_id, hashtag_name, rank,
  place AS place, -- 1-based place among the hashtag's creators
  creator.nick_name AS nick_name, -- display name: two creators may share it
  creator.handle AS handle, -- handle without its @; null: the board has none
  creator.avatar_url AS avatar_url, -- signed URL, unmodified: expires after hours
FROM (
  SELECT *, unnest(shown) AS creator, generate_subscripts(shown, 1) AS place FROM (
    SELECT *, coalesce(
      list_transform(creators, lambda one: {
        'nick_name': one.nick_name, 'handle': NULL::VARCHAR, 'avatar_url': one.avatar_url
      }),
      list_transform(top_creators, lambda one: {
        'nick_name': one.nick_name, 'handle': one.handle, 'avatar_url': one.avatar_url
      })
    ) AS shown
    FROM hashtags
    QUALIFY row_number() OVER (PARTITION BY date, run_id, walk_id, hashtag_id ORDER BY page, position) = 1
  )
)
WHERE creator IS NOT NULL;

-- A post that a board showed with a creator.
CREATE VIEW creator_items AS
SELECT
  vendor, date, endpoint, run_id, walk_id, snapshot_at, country, user_id, nick_name, follower_cnt,
  place AS place, -- 1-based place among the creator's items
  item.item_id AS item_id, -- the post's id at TikTok: joins to posts.post_id
  item.vv AS views, -- views of the post
  item.liked_cnt AS likes, -- likes of the post
  item.create_time AS created_at, -- UTC, when it was published
  item.tt_link AS tt_link, -- the post's page at TikTok, unmodified: it lacks the creator's handle
  item.cover_url AS cover_url, -- signed URL, unmodified: expires after hours
FROM (
  SELECT *, unnest(items) AS item, generate_subscripts(items, 1) AS place FROM (
    SELECT * FROM creators
    QUALIFY row_number() OVER (PARTITION BY date, run_id, walk_id, user_id ORDER BY page, position) = 1
  )
)
WHERE item.item_id <> '';

-- A hashtag of a post: the one that it was listed for, and those that stand in it. A post may be listed many times.
CREATE VIEW post_hashtags AS
SELECT
  vendor, date, endpoint, run_id, walk_id, snapshot_at, post_id, created_at,
  asked AS asked_hashtag_id, -- the hashtag that the post was listed for
  tag.id AS hashtag_id, -- a hashtag of the post, once a listing
  tag.name AS hashtag_name, -- its name; null where only its id is known
FROM (
  SELECT * EXCLUDE (named), unnest(CASE
    WHEN list_contains(list_transform(named, lambda tag: tag.id), asked) THEN named
    ELSE list_append(named, {'id': asked, 'name': NULL::VARCHAR}) END) AS tag
  FROM (
    SELECT
      vendor, date, endpoint, run_id, walk_id, snapshot_at, post_id, created_at, page, position, hashtag_id AS asked,
      list_distinct(list_concat(
        list_transform(challenges, lambda tag: {'id': tag.id, 'name': tag.title}),
        list_transform(
          list_filter(text_extra, lambda mark: mark.hashtag_id <> ''
            AND NOT coalesce(list_contains(list_transform(challenges, lambda tag: tag.id), mark.hashtag_id), false)),
          lambda mark: {'id': mark.hashtag_id, 'name': nullif(mark.hashtag_name, '')}
        )
      )) AS named
    FROM posts
  )
  QUALIFY row_number() OVER (PARTITION BY date, run_id, walk_id, post_id ORDER BY page, position) = 1
)
WHERE tag.id <> '';

-- Credits by the day that they are booked on, endpoint and country.
CREATE VIEW spend AS
SELECT
  day, vendor AS vendor, -- who was paid
  endpoint, country,
  count(*) FILTER (outcome <> 'not_sent') AS requests, -- attempts that were sent, retries and failures among them
  coalesce(sum(credits) FILTER (charge = 'charged'), 0)::BIGINT AS charged, -- credits that were charged
  coalesce(sum(credits) FILTER (charge = 'presumed'), 0)::BIGINT AS presumed, -- no rule is documented: count as charged
  coalesce(sum(credits) FILTER (charge = 'unknown'), 0)::BIGINT AS unknown, -- never answered: count as charged
  sum(credits)::BIGINT AS credits, -- the three together
  coalesce(sum(requests.rows), 0)::BIGINT AS rows, -- records that came
  sum(credits) / nullif(sum(requests.rows), 0) AS credits_per_row, -- null where no record came
FROM requests
GROUP BY ALL;

-- A read of a board: what a walk saw of it at one instant, its snapshot. A walk that another run reused is one read.
CREATE VIEW board_reads AS
SELECT
  vendor AS vendor, -- who sold the board
  endpoint, walk_id,
  run_id AS run_id, -- the run that bought the walk
  snapshot_at, country, period_days, parameters, state,
  whole AS whole, -- true: an entry that it does not show was not there. False: a walk cut short, or shallower than others
  max(snapshot_at) FILTER (whole) OVER before AS previous_whole_at, -- UTC, the last whole read before; null: none
  min(snapshot_at) FILTER (whole) OVER after AS next_whole_at, -- UTC, the first whole read after; null: none yet
  count(*) FILTER (whole) OVER before AS wholes_before, -- whole reads before
FROM (
  SELECT
    vendor, endpoint, walk_id, run_id, snapshot_at, country, period_days, parameters, state,
    state = 'empty' OR state = 'complete' AND (why = 'end' OR why = 'as_asked' AND pages >= max(pages) FILTER (
      state = 'complete' AND why IN ('end', 'as_asked')) OVER (PARTITION BY walk_id)) AS whole
  FROM (
    SELECT * REPLACE (coalesce(reused_from, run_id) AS run_id) FROM coverage
    WHERE snapshot_at IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY walk_id, coalesce(reused_from, run_id)
      ORDER BY reused_from NULLS FIRST, coverage.run_id) = 1
  )
)
WINDOW
  before AS (PARTITION BY walk_id ORDER BY snapshot_at
    RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING),
  after AS (PARTITION BY walk_id ORDER BY snapshot_at
    RANGE BETWEEN INTERVAL 1 MICROSECOND FOLLOWING AND UNBOUNDED FOLLOWING);

-- An entry that a read of a board showed: a hashtag, a creator, a video, a sound or an ad, once a read.
CREATE VIEW board_sightings AS
SELECT
  read.vendor AS vendor, -- who sold the board
  read.endpoint, read.walk_id, read.run_id, read.snapshot_at, read.country, read.period_days,
  entry.entry_id AS entry_id, -- hashtag_id, user_id, item_id, sound_id or ad_id
  entry.entry_name AS entry_name, -- hashtag_name, nick_name or title
  entry.place AS place, -- its rank; of an entry without one, its place in the list
  read.previous_whole_at, read.next_whole_at, read.wholes_before,
FROM board_reads AS read JOIN (
  SELECT walk_id, run_id, hashtag_id AS entry_id, any_value(hashtag_name) AS entry_name, min(rank) AS place
  FROM hashtags GROUP BY ALL
  UNION ALL
  SELECT walk_id, run_id, user_id, any_value(nick_name), min_by(position, (page, position)) FROM creators GROUP BY ALL
  UNION ALL
  SELECT walk_id, run_id, item_id, any_value(title), min_by(position, (page, position)) FROM videos GROUP BY ALL
  UNION ALL
  SELECT walk_id, run_id, sound_id, any_value(title), coalesce(min(rank), min_by(position, (page, position)))
  FROM sounds GROUP BY ALL
  UNION ALL
  SELECT walk_id, run_id, ad_id, any_value(title), min_by(position, (page, position)) FROM top_ads GROUP BY ALL
) AS entry USING (walk_id, run_id);

-- A spell of an entry on a board: reads that showed it, with no whole read between them that did not. It came after
-- last_absent_at and by first_seen_at; it left after last_seen_at and by first_absent_at. What no read saw, an absence
-- between two of its reads, may have been.
CREATE VIEW board_spells AS
SELECT
  vendor AS vendor, -- who sold the board
  endpoint, walk_id, country, period_days, entry_id,
  max_by(entry_name, snapshot_at) AS entry_name, -- its name at the last read
  arg_min_null(previous_whole_at, snapshot_at) AS last_absent_at, -- UTC, the last whole read before the spell; null: there was none
  min(snapshot_at) AS first_seen_at, -- UTC, the first read of the spell
  max(snapshot_at) AS last_seen_at, -- UTC, the last read of the spell
  arg_max_null(next_whole_at, snapshot_at) AS first_absent_at, -- UTC, the first whole read after the spell; null: none yet
  count(*) AS reads, -- reads that showed it
  min(place) AS best_place, -- its best place in the spell
  CASE
    WHEN last_absent_at IS NULL AND first_absent_at IS NULL THEN 'both'
    WHEN last_absent_at IS NULL THEN 'left'
    WHEN first_absent_at IS NULL THEN 'right'
    ELSE 'none' END AS censored, -- the side without a bound: left (it may have come at any time), right, both, none
FROM (
  SELECT *, sum(begins::BIGINT) OVER (PARTITION BY walk_id, entry_id ORDER BY snapshot_at, run_id) AS spell
  FROM (
    -- The whole reads between two sightings: those before this one, less those up to the last one.
    SELECT sighting.*, wholes_before > lag(wholes_before + whole::BIGINT, 1, -1)
      OVER (PARTITION BY walk_id, entry_id ORDER BY snapshot_at, run_id) AS begins
    FROM board_sightings AS sighting JOIN (SELECT walk_id, run_id, whole FROM board_reads) USING (walk_id, run_id)
  )
)
GROUP BY vendor, endpoint, walk_id, country, period_days, entry_id, spell;

-- The entries of a board at an instant, in UTC, by what the reads of that day tell: on_board('…', '2026-11-21 06:00').
-- The last read up to the instant counts, else the first one after it; a day without a read is unknown.
CREATE MACRO on_board(board, ts) AS TABLE
SELECT
  known.entry_id AS entry_id, -- an entry that the board has ever shown
  known.entry_name AS entry_name, -- its name when it was last seen
  CASE WHEN seen.entry_id IS NOT NULL THEN 'yes' WHEN read.whole THEN 'no' ELSE 'unknown' END AS on_board, -- yes, no, unknown
  read.snapshot_at AS read_at, -- UTC, the read that tells; null: there is none on that day
FROM (
  SELECT walk_id, entry_id, max_by(entry_name, snapshot_at) AS entry_name FROM board_sightings
  WHERE walk_id = board GROUP BY ALL
) AS known
LEFT JOIN (
  SELECT walk_id, run_id, snapshot_at, whole FROM board_reads, (SELECT CASE typeof(ts)
    WHEN 'TIMESTAMP WITH TIME ZONE' THEN make_timestamp(epoch_us(ts::TIMESTAMPTZ)) ELSE ts::TIMESTAMP END AS instant)
  WHERE walk_id = board AND snapshot_at::DATE = instant::DATE
  ORDER BY snapshot_at > instant, abs(epoch_us(snapshot_at) - epoch_us(instant)), run_id LIMIT 1
) AS read ON read.walk_id = known.walk_id
LEFT JOIN board_sightings AS seen
  ON seen.walk_id = read.walk_id AND seen.run_id = read.run_id AND seen.entry_id = known.entry_id;

-- Entries that a whole read of a board found new: they came after the whole read before it.
CREATE VIEW entries AS
SELECT
  vendor AS vendor, -- who sold the board
  endpoint, walk_id, country, period_days,
  first_seen_at AS seen_at, -- UTC, the read that found them
  max(last_absent_at) AS after, -- UTC, they came after this read
  count(*) AS entries, -- entries that came between the two reads
  round(epoch(first_seen_at - max(last_absent_at)) / 86400, 3) AS within_days, -- the days between: the uncertainty of each date
FROM board_spells
WHERE last_absent_at IS NOT NULL
GROUP BY vendor, endpoint, walk_id, country, period_days, first_seen_at;

-- Entries that a whole read of a board no longer found: they left after some read that had shown them.
CREATE VIEW exits AS
SELECT
  vendor AS vendor, -- who sold the board
  endpoint, walk_id, country, period_days,
  first_absent_at AS absent_at, -- UTC, the read that no longer found them
  min(last_seen_at) AS after, -- UTC, they left after this read
  count(*) AS exits, -- entries that left between the two reads
  round(epoch(first_absent_at - min(last_seen_at)) / 86400, 3) AS within_days, -- the days between: the uncertainty of each date
FROM board_spells
WHERE first_absent_at IS NOT NULL
GROUP BY vendor, endpoint, walk_id, country, period_days, first_absent_at;
