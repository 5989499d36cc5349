"""Vendor × endpoint × fault, through the real client: outcome, charge, coverage, exit code, rows.

Every kind of fault stands in one of the tables below; the last test holds them against the registry. Where faults keep
to themselves, many share a run: each meets walks of its own. Where they do not, the suite takes each fault and each
endpoint once at least, and ``python -m tests.examples tests/hostile`` every combination.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from scraper.core.catalogue import OutcomeKind as Met
from scraper.core.events import RunStatus as Ended
from scraper.core.pagination import WalkState as Walk
from scraper.core.retries import FREE_RETRIES, PAID_RETRIES
from scraper.sandbox import KINDS, FailedRequests
from tests.examples import combined
from tests.hostile.night import (
    COUNTRIES,
    COUNTRY,
    FEEDS,
    accounts,
    coverage,
    crawl,
    hold_credits,
    in_a_night,
    outcomes,
)
from tests.runs.harness import Bench
from tests.runs.test_crawl import archived_ids, served_ids

POSTS: Final = "crawlora.hashtag_posts"
EXIT_CODES: Final = {Ended.COMPLETE: 0, Ended.QUOTA: 7, Ended.REFUSED: 4, Ended.FAILED: 6}


def values(endpoint: str) -> Sequence[str]:
    """Parameters of as many walks as are wanted."""
    return FEEDS if endpoint == POSTS else COUNTRIES


def one_page(endpoint: str, walks: int = 1) -> str:
    return crawl(endpoint, values(endpoint)[:walks], "max_items = 30" if endpoint == POSTS else "max_pages = 1")


def planned(fault: str, endpoint: str, value: str, *when: str) -> str:
    """The fault, for the requests of one walk."""
    kind, _, options = fault.partition(":")
    keys = [*filter(None, [options]), *when, f"endpoint={endpoint}", f"with={COUNTRY[endpoint]}={value}"]
    return f"{kind}:{','.join(keys)}"


def hold_rows(bench: Bench) -> None:
    """What was served is in the archive, as often as it was served; nothing else is."""
    assert archived_ids(bench) == served_ids(bench)


# --- answers that bring nothing: requested again, and given up when they never heal -----------------------------------

MOST_ATTEMPTS: Final = 1 + FREE_RETRIES + PAID_RETRIES
"""Of one request that is to blame itself: those that cost nothing and those that cost are counted apart."""
BROKEN: Final[dict[str, Met | dict[str, Met]]] = {
    "http_500": Met.UPSTREAM_ERROR,
    "http_502": Met.UPSTREAM_ERROR,
    "http_503": Met.UPSTREAM_ERROR,
    "http_504": Met.UPSTREAM_ERROR,
    "echo_key:as=error": Met.UPSTREAM_ERROR,
    "in_band_40101": Met.IN_BAND_ERROR,
    "captcha": Met.IN_BAND_ERROR,
    # TikTok's own refusal: known as one in the feed's envelope; bare, on a board, it is a body of no known shape.
    "in_band_10201": {POSTS: Met.IN_BAND_ERROR, "": Met.MALFORMED},
    "in_band_4": {POSTS: Met.IN_BAND_ERROR, "": Met.MALFORMED},
    "html": Met.MALFORMED,
    "zero_bytes": Met.MALFORMED,
    "no_content": Met.MALFORMED,
    "half_json": Met.MALFORMED,
    "truncated": Met.MALFORMED,
    "lost": Met.LOST,
    "reset": Met.LOST,
}
WRONG_EACH_TIME: Final = ("not_an_object", "list_is_object")
"""Whole, and of another structure: bought once."""

_SPOILT: Final = [fault for fault, met in BROKEN.items() if met is Met.MALFORMED or isinstance(met, dict)]
_OTHERS: Final = [fault for fault in BROKEN if fault not in _SPOILT]
IN_TWOS: Final = list(zip(_OTHERS, itertools.cycle(_SPOILT), itertools.cycle(("free", "charged")), strict=False))
"""Two of different kinds: a vendor's rule may allow fewer retries of the same in a row."""
PAIRS: Final = (("crawlora.hashtags", "keyapi.hashtags"), ("crawlora.creators", "keyapi.videos"), (POSTS,))
"""At most an endpoint of each vendor: their accounts, and what breaks them, stand apart."""


