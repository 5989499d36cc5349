"""The order of requests, by value. It receives answers, and uses neither clock nor accounts.

The same job and the same answers give the same order: a resumed run replays the pages that have landed, then continues.
Value: walks that an earlier run left over come first; then priority; then breadth before depth, except for left-over
walks, which are completed one after the other, stalest first; then the order of crawls and parents. A board with
children has their priority and counts as one page deep, so that every board is bought before the first of its children,
left-over children included. If the job has an order of its own, its boards take the place of left-over walks, and
those that it leaves are not attempted.

If the budget may end the run, the order is strict: a request waits for those in flight whose answers may bring up a
better one. A short budget then buys the same pages for the same answers, at any speed.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from scraper.core.board_watch import BoardWatch
from scraper.core.catalogue import Endpoint
from scraper.core.jobs import Crawl
from scraper.core.pagination import FinishedWalk, Guard, PageFacts, Record, RestoredWalk, WalkState, Why
from scraper.core.parents import all_hold, as_parents, best, rank_of
from scraper.core.requests import Params, Progress, Request, Walk, start
from scraper.core.shared_walks import merged
from scraper.core.units import Credits
from scraper.core.values import Value, Values


class Frontier:
    """All walks of a run, and the requests that may be sent now."""

    def __init__(
        self,
        crawls: Sequence[Crawl],
        leftovers: Sequence[str] = (),
        *,
        strict: bool = False,
        boards: BoardWatch | None = None,
        left: Collection[str] = (),
        feeds: Sequence[str] = (),
        finished: Mapping[str, FinishedWalk] | None = None,
    ) -> None:
        """`leftovers`: ids of the walks that the job's last run left over, stalest first; they come before the others.

        `strict`: the budget may not cover everything (`core.planning.may_outrun`). `boards`: compares first pages with
        earlier ones; ``None``: nothing is compared. `left`: ids of walks that the job's order leaves to a later night;
        `feeds`: of child walks that were read before, in the job's order: they come after those never read.
        `finished`: walks by id that are restored as an earlier process of the run left them (`restorable`).
        """
        self._crawls = list(crawls)
        self._boards = boards
        self._strict = strict
        self._values = Values(crawls)
        self._leftovers = {walk_id: place for place, walk_id in enumerate(leftovers)}
        self._feeds = {walk_id: place for place, walk_id in enumerate(feeds, start=1)}
        self._finished = finished or {}
        self._turned: list[str] = []
        self._walks: dict[str, Progress] = {}
        self._new: list[Walk] = []
        self._unprepared: set[str] = set()
        """New walks whose pages may not be replayed before it is known what earlier runs found of them."""
        self._heaps: dict[str, list[tuple[Value, int, Request]]] = defaultdict(list)
        self._ready: dict[str, Request] = {}
        self._in_flight: dict[str, Request] = {}
        self._after: dict[str, Value | None] = {}
        """Request in flight → `_best_after`, until an endpoint is closed or a walk widened."""
        self._credits_in_flight: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()
        self._closed: dict[str, Why] = {}
        self._pushes = itertools.count()
        self._ended: set[str] = set()
        self._landing: Mapping[str, int] = {}
        self._landed: list[tuple[int, Request]] = []
        self._records: dict[str, list[Record]] = defaultdict(list)
        self._picked_from = {crawl.each for crawl in crawls if crawl.top is not None or crawl.top_per_board is not None}
        self._open_parents: Counter[str] = Counter()
        self._begin_boards(left)

    def _begin_boards(self, left: Collection[str]) -> None:
        for index, crawl in enumerate(self._crawls):
            if crawl.each is None:
                for place, params in enumerate(crawl.sweep()):
                    self._add(crawl, params, (index, 0, 0, place))
        if not self._leftovers.keys() <= self._walks.keys():  # some are children, made only from their boards
            self._values.boards_first = True
            for request in list(self._ready.values()):
                self._push(request)
        for progress in [progress for walk_id, progress in self._walks.items() if walk_id in left]:
            self._leave(progress)

    def take(self, vendor: str) -> Request | None:
        """Take the most valuable ready request of this vendor; it is then in flight."""
        if not self.has_ready(vendor):
            return None
        *_, request = heapq.heappop(self._heaps[vendor])
        del self._ready[request.key]
        self._fly(request)
        return request

    def has_ready(self, vendor: str) -> bool:
        """Return whether `take` would return a request."""
        heap = self._heaps[vendor]
        while heap:
            request = heap[0][2]
            current = self._ready.get(request.key) is request
            if current and not self._closed_for(request.endpoint):
                return True
            heapq.heappop(heap)
            if current:
                del self._ready[request.key]
        return False

    def may_take(self, vendor: str, left: Credits, of_share: Credits | None = None) -> bool:
        """Return whether `take` may be called now: the budget covers its request and those in flight, and, in
        strict order, no better request may still come up.

        `left`: credits of the budget that no settled request has used; `of_share`: the same for the vendor's share, if
        it has one. A request holds its price until it is done, between two attempts as well, so that a request of less
        value does not take it. If nothing is in flight, the ledger decides.
        """
        if not self.has_ready(vendor):
            return False
        value, _, best = self._heaps[vendor][0]
        held, held_here = self._credits_in_flight.total(), self._credits_in_flight[vendor]
        if held and held + best.endpoint.cost > left:
            return False
        if of_share is not None and held_here and held_here + best.endpoint.cost > of_share:
            return False
        if not self._strict:
            return True
        others = (self._heaps[other][0][0] for other in list(self._heaps) if other != vendor and self.has_ready(other))
        for key in self._in_flight.keys() - self._after.keys():
            self._after[key] = self._best_after(self._in_flight[key])
        after = (best for best in self._after.values() if best is not None)
        return value <= min(others, default=value) and value <= min(after, default=value)

    @property
    def idle(self) -> bool:
        """True if nothing is ready and nothing is in flight."""
        return not self._in_flight and not any(self.has_ready(vendor) for vendor in list(self._heaps))

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def walks(self) -> Mapping[str, Progress]:
        """Every walk of the run by id, in order of appearance."""
        return self._walks

    def new_walks(self) -> list[Walk]:
        """Return the walks that are new since the last call."""
        new, self._new = self._new, []
        self._unprepared.clear()
        return new

    def turned(self) -> list[Progress]:
        """Return the walks that have ended, or were opened again, since the last call."""
        turned, self._turned = self._turned, []
        return [self._walks[walk_id] for walk_id in dict.fromkeys(turned)]

    def learn(self, request: Request, facts: PageFacts) -> Progress:
        """Take in a landed page; the requests that follow become ready."""
        self._release(request)
        progress = self._walks[request.walk.walk_id]
        following = progress.learn(request, facts)
        if (guard := self._out_of_character(request, facts)) is not None:  # its records make no children either
            progress.reject(guard)
        else:
            for each in following:
                self._push(each)
            self._withdraw(progress)
            self._feed(progress.walk, facts.ids)
        self._settle(progress)
        return progress

    def fail(self, request: Request, why: Why, *, whole_walk: bool = False) -> Progress:
        """Record that a request fails in this run; `whole_walk`: no other request of its walk is made either."""
        self._release(request)
        progress = self._walks[request.walk.walk_id]
        progress.fail(request, why, whole_walk=whole_walk)
        if self._boards is not None:
            self._boards.forget(progress.walk)
        self._withdraw(progress)
        self._settle(progress)
        return progress

    def give_back(self, request: Request) -> None:
        """Return an unsent request to the frontier."""
        self._release(request)
        self._push(request)
        progress = self._walks[request.walk.walk_id]
        self._withdraw(progress)
        self._settle(progress)

    def replay(self, stored: Mapping[str, PageFacts]) -> None:
        """Take in stored pages by request key: those of this run before a stop, or of reused walks.

        `stored` is in the order of landing. Its requests were sent, so that none of them is withdrawn.
        """
        landed = [request for key, request in self._ready.items() if key in stored]
        self._landing = {key: place for place, key in enumerate(stored)} if landed else {}
        for request in landed:
            del self._ready[request.key]
            self._push(request)
        while self._landed:
            request = heapq.heappop(self._landed)[1]
            self.learn(request, stored[request.key])
        self._landing = {}

    def may_replay(self, walk: Walk, stored: Mapping[str, PageFacts]) -> bool:
        """Return whether pages of another run carry every field that the children are made from."""
        names = {child.from_parent for name in walk.crawls for _, child in self._children_of(name)}
        return all(all_hold(facts.ids, walk.endpoint.records, names) for facts in stored.values())

    def close(self, endpoint_or_vendor: str, why: Why) -> bool:
        """Close an endpoint or a vendor for this run; return False if it was closed already.

        After a refusal its walks end; after a quota they stay open.
        """
        if endpoint_or_vendor in self._closed:
            return False
        self._closed[endpoint_or_vendor] = why
        self._after.clear()
        for progress in list(self._walks.values()):
            self._settle(progress)
        return True

    def closed_because(self, request: Request) -> Why | None:
        """Return the reason why the endpoint or vendor of a request is closed; ``None`` if it is open."""
        return self._closed_for(request.endpoint)

    def give_up(self, why: Why) -> None:
        """End every open walk: truncated if it has begun, otherwise not attempted.

        `why` applies to walks whose endpoint and vendor are still open.
        """
        for progress in self._walks.values():
            progress.give_up(self._closed_for(progress.walk.endpoint) or why)

    def _value(self, request: Request) -> Value:
        walk = self._walks[request.walk.walk_id].walk
        return self._values.of(walk, request.page)

    def _best_after(self, request: Request) -> Value | None:
        """Return the best value of any request that the answer to this one may bring up; ``None``: there is none."""
        walk = self._walks[request.walk.walk_id].walk
        if self._closed_for(walk.endpoint):
            return self._value(request)
        limits = (walk.max_pages, walk.endpoint.pagination.max_page)
        is_last = any(pages is not None and request.page >= pages for pages in limits)
        following = [] if is_last else [self._values.of(walk, request.page + 1)]
        for name in walk.crawls:
            for index, child in self._children_of(name):
                if self._closed_for(child.endpoint) is None:
                    first = (True, -child.priority, 1, True, 1, (index,), "")
                    left_over = (False, -child.priority, 0, False, 0, (index,), "")
                    following.append(left_over if self._values.boards_first else first)
        return min(following, default=None)

    def _closed_for(self, endpoint: Endpoint) -> Why | None:
        return self._closed.get(endpoint.full_name) or self._closed.get(endpoint.vendor)

    def _out_of_character(self, request: Request, facts: PageFacts) -> Guard | None:
        if self._boards is None or request.page > 1:
            return None
        return self._boards.judge(self._walks[request.walk.walk_id].walk, facts)

    def _fly(self, request: Request) -> None:
        self._in_flight[request.key] = request
        self._credits_in_flight[request.endpoint.vendor] += request.endpoint.cost
        self._busy[request.walk.walk_id] += 1

    def _withdraw(self, progress: Progress) -> None:
        """Withdraw ready requests that are known to add no row; requests in flight still land."""
        for request in progress.unwanted():
            if self._ready.pop(request.key, None) is not None:
                progress.withdraw(request)

    def _leave(self, progress: Progress) -> None:
        """End a walk that the job's order leaves to a later night."""
        for request in progress.outstanding():
            self._ready.pop(request.key, None)
        progress.give_up(Why.ORDER)
        self._settle(progress)

    def _release(self, request: Request) -> None:
        self._after.pop(request.key, None)
        if self._in_flight.pop(request.key, None) is not None:
            self._credits_in_flight[request.endpoint.vendor] -= request.endpoint.cost
            self._busy[request.walk.walk_id] -= 1

    def _push(self, request: Request) -> None:
        prepared = request.walk.walk_id not in self._unprepared
        if prepared and (place := self._landing.get(request.key)) is not None:
            self._fly(request)
            heapq.heappush(self._landed, (place, request))
            return
        self._ready[request.key] = request
        heapq.heappush(self._heaps[request.endpoint.vendor], (self._value(request), next(self._pushes), request))

    def _add(self, crawl: Crawl, params: Params, order: tuple[int, ...]) -> None:
        walk = crawl.walk(params, order)
        known = self._walks.get(walk.walk_id)
        if known is not None:
            self._widen(known, merged(known.walk, walk, [each.name for each in self._crawls]))
            return
        if self._restore(walk):
            return
        if walk.walk_id in self._leftovers:
            walk = replace(walk, leftover=self._leftovers[walk.walk_id])
        if self._feeds:
            walk = replace(walk, order=(order[0], self._feeds.get(walk.walk_id, 0), *order[1:]))
        self._open_parents[crawl.name] += 1
        self._push(self._start(walk)[1])

    def _start(self, walk: Walk) -> tuple[Progress, Request]:
        progress, first = start(walk)
        self._walks[walk.walk_id] = progress
        self._new.append(walk)
        if walk.stop_when_known is not None:
            self._unprepared.add(walk.walk_id)
        return progress, first

    def _restore(self, walk: Walk) -> bool:
        """Restore a finished walk; return False if it has to be walked, or its pages to be replayed."""
        finished = self._finished.get(walk.walk_id)
        if finished is None or finished.is_short_of(walk.max_pages):
            return False
        self._walks[walk.walk_id] = RestoredWalk(walk, finished)
        self._ended.add(walk.walk_id)
        return True

    def _widen(self, progress: Progress, walk: Walk) -> None:
        """Merge a walk that several crawls want: as deep and as early as any of them requests."""
        before, walk_id = progress.walk, walk.walk_id
        self._after.clear()
        if isinstance(progress, RestoredWalk) and progress.needs_pages(walk):
            progress, first = self._start(walk)
            following: Sequence[Request] = [first]
        else:
            following = progress.widen(walk)
        joined = set(walk.crawls) - set(before.crawls)
        if progress.state is WalkState.OPEN and walk_id in self._ended:  # it had ended as deep as the first crawl asked
            self._ended.discard(walk_id)
            self._turned.append(walk_id)
            joined = set(walk.crawls)
        if progress.state is WalkState.OPEN:
            self._open_parents.update(joined)
        if (before.priority, before.order) != (walk.priority, walk.order):
            for request in progress.outstanding():
                if (ready := self._ready.get(request.key)) is not None:
                    self._push(ready)  # the heap skips its earlier entry
        for request in following:
            self._push(request)

    def _settle(self, progress: Progress) -> None:
        """Handle the end of a walk, once, and start the children that waited for it."""
        walk = progress.walk
        refused = self._closed_for(walk.endpoint) is Why.REFUSED
        if progress.state is WalkState.OPEN and refused and not self._busy[walk.walk_id]:
            progress.give_up(Why.REFUSED)
        if progress.state is WalkState.OPEN or walk.walk_id in self._ended:
            return
        self._ended.add(walk.walk_id)
        self._turned.append(walk.walk_id)
        for name in walk.crawls:
            self._open_parents[name] -= 1
            for index, child in self._children_of(name):
                if child.top_per_board is not None:
                    parents = as_parents(self._records[walk.walk_id], walk.endpoint.records, child.from_parent)
                    self._begin(index, child, best(parents)[: child.top_per_board])
                elif child.top is not None and self._open_parents[name] == 0:
                    boards = [p.walk.walk_id for p in self._walks.values() if name in p.walk.crawls]
                    found = [record for walk_id in boards for record in self._records[walk_id]]
                    parents = as_parents(found, walk.endpoint.records, child.from_parent)
                    self._begin(index, child, best(parents)[: child.top])

    def _children_of(self, name: str) -> list[tuple[int, Crawl]]:
        return [(index, crawl) for index, crawl in enumerate(self._crawls) if crawl.each == name]

    def _feed(self, walk: Walk, found: Sequence[Record]) -> None:
        """Start children that want every parent at once; those with a `top` wait for complete boards."""
        if self._picked_from.intersection(walk.crawls):
            self._records[walk.walk_id].extend(found)
        for name in walk.crawls:
            for index, child in self._children_of(name):
                if child.top is None and child.top_per_board is None:
                    self._begin(index, child, as_parents(found, walk.endpoint.records, child.from_parent))

    def _begin(self, index: int, child: Crawl, parents: Iterable[Record]) -> None:
        for parent in parents:
            for place, params in enumerate(child.sweep(parent.id)):
                self._add(child, params, (index, rank_of(parent), -(parent.views or 0), place))
