"""Sends one request for each endpoint of a job, or of a vendor, and compares the answers with the vendor file.

The requests are a run of their own, ``<job>-probe``, with reservations, ledger entries and archived pages as any other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from scraper.core.bodies import Decoded, Json, at, decode
from scraper.core.catalogue import Endpoint, OutcomeKind, Vendor
from scraper.core.displaced import advice
from scraper.core.events import RunResult
from scraper.core.jobs import PROBE_ENDING, Crawl, Job
from scraper.core.outcomes import Answer, NoAnswer, Reply, classify
from scraper.core.pagination import PageFacts
from scraper.core.requests import Request
from scraper.core.units import Credits
from scraper.ports import Start, Transport, at_once
from scraper.runs.account_pages import AccountReader, Unread
from scraper.runs.context import RunContext
from scraper.runs.execute import execute
from scraper.runs.resume import Opening
from scraper.runs.standby import Stoppable


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """One fact that an answer shows about an endpoint."""

    endpoint: str
    as_described: bool
    """False if it differs from the vendor file, or the answer does not show it."""
    text: str


@dataclass(slots=True)
class _Listening:
    """A transport that remembers the last answer of each endpoint."""

    transport: Transport
    replies: dict[str, tuple[Request, Reply]]

    async def send(self, request: Request, start: Start = at_once) -> Reply:
        reply = await self.transport.send(request, start)
        self.replies[request.endpoint.full_name] = (request, reply)
        return reply


def probe_job_of(job: Job, retry_room: Credits = 0) -> Job:
    """Return the job reduced to one request for each of its endpoints, with a budget of their cost.

    `retry_room`: credits on top, for a request that has to be repeated.
    """
    kept: dict[str, Crawl] = {}
    for crawl in job.crawls:
        kept.setdefault(crawl.endpoint.full_name, crawl)
    endpoint_of = {crawl.name: crawl.endpoint.full_name for crawl in job.crawls}
    crawls = []
    for crawl in kept.values():
        parent = None if crawl.each is None else kept[endpoint_of[crawl.each]].name
        first = {name: values[:1] for name, values in crawl.params.items()}
        top = 1 if parent else None
        one = replace(
            crawl, params=first, max_pages=1, max_items=None, each=parent, top=top, top_per_board=None, retry_empty=0
        )
        expected = None if crawl.expect_rows else crawl.expect_rows  # a minimum is for all walks together
        crawls.append(replace(one, expect_rows=expected))
    cost = sum(crawl.endpoint.cost for crawl in crawls) + retry_room
    budget = cost if job.auto else min(job.budget, cost)
    name = f"{job.name}{PROBE_ENDING}"
    return replace(
        job, name=name, crawls=tuple(crawls), budget=budget, auto=False, max_age=None, every=None, probe=True
    )


async def probe(
    job: Job,
    vendors: Mapping[str, Vendor],
    context: RunContext,
    *,
    suffix: str,
    command: str,
    begun: Callable[[Stoppable], None],
) -> tuple[RunResult, tuple[ProbeFinding, ...]]:
    """Send the requests and return the findings. Raises the errors of `execute`. `job`: a job to reduce, or a probe."""
    short = job if job.probe else probe_job_of(job)
    listening = _Listening(context.transport, {})
    result = await execute(
        short,
        vendors,
        replace(context, transport=listening),
        opening=Opening.NEW,
        ceiling=None,
        suffix=suffix,
        command=command if job.probe else f"{command} --probe",
        begun=begun,
    )
    findings: list[ProbeFinding] = []
    for crawl in short.crawls:
        endpoint = crawl.endpoint
        seen = listening.replies.get(endpoint.full_name)
        if seen is None:
            findings.append(_not_requested(crawl))
            continue
        findings += _compared_answer(job, vendors[endpoint.vendor], *seen, context)
    for name in job.vendors:
        findings += [each async for each in _account_pages(vendors[name], context)]
    return result, tuple(findings)


def _compared_answer(
    job: Job, vendor: Vendor, request: Request, reply: Reply, context: RunContext
) -> Iterator[ProbeFinding]:
    endpoint = request.endpoint
    outcome = classify(vendor, endpoint, reply, context.clock.now(), job.accounts[vendor.name].failed_requests)
    charged = f"{outcome.charge.value}, {outcome.credits} credits by the vendor file's rule"
    answered = f"{outcome.kind.value.replace('_', ' ')} ({charged})"
    told = f"{answered}{': ' if outcome.detail else ''}{outcome.detail}"
    yield ProbeFinding(endpoint.full_name, outcome.landed, told)
    if isinstance(reply, Answer) and outcome.kind in {OutcomeKind.EMPTY, OutcomeKind.MALFORMED}:
        elsewhere = advice(endpoint, reply.body, by_id=False)
        if elsewhere:
            yield ProbeFinding(endpoint.full_name, as_described=False, text=elsewhere)
    if outcome.facts is not None:
        for good, text in _differences(request, reply, outcome.facts):
            yield ProbeFinding(endpoint.full_name, good, text)


async def _account_pages(vendor: Vendor, context: RunContext) -> AsyncIterator[ProbeFinding]:
    """Request the account's current period, which is free, to see if this key opens such pages."""
    if vendor.statements is None or context.books is None:
        return
    name = f"{vendor.name}, account pages"
    period = await AccountReader(vendor, context.books, context.clock).current_period()
    if isinstance(period, Unread):
        yield ProbeFinding(name, as_described=False, text=period.sentence(vendor))
        return
    days = f"{period.starts:%Y-%m-%d} to {period.ends:%Y-%m-%d}"
    yield ProbeFinding(name, as_described=True, text=f"the key opens {vendor.statements.account.path}: period {days}")
    stands = vendor.statements.account.used
    if period.used is None:
        yield ProbeFinding(name, as_described=False, text=f"credits used: no readable value at {stands}")
    else:
        yield ProbeFinding(name, as_described=True, text=f"credits used at {stands}: {period.used:,}")


