"""Gives up requests, closes endpoints and vendors, and records the reasons in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from scraper.core.catalogue import OutcomeKind
from scraper.core.events import Stopped
from scraper.core.jobs import Account
from scraper.core.pagination import Why
from scraper.core.requests import Request
from scraper.core.retries import RATE_LIMIT_WAIT_S, Reach, breaks
from scraper.core.units import iso_utc
from scraper.core.vendor_times import LONGEST_WAIT
from scraper.ports import NoCredits, Settlement
from scraper.runs.process import RunProcess
from scraper.runs.results import limit_met, refusal_sentence


class Stops:
    """Closes parts of the frontier and records the ends of one process of a run."""

    def __init__(self, process: RunProcess) -> None:
        self._process = process
        self._frontier = process.frontier
        self._ends = process.ends

    def leave(self, request: Request) -> None:
        """Drop a request of a closed endpoint: it fails if it was tried at a dead endpoint, else it is given back."""
        if self._frontier.closed_because(request) is Why.UNREACHABLE and self._process.retries.has_failed(request):
            self._frontier.fail(request, Why.UNREACHABLE)
        else:
            self._frontier.give_back(request)

    def give_up(self, request: Request, account: Account, settlement: Settlement, reach: Reach) -> None:
        """Give up a request and everything else within reach, for this process."""
        outcome, endpoint = settlement.outcome, request.endpoint
        if settlement.close_account_until is not None:
            self._frontier.give_back(request)
            self.for_quota(account, settlement.close_account_until, outcome.detail)
            return
        match reach:
            case Reach.REQUEST | Reach.WALK:
                self._frontier.fail(request, Why.REQUEST_FAILED, whole_walk=reach is Reach.WALK)
                self._ends.failures.append(f"{request.label}: {self._process.retries.words(request, outcome)}")
            case Reach.ENDPOINT | Reach.ACCOUNT if breaks(outcome):
                self._close_dead(request, settlement.settled_at)
            case Reach.ENDPOINT:
                self._frontier.fail(request, Why.REFUSED)
                sentence = refusal_sentence(endpoint, account, outcome)
                if outcome.kind is not OutcomeKind.GONE:
                    self._close_refused(endpoint.full_name, sentence)
                elif self._close_for_now(endpoint.full_name, sentence, Why.REFUSED):
                    self._ends.failures.append(sentence)
            case Reach.ACCOUNT if outcome.kind is OutcomeKind.RATE_LIMITED:
                self._frontier.give_back(request)
                until = settlement.settled_at + timedelta(seconds=outcome.wait_s or RATE_LIMIT_WAIT_S)
                self.for_quota(account, until, f"it charges for requests that it rejects ({outcome.detail})")
            case Reach.ACCOUNT:
                self._frontier.fail(request, Why.REFUSED)
                self._close_refused(account.vendor, refusal_sentence(endpoint, account, outcome))

    def _close_dead(self, request: Request, now: datetime) -> None:
        """Close a dead endpoint (the run fails) or vendor (unreachable); the next run takes their walks."""
        streak = self._process.breakers.dead(request, now)
        if streak is not None:
            sentence = f"{streak.sentence(now)}; its walks are left over"
            if self._close_for_now(streak.name, sentence, Why.UNREACHABLE):
                (self._ends.unreachable if streak.is_vendors else self._ends.failures).append(sentence)
        self.leave(request)

    def if_out_of_character(self, request: Request) -> None:
        """Close the endpoint of a board that has landed if too many of its boards are out of character."""
        name, boards = request.endpoint.full_name, self._process.boards
        if not boards.is_failing(name):
            return
        walks = [one for one in self._frontier.walks.values() if one.walk.endpoint.full_name == name]
        sentence = boards.sentence(name, sum(progress.pages == 0 for progress in walks))
        if self._close_for_now(name, sentence, Why.OUT_OF_CHARACTER):
            self._ends.failures.append(sentence)

    def _close(self, endpoint_or_vendor: str, why: Why) -> bool:
        self._process.signals.tell_news()
        return self._frontier.close(endpoint_or_vendor, why)

    def _close_refused(self, endpoint_or_vendor: str, reason: str) -> None:
        self._close(endpoint_or_vendor, Why.REFUSED)
        if reason not in self._ends.refused:
            self._ends.refused.append(reason)
            self._process.context.listener.hear(Stopped(endpoint_or_vendor.partition(".")[0], reason))

    def no_credits(self, request: Request, account: Account, refusal: NoCredits) -> None:
        """Wait for reservations of this run that may be released; otherwise end the account, or the run, for now."""
        if refusal.outstanding and self._frontier.in_flight:
            self._process.starved.add(account.vendor)
            return
        sentence, until = limit_met(refusal, self._process.run.allowance, account, request.endpoint.cost)
        if until is not None:
            self.for_quota(account, until, sentence, ours=True)
        elif self._close_for_now(account.vendor, sentence):
            cost = request.endpoint.cost
            self._ends.refused_cost = min(self._ends.refused_cost or cost, cost)
            self._ends.budgets.append(sentence)

    def for_quota(self, account: Account, until: datetime, reason: str, *, ours: bool = False) -> None:
        """Send nothing more for an account until that time. `ours`: a limit of our own, which --lift does not end."""
        sentence = f"{account.vendor}: {reason}; it can resume at {iso_utc(until.replace(microsecond=0))}"
        far = until - self._process.context.clock.now() > LONGEST_WAIT
        if far and not ours and "--lift" not in reason:  # a clock gap says it itself
            sentence += f"; to resume now: scraper account {account.id} --lift"
        sentence = sentence.replace(" --lift", f" --lift{self._process.context.places}")
        if self._close_for_now(account.vendor, sentence, Why.QUOTA):
            self._ends.quotas.append((sentence, until))

    def _close_for_now(self, vendor: str, sentence: str, why: Why = Why.BUDGET) -> bool:
        """Close an endpoint or a vendor; return False if it was closed already, for example by another request in
        flight.
        """
        if not self._close(vendor, why):
            return False
        self._process.context.listener.hear(Stopped(vendor.partition(".")[0], sentence))
        return True