@pytest.mark.parametrize(("one", "other", "failed_requests"), IN_TWOS)
def test_an_answer_that_brings_nothing_is_bought_again_until_it_heals(
    one: str, other: str, failed_requests: FailedRequests, tmp_path: Path
) -> None:
    """A walk of each endpoint meets one fault, then the other, then its page."""
    faults = []
    for each in COUNTRY:
        faults += [planned(one, each, values(each)[0], "nth=1"), planned(other, each, values(each)[0], "nth=2")]

    async def use(bench: Bench) -> None:
        job = "".join(one_page(endpoint) for endpoint in COUNTRY)
        result = await bench.run(bench.write_job(job, accounts=accounts(failed_requests)))
        assert (result.status, result.status.exit_code) == (Ended.COMPLETE, 0)
        walks = {endpoint: (endpoint, values(endpoint)[0]) for endpoint in COUNTRY}
        assert outcomes(bench) == {
            walk: [_met(one, endpoint), _met(other, endpoint), Met.OK] for endpoint, walk in walks.items()
        }
        assert coverage(bench) == dict.fromkeys(walks.values(), (Walk.COMPLETE, ""))
        hold_credits(bench)
        hold_rows(bench)

    in_a_night(tmp_path, use, faults, failed_requests)


@pytest.mark.parametrize(("in_two", "endpoints"), combined(IN_TWOS, PAIRS))
def test_an_answer_that_never_heals_is_given_up_by_name_after_a_few_attempts(
    in_two: tuple[str, str, FailedRequests], endpoints: Sequence[str], tmp_path: Path
) -> None:
    one, other, failed_requests = in_two
    odd = ",".join(map(str, range(1, 20, 2)))
    faults = []
    for each in endpoints:
        faults += [planned(one, each, values(each)[0], f"nth={odd}"), planned(other, each, values(each)[0])]

    async def use(bench: Bench) -> None:
        job = "".join(one_page(endpoint) for endpoint in endpoints)
        result = await bench.run(bench.write_job(job, accounts=accounts(failed_requests)))
        met, covered = outcomes(bench), coverage(bench)
        for endpoint in endpoints:
            walk, in_turn = (endpoint, values(endpoint)[0]), [_met(one, endpoint), _met(other, endpoint)]
            assert 2 <= len(met[walk]) <= MOST_ATTEMPTS
            assert met[walk] == (in_turn * MOST_ATTEMPTS)[: len(met[walk])]
            assert covered[walk] == (Walk.FAILED, "")
            assert endpoint in result.message, "what was given up is named"
        assert (result.status, result.status.exit_code) == (Ended.FAILED, 6)
        hold_credits(bench)
        assert archived_ids(bench) == {}

    in_a_night(tmp_path, use, faults, failed_requests)


@pytest.mark.parametrize("fault", WRONG_EACH_TIME)
def test_an_answer_of_another_structure_is_bought_once_and_kept(fault: str, tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job("".join(one_page(endpoint) for endpoint in COUNTRY)))
        walks = {(endpoint, values(endpoint)[0]) for endpoint in COUNTRY}
        assert outcomes(bench) == {walk: [Met.MALFORMED] for walk in walks}
        assert coverage(bench) == dict.fromkeys(walks, (Walk.FAILED, ""))
        assert (result.status, result.retried) == (Ended.FAILED, 0)
        assert bench.rows("SELECT count(*) FROM pages WHERE outcome = 'malformed' AND body <> ''") == [(len(walks),)]
        hold_credits(bench)

    in_a_night(tmp_path, use, [fault])


def _met(fault: str, endpoint: str) -> Met:
    kind = BROKEN[fault]
    return kind if isinstance(kind, Met) else kind.get(endpoint, kind[""])


# --- refusals: how far each reaches -----------------------------------------------------------------------------------

