"""Failed attempts of a run over all its processes: their number per request, and the credits spent on them."""

from __future__ import annotations

from sqlalchemy import Connection, and_, func, or_, select

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending
from scraper.core.retries import Failure
from scraper.core.units import Credits
from scraper.io.state.schema import requests

_GAVE_NOTHING = (
    requests.c.sent_at.is_not(None),  # sending a killed process's requests again is no retry
    or_(
        requests.c.outcome.not_in([OutcomeKind.OK.value, OutcomeKind.EMPTY.value]),
        requests.c.ending == Ending.RETRIED.value,  # an empty page that promised more
    ),
)


def retried(connection: Connection, run_id: str) -> Credits:
    """Return the credits of attempts that were (or may have been) charged, brought nothing and were retried."""
    of_run = requests.c.run_id == run_id
    paid = requests.c.charge.in_([charge.value for charge in Charge if charge is not Charge.FREE])
    failed = and_(of_run, paid, *_GAVE_NOTHING)
    columns = (requests.c.request_key, requests.c.attempt_id, requests.c.credits, requests.c.outcome)
    attempts = select(*columns).where(failed)
    found = connection.execute(attempts).all()
    if not found:  # of most runs; otherwise every attempt of the run is read
        return 0
    keys = select(requests.c.request_key).where(failed)
    last = select(requests.c.request_key, func.max(requests.c.attempt_id)).where(
        of_run, requests.c.request_key.in_(keys)
    )
    latest = dict(connection.execute(last.group_by(requests.c.request_key)).all())
    repeated = OutcomeKind.OK.value  # another process sent the request too and was stored first: see `late`
    return sum(row.credits for row in found if latest[row.request_key] > row.attempt_id or row.outcome == repeated)


def failures(connection: Connection, run_id: str) -> dict[str, list[Failure]]:
    query = select(requests.c.request_key, requests.c.outcome, requests.c.charge, requests.c.ending)
    query = query.where(requests.c.run_id == run_id, *_GAVE_NOTHING).order_by(requests.c.attempt_id)
    found: dict[str, list[Failure]] = {}
    for row in connection.execute(query):
        failure = Failure(OutcomeKind(row.outcome), Charge(row.charge), Ending(row.ending))
        found.setdefault(row.request_key, []).append(failure)
    return found