def _not_requested(crawl: Crawl) -> ProbeFinding:
    why = "its parents found no ids" if crawl.each else "the run ended before it"
    return ProbeFinding(crawl.endpoint.full_name, as_described=False, text=f"not requested: {why}")


def _differences(request: Request, reply: Reply, facts: PageFacts) -> Iterator[tuple[bool, str]]:
    decoded = None if isinstance(reply, NoAnswer) else decode(reply.body)
    document = decoded.value if isinstance(decoded, Decoded) else None
    endpoint = request.endpoint
    yield from _records(endpoint, document, facts)
    echoed = endpoint.pagination.echoed(request.page)
    for fact, path in endpoint.pagination.fields.items():
        if path is not None:  # else no answer states it
            words = _WORDS.get(fact, fact)
            if fact in facts.not_understood:
                yield False, f"{words}: the value at {path} is not understood"
            else:
                yield _compared(words, path, getattr(facts, fact), echoed.get(fact))
    if isinstance(reply, Answer) and not reply.headers.get("content-type", "").startswith("application/json"):
        yield False, f"content-type is {reply.headers.get('content-type', 'missing')!r}, not application/json"


def _records(endpoint: Endpoint, document: Json, facts: PageFacts) -> Iterator[tuple[bool, str]]:
    records = endpoint.records
    stands = at(document, records.path) is not None
    met = facts.records if stands else f"no {endpoint.pagination.shape} is there"
    yield stands, f"records at {records.path or 'the root'}: {met}"
    if facts.records:
        yield len(facts.ids) == facts.records, f"{len(facts.ids)} of {facts.records} records carry {records.id}"
    if records.rank and facts.ids:
        ranked = sum(record.rank is not None for record in facts.ids)
        yield ranked == len(facts.ids), f"{ranked} of {len(facts.ids)} carry {records.rank}"


_WORDS = {"reported_page": "page", "size": "page size"}


def _compared(words: str, path: str, met: object, asked: object) -> tuple[bool, str]:
    if met is None:
        return False, f"{words}: nothing at {path}"
    as_described = asked in {None, met}
    return as_described, f"{words} at {path}: {met}{'' if as_described else f', {asked} was requested'}"
