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
  creator.nick_name AS nick_name, -- display name, no handle and no id: two creators may share it
  creator.avatar_url AS avatar_url, -- signed URL, unmodified: dead after hours
FROM (
  SELECT *, unnest(creators) AS creator, generate_subscripts(creators, 1) AS place FROM (
    SELECT * FROM hashtags
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
  item.cover_url AS cover_url, -- signed URL, unmodified: dead after hours
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
