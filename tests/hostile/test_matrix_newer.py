"""The newer endpoints × faults, through the real client; each run meets one kind of fault on all of them at once.

Every kind of fault on the first five endpoints, and the reasons for each outcome: ``test_matrix.py``.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Final

from scraper.core.catalogue import OutcomeKind as Met
from scraper.core.events import RunResult
from scraper.core.events import RunStatus as Ended
from scraper.core.pagination import WalkState as Walk
from scraper.sandbox.played import played_vendors, world_of
from tests.clock import begins_at
from tests.hostile.night import FEEDS, accounts, hold_credits, in_a_night, query
from tests.runs.harness import Bench

APP: Final = tuple(f"crawlora.mobile_{name}" for name in ("hashtag_posts", "music", "effects", "categories"))
BY_PAGE: Final = ("crawlora.top_ads", "crawlora.creator_search", "keyapi.music")
ALONE: Final = ("crawlora.hashtag_detail", "keyapi.music_detail")
OTHERS: Final = ("crawlora.creative_hashtags", "crawlora.top_ads_spotlight", "crawlora.top_ads_recommend")
ALL: Final = (*APP, *BY_PAGE, *ALONE, *OTHERS)
TABLES: Final = (
    *("hashtags", "hashtag_details", "mobile_posts", "mobile_categories", "sounds", "sound_details", "top_ads"),
    "creator_profiles",
)


@cache
def params() -> Mapping[str, Mapping[str, str]]:
    """Endpoint → what its walk asks for: a sound, an ad and a hashtag that are there."""
    world = world_of(0)
    name = world.hashtags.by_id[FEEDS[0]].name
    sound = world.sounds.board("US", 7, begins_at().date(), only_new=False, commercial=False)[0]["clip_id"]
    return {
        "crawlora.mobile_hashtag_posts": {"name": name, "sort": "popular"},
        "crawlora.hashtag_detail": {"name": name},
        "crawlora.creative_hashtags": {"country_code": "US"},
        "crawlora.top_ads": {"objective": "2"},
        "crawlora.top_ads_recommend": {"material_id": world.newer.ads.pool[0].ad_id},
        "crawlora.creator_search": {"country": "US", "min_followers": "1000000"},
        "keyapi.music": {"region": "US"},
        "keyapi.music_detail": {"clip_id": sound},
    }


def job(endpoints: Sequence[str], pages: int | None = 1) -> str:
    crawls = []
    for endpoint in endpoints:
        asked = ", ".join(f"{name} = {json.dumps(value)}" for name, value in params().get(endpoint, {}).items())
        limit = f"max_pages = {pages}" if pages and endpoint not in ALONE else ""
        crawls.append(f'[[crawl]]\nendpoint = "{endpoint}"\nparams = {{ {asked} }}\n{limit}\n')
    return "".join(crawls)


def outcomes(bench: Bench) -> dict[str, list[Met]]:
    found = defaultdict(list)
    for endpoint, outcome in query(bench, "SELECT endpoint, outcome FROM requests ORDER BY attempt_id"):
        found[endpoint].append(Met(outcome))
    return dict(found)


def coverage(bench: Bench) -> dict[str, tuple[Walk, str]]:
    found = query(bench, "SELECT endpoint, state, notes FROM walks")
    return {endpoint: (Walk(state), notes) for endpoint, state, notes in found}


def hold_rows(bench: Bench) -> None:
    """As many rows stand in the tables, endpoint by endpoint, as records were served."""
    sold = {path: each.endpoint for vendor in played_vendors(world_of(0)) for path, each in vendor.sold.items()}
    served = Counter[str]()
    for each in bench.sandbox.served:
        served[sold[each.endpoint]] += len(each.records)
    counted = " UNION ALL ".join(f"SELECT endpoint, count(*) FROM {table} GROUP BY 1" for table in TABLES)
    assert Counter(dict(bench.rows(counted, views=False))) == +served


@dataclass(frozen=True, slots=True)
class Night:
    """What one run came to."""

    result: RunResult
    outcomes: Mapping[str, Sequence[Met]]
    coverage: Mapping[str, tuple[Walk, str]]


def night_of(
    faults: Mapping[str, Sequence[str]], directory: Path, endpoints: Sequence[str] = ALL, pages: int | None = 1
) -> Night:
    """A run of these endpoints under faults (endpoint → its own); no row and no credit is lost in it."""

    async def use(bench: Bench) -> Night:
        result = await bench.run(bench.write_job(job(endpoints, pages), accounts=accounts("free")))
        hold_credits(bench)
        hold_rows(bench)
        return Night(result, outcomes(bench), coverage(bench))

    planned = [
        f"{fault}{',' if ':' in fault else ':'}endpoint={name}" for name in endpoints for fault in faults.get(name, ())
    ]
    return in_a_night(directory, use, planned)


def test_an_answer_that_brings_nothing_is_bought_again_until_it_heals_and_an_odd_page_gives_all_its_rows(
    tmp_path: Path,
) -> None:
    odd = ("drift", "lone_surrogate", "huge_int", "echo_key", "escapes", "nan", "bom")
    faults = {
        name: ("http_503:nth=1", "half_json:nth=2", f"{fault}:nth=3")
        for name, fault in zip(ALL, cycle(odd), strict=False)
    }
    for nth in range(3):  # the waits of retries side by side add up on this clock: all at once, no vendor seems to live
        some = ALL[nth::3]
        night = night_of(faults, tmp_path / str(nth), some)
        assert night.result.status is Ended.COMPLETE
        assert night.outcomes == {name: [Met.UPSTREAM_ERROR, Met.MALFORMED, Met.OK] for name in some}


LIES: Final[Mapping[str, tuple[str, Walk, str]]] = {
    "crawlora.mobile_hashtag_posts": ("cursor_loop", Walk.TRUNCATED, "cursor_seen"),
    "crawlora.mobile_music": ("cursor_form:as=null", Walk.TRUNCATED, "cursor_missing"),
    "crawlora.mobile_effects": ("repeated_page", Walk.TRUNCATED, "page_repeated"),
    "crawlora.mobile_categories": ("cursor_form:as=object", Walk.TRUNCATED, "cursor_not_understood"),
    **dict.fromkeys(BY_PAGE, ("wrong_page", Walk.TRUNCATED, "page_other,page_repeated")),
    "crawlora.creative_hashtags": ("no_list", Walk.TRUNCATED, "list_missing"),
    "crawlora.top_ads_spotlight": ("null_list", Walk.TRUNCATED, "list_missing"),
    "crawlora.top_ads_recommend": ("list_is_object", Walk.FAILED, ""),
    "crawlora.hashtag_detail": ("gone", Walk.FAILED, ""),
    "keyapi.music_detail": ("bad_request", Walk.FAILED, ""),
}
REFUSED: Final = {
    "crawlora.top_ads_recommend": Met.MALFORMED,
    "crawlora.hashtag_detail": Met.GONE,
    "keyapi.music_detail": Met.BAD_REQUEST,
}


def test_a_list_that_lies_is_missing_or_refused_ends_soon_and_is_no_whole_list(tmp_path: Path) -> None:
    night = night_of({name: (fault,) for name, (fault, _, _) in LIES.items()}, tmp_path, pages=None)
    assert night.coverage == {name: (state, note) for name, (_, state, note) in LIES.items()}
    assert night.result.status is Ended.FAILED
    assert {name: attempts for name, attempts in night.outcomes.items() if name in REFUSED} == {
        name: [outcome] for name, outcome in REFUSED.items()
    }
    assert max(len(attempts) for name, attempts in night.outcomes.items() if name not in BY_PAGE) <= 2
