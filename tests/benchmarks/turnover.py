"""The turnover of the sandbox's boards beside what was asked for, and the time of an answer: ``python -m
tests.benchmarks.turnover``.

Counts hashtag boards over many days: the share of entries that were not there 1, 7 and 30 days before. Fails if one is
more than two points off.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime, time, timedelta
from time import process_time

from scraper.sandbox.records.aging import Aging
from scraper.sandbox.records.creators import CreatorBoards
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.posts import PostFeeds
from scraper.sandbox.records.turnover import DAYS, Turnover
from scraper.sandbox.records.videos import VideoBoards
from scraper.sandbox.records.words import HASHTAG_COUNTRIES

FROM = date(2026, 1, 1)
ASKED = (
    Turnover(0.15, 0.55, 0.85),
    Turnover(0.2, 0.98, 1.0),
    Turnover(0.02, 0.09, 0.3),
    Turnover(0.65, 0.9, 0.97),
    Turnover(0.05, 0.2, 0.45),
)
"""The usual hashtag board, TikTok's discover page (hashtags, users), trending repositories, a song chart."""


def measured(asked: Turnover, boards: int, days: int, seed: int = 0) -> list[float]:
    """Return the mean turnover of some countries' hashtag boards, as their records tell it."""
    played = HashtagBoards(seed, Aging((("hashtags", asked),)))
    new, entries = [0] * len(DAYS), 0
    for country in HASHTAG_COUNTRIES[:boards]:
        dates = [FROM + timedelta(days=day) for day in range(days + max(DAYS))]
        lists = [{index for index, _ in played.standing(country, 7, day)} for day in dates]
        for today in range(days):
            entries += len(lists[today])
            for place, later in enumerate(DAYS):
                new[place] += len(lists[today + later] - lists[today])
    return [count / entries for count in new]


def _answers() -> None:
    """Print the time of a board's first answer of a night, night after night, and of its later ones."""
    hashtags, creators, videos = HashtagBoards(0), CreatorBoards(0), VideoBoards(0)
    posts = PostFeeds(0, hashtags.pool, hashtags.by_id)

    def post_page(at: datetime) -> None:
        feed = posts.feed(hashtags.pool[7].hashtag_id, at.date())
        if feed is not None:
            posts.items(feed, 0, at)

    pages = {
        "hashtags": lambda at: hashtags.board("US", 7, at.date()),
        "creators": lambda at: creators.page("US", "follower", at, 0, 100),
        "videos": lambda at: videos.page("US", 7, "vv", at, 0, 20),
        "posts": post_page,
    }
    for name, page in pages.items():
        noons = [datetime.combine(FROM + timedelta(days=day), time(12), UTC) for day in range(30)]
        took = []
        for moments in (noons, noons[-1:] * 30):
            began = process_time()
            for at in moments:
                page(at)
            took.append((process_time() - began) / len(moments) * 1_000)
        sys.stdout.write(f"{name:10} first of a night {took[0]:5.2f} ms of CPU, another {took[1]:5.2f} ms\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, default=10)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    off = 0.0
    sys.stdout.write("asked after 1, 7, 30 days      got\n")
    for asked in ASKED:
        got = measured(asked, given.boards, given.days, given.seed)
        off = max(off, *(abs(one - other) for one, other in zip(got, asked.stated, strict=True)))
        words = ["  ".join(f"{share:6.1%}" for share in row) for row in (asked.stated, got)]
        sys.stdout.write(f"{words[0]}       {words[1]}\n")
    _answers()
    if off > 0.02:
        sys.exit(f"a turnover is {100 * off:.1f} points off")


if __name__ == "__main__":
    main()