REFUSALS: Final[dict[str, tuple[Met, Ended, Walk]]] = {
    "bad_request": (Met.BAD_REQUEST, Ended.FAILED, Walk.FAILED),
    "bad_request:status=400": (Met.BAD_REQUEST, Ended.FAILED, Walk.FAILED),
    "gone": (Met.GONE, Ended.FAILED, Walk.FAILED),
    "gone:status=410": (Met.GONE, Ended.FAILED, Walk.FAILED),
    "redirect": (Met.GONE, Ended.FAILED, Walk.FAILED),
    "denied": (Met.ENDPOINT_DENIED, Ended.REFUSED, Walk.FAILED),
    "denied:status=403": (Met.ENDPOINT_DENIED, Ended.REFUSED, Walk.FAILED),
    "auth": (Met.AUTH_REJECTED, Ended.REFUSED, Walk.FAILED),
    "quota": (Met.QUOTA_EXHAUSTED, Ended.QUOTA, Walk.NOT_ATTEMPTED),
    "quota:reason=monthly": (Met.QUOTA_EXHAUSTED, Ended.QUOTA, Walk.NOT_ATTEMPTED),
    "quota:status=403": (Met.QUOTA_EXHAUSTED, Ended.QUOTA, Walk.NOT_ATTEMPTED),
    "rate_limit:wait_s=7200": (Met.RATE_LIMITED, Ended.QUOTA, Walk.NOT_ATTEMPTED),
}
CLOSING: Final = [
    fault for fault, (met, ended, _) in REFUSALS.items() if ended is Ended.QUOTA or met is Met.AUTH_REJECTED
]
"""Those that close the account: what an account buys beside them is told apart."""


@pytest.mark.parametrize(
    ("fault", "endpoints"),
    [*combined(CLOSING, PAIRS), *((fault, tuple(COUNTRY)) for fault in REFUSALS if fault not in CLOSING)],
)
def test_a_refusal_is_met_once_costs_what_the_rule_says_and_reaches_as_far_as_it_must(
    fault: str, endpoints: Sequence[str], tmp_path: Path
) -> None:
    wanted, ended, state = REFUSALS[fault]

    async def use(bench: Bench) -> None:
        job = "".join(one_page(endpoint) for endpoint in endpoints)
        result = await bench.run(bench.write_job(job, accounts=accounts("free")))
        met, covered = outcomes(bench), coverage(bench)
        for endpoint in endpoints:
            walk = (endpoint, values(endpoint)[0])
            assert met[walk] == [wanted]
            assert covered[walk] == (state, "")
        assert (result.status, result.status.exit_code) == (ended, EXIT_CODES[ended])
        assert bench.charged() == 0
        assert archived_ids(bench) == {}
        hold_credits(bench)

    in_a_night(tmp_path, use, [fault])


