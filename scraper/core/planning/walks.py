"""Estimates of walks, pages and rows of a crawl: from limits, from earlier runs, else from recorded answers.

Root walks, and children whose parents have been seen, are looked up one by one, up to `MOST_ENUMERATED`. For the rest,
and for a walk without a history, the average of its endpoint and country is used, else the vendor file's figure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil

from scraper.core.catalogue import Basis
from scraper.core.jobs import Crawl, Job
from scraper.core.pagination import Record, Why
from scraper.core.parents import all_hold, as_parents, best
from scraper.core.planning.history import History, Known, WalkSeen, Yield
from scraper.core.planning.ranges import NOTHING, Range, exactly
from scraper.core.requests import Walk

MOST_ENUMERATED = 5_000
"""Most walks of a crawl that are looked up one by one; a larger sweep is estimated from averages."""
_WEAKEST = (Basis.ASSUMED, Basis.OBSERVED, Basis.KNOWN)
FALL, RISE = 0.9, 1.1
"""Factors of a range around observed figures, since boards change every day. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages and rows of one walk."""

    pages: Range
    rows: int
    """Likely."""
    basis: Basis
    unbounded: bool = False
    """True if only the budget limits it; `pages.high` is then arbitrary."""


@dataclass(slots=True)
class CrawlEstimate:
    """The estimate of one crawl, before any budget."""

    crawl: Crawl
    walks: Range
    requests: Range = NOTHING
    rows: Range = NOTHING
    basis: Basis = Basis.ASSUMED
    unbounded: bool = False
    depths: Counter[int] = field(default_factory=Counter)
    """Likely pages of a walk → number of walks."""
    leftover_depths: Counter[int] = field(default_factory=Counter)
    """The same for walks that the last run left over: they come first."""
    boards: Sequence[Walk] | None = None
    """Its walks, if they were looked up one by one."""
    reused: int = 0
    """Walks for which a young complete one is reused."""
    explanation: list[str] = field(default_factory=list)


def estimates(job: Job, known: Known) -> list[CrawlEstimate]:
    """Estimate every crawl, parents before children; return them in the job's order."""
    estimator = _Estimator(job, known)
    for crawl in sorted(job.crawls, key=lambda crawl: crawl.each is not None):
        estimator.add(crawl)
    return [estimator.found[crawl.name] for crawl in job.crawls]


def hard_limit(crawl: Crawl) -> int | None:
    """Return the most pages of a walk, by the job's own limits and the vendor's documented clamp."""
    limits = (crawl.page_limit, crawl.endpoint.pagination.max_page)
    return min((pages for pages in limits if pages is not None), default=None)


