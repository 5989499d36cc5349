"""Endpoints, tables and pages for tests of the archive: values of our own, shaped as the vendors' files have them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Final

import orjson

from scraper.core.catalogue import Endpoint, OutcomeKind, Parameter, Records, Source
from scraper.core.pagination import CursorPagination, Pagination, SinglePagination
from scraper.core.tables import table_select
from scraper.core.units import Credits
from scraper.ports import SpooledPage

SNAPSHOT: Final = datetime(2026, 11, 21, 2, 15, tzinfo=UTC)
TABLES: Final = tuple(
    table_select(name, files("scraper").joinpath("tables", f"{name}.sql").read_text("utf-8"))
    for name in (
        *("hashtags", "creators", "videos", "posts", "sounds", "sound_details", "hashtag_details", "mobile_posts"),
        *("mobile_categories", "top_ads", "creator_profiles"),
    )
)


def endpoint(
    name: str,
    records: Records,
    table: str,
    parent: Parameter | None = None,
    pagination: Pagination | None = None,
) -> Endpoint:
    vendor, _, short = name.partition(".")
    return Endpoint(
        vendor=vendor,
        name=short,
        path="/somewhere",
        summary="an endpoint of a test",
        cost=Credits(8),
        parameters=(parent,) if parent else (),
        pagination=pagination or CursorPagination("cursor", "data.cursor", "data.hasMore", 30),
        records=records,
        table=table,
        success=(),
        status="documented",
        status_since=date(2026, 11, 1),
        source=Source("a test", date(2026, 11, 1)),
    )


_ALONE: Final = SinglePagination()
_NAME = Parameter("name", "string", "a hashtag's name", required=True, from_parent="hashtag_name")
_HASHTAG = Parameter("id", "string", "a hashtag's id", required=True, from_parent="hashtag_id")

ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    known.full_name: known
    for known in (
        endpoint("crawlora.hashtags", Records("data.data.list", "hashtag_id"), "hashtags"),
        endpoint("crawlora.creators", Records("data.data.creators", "user_id"), "creators"),
        endpoint("crawlora.hashtag_posts", Records("data.itemList", "id"), "posts", _HASHTAG),
        endpoint("keyapi.hashtags", Records("data.list", "hashtag_id"), "hashtags"),
        endpoint("keyapi.videos", Records("data.videos", "item_id"), "videos"),
        endpoint("crawlora.creative_hashtags", Records("data.hashtags", "hashtag_id"), "hashtags"),
        endpoint(
            "crawlora.hashtag_detail", Records("data.challengeInfo", "challenge.id"), "hashtag_details", _NAME, _ALONE
        ),
        endpoint("crawlora.mobile_hashtag_posts", Records("data.aweme_list", "aweme_id"), "mobile_posts", _NAME),
        endpoint("crawlora.mobile_effects", Records("data.aweme_list", "aweme_id"), "mobile_posts"),
        endpoint("crawlora.mobile_music", Records("data.music_list", "id_str"), "sounds"),
        endpoint(
            "crawlora.mobile_categories", Records("data.category_list", "challenge_info.cid"), "mobile_categories"
        ),
        endpoint("crawlora.top_ads", Records("data.data.materials", "id"), "top_ads"),
        endpoint("crawlora.top_ads_spotlight", Records("data.data.materials", "id"), "top_ads"),
        endpoint("crawlora.top_ads_recommend", Records("data.data.materials", "id"), "top_ads"),
        endpoint("crawlora.creator_search", Records("data.items", "creator_uid"), "creator_profiles"),
        endpoint("keyapi.music", Records("data.sound_list", "clip_id"), "sounds"),
        endpoint("keyapi.music_detail", Records("data.sound", "clip_id"), "sound_details", None, _ALONE),
        endpoint("reseller.creators", Records("rows", "user_id", nested_in="creator"), "creators"),
    )
}


def page(
    endpoint: str,
    body: bytes,
    *,
    page_id: int = 1,
    number: int = 1,
    country: str | None = "US",
    parameters: str = "{}",
    outcome: OutcomeKind = OutcomeKind.OK,
    snapshot_at: datetime = SNAPSHOT,
) -> SpooledPage:
    """A page of the walk ``w``, bought at the instant of its snapshot; its request key is ``k<page_id>``."""
    return SpooledPage(
        page_id=page_id,
        vendor=endpoint.partition(".")[0],
        endpoint=endpoint,
        run_id="night-1",
        walk_id="w",
        request_key=f"k{page_id}",
        snapshot_at=snapshot_at,
        observed_at=snapshot_at,
        country=country,
        period_days=7,
        page=number,
        parameters=parameters,
        http_status=200,
        outcome=outcome,
        body=body,
    )


def board(*records: object) -> bytes:
    """A body of crawlora.hashtags."""
    return orjson.dumps({"data": {"data": {"list": list(records)}}})


def hashtag(number: int, **fields: object) -> dict[str, object]:
    return {"hashtag_id": f"{number}", "hashtag_name": f"tag{number}", "rank": number, **fields}