@pytest.mark.parametrize("way", ["seconds", "date", "body", "nothing"])
def test_a_rate_limit_is_waited_for_however_it_is_said_and_costs_nothing(way: str, tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = "".join(one_page(endpoint) for endpoint in COUNTRY)
        result = await bench.run(bench.write_job(job, accounts=accounts("free")))
        assert (result.status, result.status.exit_code) == (Ended.COMPLETE, 0)
        assert set(map(tuple, outcomes(bench).values())) == {(Met.RATE_LIMITED, Met.OK)}
        hold_credits(bench)
        hold_rows(bench)

    in_a_night(tmp_path, use, [f"rate_limit:as={way},wait_s=2,nth=1"])


# --- successes that are not as documented: each page is bought once, and every row is kept ----------------------------

SOUND: Final = (
    *("drift", "bom", "lone_surrogate", "broken_utf8", "control_characters", "nan", "huge_int", "large"),
    *("deep", "deep:levels=3000", "escapes", "echo_key", "echo_key:as=header", "null_records", "slow", "drip"),
)


def test_a_page_that_is_odd_is_bought_once_and_gives_all_its_rows(tmp_path: Path) -> None:
    faults = [planned(fault, each, values(each)[walk]) for walk, fault in enumerate(SOUND) for each in COUNTRY]

    async def use(bench: Bench) -> None:
        job = "".join(one_page(endpoint, walks=len(SOUND)) for endpoint in COUNTRY)
        result = await bench.run(bench.write_job(job, accounts=accounts("free")))
        assert (result.status, result.status.exit_code) == (Ended.COMPLETE, 0)
        assert bench.sandbox.faults_met() == dict(Counter(f.partition(":")[0] for f in faults))
        walks = [(endpoint, value) for endpoint in COUNTRY for value in values(endpoint)[: len(SOUND)]]
        assert outcomes(bench) == {walk: [Met.OK] for walk in walks}
        noted = {value: "some_unusable" for each in COUNTRY for value in [values(each)[SOUND.index("null_records")]]}
        assert coverage(bench) == {walk: (Walk.COMPLETE, noted.get(walk[1], "")) for walk in walks}
        hold_credits(bench)
        hold_rows(bench)

    in_a_night(tmp_path, use, faults)


# --- pages that lie about their walk: bounded, every served row kept, and no part called a whole ----------------------

WHOLE: Final = {"crawlora.creators": 5, "keyapi.hashtags": 5, "keyapi.videos": 25, POSTS: 3}
"""Pages of a whole walk. A hashtag board of Crawlora is one page: nothing can be said of a second one."""

LIES: Final[Mapping[str, tuple[tuple[Walk, str] | None, tuple[Walk, str] | None]]] = {
    # how walks of boards end, and those of feeds; None: it cannot happen there
    "more_for_ever": ((Walk.COMPLETE, "more_than_total"), (Walk.TRUNCATED, "list_missing")),
    "early_end": ((Walk.TRUNCATED, "total_not_reached"), (Walk.COMPLETE, "")),
    "empty_page:with=page=2": ((Walk.TRUNCATED, "empty_page,rows_missing"), None),
    "empty_page:with=cursor=31": (None, (Walk.COMPLETE, "empty_page")),
    "null_list": ((Walk.TRUNCATED, "list_missing"), (Walk.EMPTY, "")),
    "no_list": ((Walk.TRUNCATED, "list_missing"), (Walk.EMPTY, "")),
    "repeated_page": ((Walk.TRUNCATED, "page_repeated"), (Walk.TRUNCATED, "page_repeated")),
    "wrong_page": ((Walk.TRUNCATED, "page_other,page_repeated"), None),
    "total_grows": ((Walk.TRUNCATED, "total_grew,total_not_reached"), None),
    "total_shrinks": ((Walk.COMPLETE, "total_shrank"), None),
    "duplicates": ((Walk.COMPLETE, ""), None),
    "cursor_form": (None, (Walk.COMPLETE, "")),
    "cursor_form:as=zero": (None, (Walk.TRUNCATED, "cursor_seen")),
    "cursor_form:as=minus_one": (None, (Walk.TRUNCATED, "cursor_back")),
    "cursor_form:as=null": (None, (Walk.TRUNCATED, "cursor_missing")),
    "cursor_form:as=empty": (None, (Walk.TRUNCATED, "cursor_missing")),
    "cursor_form:as=object": (None, (Walk.TRUNCATED, "cursor_not_understood")),
    "cursor_form:as=missing": (None, (Walk.TRUNCATED, "cursor_missing")),
    "cursor_loop": (None, (Walk.TRUNCATED, "cursor_seen")),
    "cursor_back": (None, (Walk.TRUNCATED, "cursor_back")),
    "cursor_refused": (None, (Walk.FAILED, "")),
}


@pytest.mark.parametrize(
    ("states", "ended"),
    [({Walk.COMPLETE, Walk.EMPTY}, Ended.COMPLETE), ({Walk.TRUNCATED}, Ended.FAILED), ({Walk.FAILED}, Ended.FAILED)],
)
def test_a_walk_whose_pages_lie_ends_soon_keeps_each_row_and_does_not_call_a_part_complete(
    states: set[Walk], ended: Ended, tmp_path: Path
) -> None:
    wanted: dict[tuple[str, str], tuple[Walk, str]] = {}
    faults, walks = [], defaultdict[str, list[str]](list)
    for fault, (of_boards, of_feeds) in LIES.items():
        for endpoint in WHOLE:
            ends = of_feeds if endpoint == POSTS else of_boards
            if ends is not None and ends[0] in states:
                value = values(endpoint)[len(walks[endpoint])]
                walks[endpoint].append(value)
                wanted[endpoint, value] = ends
                faults.append(planned(fault, endpoint, value))

    async def use(bench: Bench) -> None:
        job = "".join(crawl(endpoint, of_it) for endpoint, of_it in walks.items() if of_it)
        result = await bench.run(bench.write_job(job, accounts=accounts("free")))
        assert coverage(bench) == wanted
        assert (result.status, result.status.exit_code) == (ended, EXIT_CODES[ended])
        for (endpoint, value), attempts in outcomes(bench).items():
            assert len(attempts) <= WHOLE[endpoint] + 1, (endpoint, value)
        hold_credits(bench)
        hold_rows(bench)

    in_a_night(tmp_path, use, faults)


# --- and that is all of them ------------------------------------------------------------------------------------------

NOT_HERE: Final = {"hang": "ends with the client's own time limit: tests/hostile/test_transport.py"}


def test_the_matrix_holds_every_kind_of_fault() -> None:
    held = {fault.partition(":")[0] for fault in (*BROKEN, *WRONG_EACH_TIME, *REFUSALS, *SOUND, *LIES, *NOT_HERE)}
    assert held == {kind.name for kind in KINDS}