class _Estimator:
    """The crawls of one job; a walk that two of them share counts once."""

    def __init__(self, job: Job, known: Known) -> None:
        self._history: History = known.history
        self._leftovers = frozenset(known.leftovers)
        self._since: datetime | None = None if job.max_age is None else known.now - job.max_age
        self._taken_from: dict[str, set[str]] = defaultdict(set)
        for crawl in job.crawls:
            if crawl.each is not None:
                self._taken_from[crawl.each].add(crawl.from_parent)
        self._claimed: dict[str, Pages] = {}
        self._records: dict[str, Sequence[Record]] = {}
        self._yields: dict[tuple[str, str | None], Yield] = {}
        for met in known.history.yields():
            if met.country is not None:
                self._yields[met.endpoint, met.country] = met
            overall = self._yields.get((met.endpoint, None))  # all countries together
            self._yields[met.endpoint, None] = met if overall is None else overall.and_also(met)
        self.found: dict[str, CrawlEstimate] = {}

    def add(self, crawl: Crawl) -> None:
        parent = self.found.get(crawl.each or "")
        if parent is None:
            parents, ids = exactly(1), None
            made = CrawlEstimate(crawl, exactly(crawl.combinations))
        else:
            parents, ids = self._parents(crawl, parent)
            made = CrawlEstimate(crawl, parents.times(crawl.combinations))
            made.explanation.append(_parent_words(crawl, parents, ids))
        self.found[crawl.name] = made
        made.boards = self._enumerated(crawl, ids, made.walks.likely)
        self._fill(made)

    def _enumerated(self, crawl: Crawl, ids: Sequence[str] | None, likely: int) -> list[Walk] | None:
        if crawl.each is None:
            if likely > MOST_ENUMERATED:
                return None
            return [crawl.walk(params) for params in crawl.sweep()]
        if not ids or len(ids) * crawl.combinations > MOST_ENUMERATED:
            return None
        return [crawl.walk(params) for one in ids for params in crawl.sweep(one)]

    def _fill(self, made: CrawlEstimate) -> None:
        """Sum up the walks that are known, and average the others."""
        walks = made.boards or []
        seen = self._history.walks([walk.walk_id for walk in walks]) if walks else {}
        if made.crawl.name in self._taken_from and walks:
            self._records.update(self._history.records([walk.walk_id for walk in walks]))
        unseen = self._unseen(made.crawl, None)
        others = max(0, made.walks.likely - len(walks))
        sums = _Sums(made.crawl)
        shared = 0
        for walk in walks:
            last = seen.get(walk.walk_id, ())
            young = self._since is not None and any(met.serves(walk, self._since) for met in last)
            if young and self._feeds(walk, made):
                made.reused += 1
                continue
            one = self._pages(made.crawl, walk, last)
            before = self._claimed.get(walk.walk_id)
            shared += before is not None
            self._claimed[walk.walk_id] = one
            depths = made.leftover_depths if walk.walk_id in self._leftovers else made.depths
            depths[sums.add(one, before)] += 1
        if others:
            sums.add_many(unseen, others)
            made.depths[unseen.pages.likely] += others
        made.unbounded = sums.unbounded
        fewer = 1.0 if not made.walks.likely else made.walks.low / made.walks.likely
        more = made.walks.high - made.walks.likely
        made.unbounded = made.unbounded or (more > 0 and unseen.unbounded)
        pages = sums.pages()
        most = pages.high + more * unseen.pages.high
        # Two empty pages in a row end a walk, so half of the pages at most are empty and retried.
        again = made.crawl.retry_empty * min(most, most // 2 + made.walks.high)
        made.requests = Range(int(pages.low * fewer), pages.likely, most + again)
        size = made.crawl.endpoint.pagination.rows_per_page
        rows = min(sums.rows, pages.likely * size)
        made.rows = Range(min(int(sums.rows_low * fewer), rows), rows, max(rows, most * size))
        made.basis = sums.basis()
        if not made.walks.exact:  # the number of parents is then the weaker figure
            made.basis = Basis.ASSUMED if made.boards is None else min(made.basis, Basis.OBSERVED, key=_WEAKEST.index)
        made.basis = min(made.basis, made.crawl.endpoint.cost_basis, key=_WEAKEST.index)
        made.explanation += _walk_words(made, sums, shared)

    def _pages(self, crawl: Crawl, walk: Walk, seen: Sequence[WalkSeen]) -> Pages:
        if walk.is_delta and walk.max_pages == 1:
            return Pages(exactly(1), seen[0].rows if seen else 0, Basis.KNOWN)
        whole = self._whole_pages(crawl, walk, [one for one in seen if one.why is not Why.KNOWN])
        return whole if crawl.stop_when_known is None else _stopped(whole, seen)

    def _whole_pages(self, crawl: Crawl, walk: Walk, seen: Sequence[WalkSeen]) -> Pages:
        """Return the estimate of a walk that does not stop at known ids."""
        unseen = self._unseen(crawl, walk.country)
        if not seen:
            return unseen
        most, latest = hard_limit(crawl), seen[0]
        if unseen.basis is Basis.KNOWN:  # one page, with the rows that it had last
            return replace(unseen, rows=latest.rows // max(1, latest.pages))
        if latest.ended:
            ended = [_capped(one.pages, most) for one in seen if one.ended]
            likely = ended[0]
            rows = latest.rows if likely >= latest.pages else latest.rows * likely // max(1, latest.pages)
            return Pages(Range(min(ended), likely, max(ended)), rows, Basis.OBSERVED)
        deepest = _capped(max(one.pages for one in seen), most)
        rows_a_page = latest.rows / max(1, latest.pages)
        if most is not None and deepest >= most:
            return Pages(exactly(most), round(rows_a_page * most), Basis.OBSERVED)
        likely = max(deepest, unseen.pages.likely)
        met = Range(max(1, deepest), max(1, likely), max(1, likely, unseen.pages.high))
        return Pages(met, round(rows_a_page * likely), unseen.basis, unseen.unbounded)

    def _unseen(self, crawl: Crawl, country: str | None) -> Pages:
        """Estimate a walk of which only endpoint and country are known."""
        endpoint, most = crawl.endpoint, hard_limit(crawl)
        size = endpoint.pagination.rows_per_page
        whole = -(-endpoint.typical_total // size) if endpoint.typical_total else None
        met = self._yields.get((endpoint.full_name, country)) or self._yields.get((endpoint.full_name, None))
        likely = min((pages for pages in (most, whole) if pages is not None), default=1)
        rows = min(endpoint.typical_total or likely * size, likely * size)
        basis = Basis.ASSUMED
        if met is not None and met.walks:
            likely = _capped(max(1, round(met.pages / met.walks)), most)
            rows = round(likely * met.rows / max(1, met.pages))
            basis = Basis.OBSERVED
        # If nothing bounds a walk, twice the usual depth is assumed until the budget bounds it.
        high = most if most is not None else max(2 * likely, 0 if met is None else met.most_pages)
        return Pages(Range(1, likely, high), rows, Basis.KNOWN if most == 1 else basis, most is None and whole is None)

    def _feeds(self, walk: Walk, made: CrawlEstimate) -> bool:
        """Return whether the walk's last pages have the fields that fill the children's parameters."""
        names = self._taken_from.get(made.crawl.name, set())
        return all_hold(self._records.get(walk.walk_id, ()), walk.endpoint.records, names)

    def _parents(self, crawl: Crawl, parent: CrawlEstimate) -> tuple[Range, list[str]]:
        """Return the number of distinct parents, and the ids of those seen: boards overlap and change."""
        described = parent.crawl.endpoint.records
        boards = [
            best(as_parents(self._records[walk.walk_id], described, crawl.from_parent))
            for walk in parent.boards or ()
            if walk.walk_id in self._records and self._feeds(walk, parent)
        ]
        ids = [record.id for record in best(record for records in boards for record in records[: crawl.top_per_board])]
        others = max(0, parent.walks.likely - len(boards))
        unseen = self._unseen(parent.crawl, None)
        most_rows = unseen.pages.high * parent.crawl.endpoint.pagination.rows_per_page
        listed, most_listed = (min(rows, crawl.top_per_board or rows) for rows in (unseen.rows, most_rows))
        found = Range(
            ceil(FALL * len(ids)),
            len(ids) + others * listed,
            int(RISE * len(ids)) + (others + parent.walks.high - parent.walks.likely) * most_listed,
        )
        if crawl.top is not None:
            found, ids = found.at_most(crawl.top), ids[: crawl.top]
        return found, ids


class _Sums:
    """Sums over walks; the total of observed ones may be a tenth off."""

    def __init__(self, crawl: Crawl) -> None:
        self._most = hard_limit(crawl)
        self._seen = self._unseen = NOTHING
        self._seen_walks = 0
        self.bases: Counter[Basis] = Counter()
        self.rows = 0
        self.rows_low = 0.0
        self.unbounded = False

    def add(self, pages: Pages, before: Pages | None) -> int:
        """Add one walk without `before`, the part that another crawl buys; return its likely pages."""
        met = pages.pages
        if before is not None:
            had = before.pages
            met = Range(*sorted(max(0, new - old) for new, old in zip(_ends(met), _ends(had), strict=True)))
            if met == NOTHING:
                return 0
        self.bases[pages.basis] += 1
        self.rows += pages.rows if before is None else max(0, pages.rows - before.rows)
        self.unbounded = self.unbounded or pages.unbounded
        if pages.basis is Basis.OBSERVED:
            self.rows_low += FALL * pages.rows
            self._seen += met
            self._seen_walks += 1
        else:
            self._unseen += met
        return met.likely

    def add_many(self, pages: Pages, count: int) -> None:
        """Add walks of which only the average is known."""
        self.bases[pages.basis] += count
        self.rows += count * pages.rows
        self.unbounded = self.unbounded or pages.unbounded
        self._unseen += pages.pages.times(count)

    def pages(self) -> Range:
        seen = self._seen
        low = max(min(self._seen_walks, seen.low), ceil(FALL * seen.low))
        high = max(seen.high, int(RISE * seen.likely))
        if self._most is not None:
            high = min(high, self._most * self._seen_walks)
        return Range(low, seen.likely, max(seen.likely, high)) + self._unseen

    def basis(self) -> Basis:
        """Return the weakest basis of its parts."""
        return next((basis for basis in _WEAKEST if self.bases[basis]), Basis.OBSERVED)


def _stopped(whole: Pages, seen: Sequence[WalkSeen]) -> Pages:
    """Return the estimate of a walk that stops at known ids: at least one page, likely as many as last time."""
    low, likely, high = 1, whole.pages.likely, whole.pages.high
    if not seen or seen[0].why is not Why.KNOWN or seen[0].pages > high:
        return replace(whole, pages=Range(min(low, likely), likely, high))
    return replace(whole, pages=Range(low, seen[0].pages, high), rows=seen[0].rows, basis=Basis.OBSERVED)


def _capped(pages: int, most: int | None) -> int:
    return pages if most is None else min(pages, most)


def _ends(found: Range) -> tuple[int, int, int]:
    return found.low, found.likely, found.high


def _parent_words(crawl: Crawl, parents: Range, ids: Sequence[str]) -> str:
    told = f"{parents.likely} parents" if parents.exact else f"{parents.low}–{parents.high} parents"
    picked = f", the best {crawl.top} of all boards" if crawl.top is not None else ""
    if crawl.top_per_board is not None:
        picked = f", the best {crawl.top_per_board} of each board"
    basis = f"{len(ids)} of them seen on the last boards (observed)" if ids else "no board seen yet (assumed)"
    return f"{told} from {crawl.each}{picked}; {basis}"


def _walk_words(made: CrawlEstimate, sums: _Sums, shared: int) -> Iterable[str]:
    crawl = made.crawl
    swept = " × ".join(f"{len(values)} {name}" for name, values in crawl.params.items() if len(values) > 1)
    told = f"{made.walks.likely} walk{'s' if made.walks.likely != 1 else ''}" + (f" ({swept})" if swept else "")
    if made.reused:
        told += f", {made.reused} reused: complete and younger than max_age"
    if shared:
        told += f", {shared} shared with another crawl and bought once"
    yield told
    yield _limit_words(crawl)
    bases = {basis.value: count for basis, count in sums.bases.items()}
    depths = _depth_words(made.depths + made.leftover_depths)
    if depths:
        yield f"likely pages: {depths}; " + ", ".join(f"{count} {basis}" for basis, count in sorted(bases.items()))
    if crawl.stop_when_known is not None:
        yield f"a walk ends at the first page of which {crawl.stop_when_known:.0%} was seen before: 1 page or more"
    if crawl.retry_empty:
        yield f"high counts {crawl.retry_empty} more attempts for each empty page that promises more (retry_empty)"
    yield f"{crawl.endpoint.cost} credits a request ({crawl.endpoint.cost_basis})"


def _limit_words(crawl: Crawl) -> str:
    size = crawl.endpoint.pagination.rows_per_page
    most = hard_limit(crawl)
    if most is None:
        return "no documented end and no max_pages: only the budget bounds a walk"
    if crawl.page_limit == most:
        asked = f"max_items {crawl.max_items} at {size} rows a page" if crawl.max_pages != most else "max_pages"
        return f"a walk has at most {most} page{'s' if most != 1 else ''}: {asked} (known)"
    pages = f"{most} page{'s' if most != 1 else ''}"
    return f"a walk has at most {pages}: {crawl.endpoint.pagination.limit_words} (known)"


def _depth_words(depths: Mapping[int, int]) -> str:
    told = sorted(depths.items(), key=lambda found: -found[1])[:3]
    words = [f"{count} × {pages}" for pages, count in told if pages]
    return ", ".join(words) + (", …" if len(depths) > 3 else "")
