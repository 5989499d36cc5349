"""A connection to the queue that survives outages of the database: calls wait until it answers again.

Procrastinate's worker ends on the first query that fails, with its tasks marked as running. Here a query is retried
while the database is down, restarting or unreachable; each outage is reported once. A query whose answer was lost is
retried too: every statement of `tasks.py` is idempotent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, LiteralString, TypeVar

import psycopg
import psycopg_pool
from procrastinate import PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from psycopg import AsyncConnection, sql

from scraper.core.errors import StateError
from scraper.io.fleet.place import CONNECT_TIMEOUT_S, connected

T = TypeVar("T")

_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 5.0
LAST_PATIENCE_S: Final = 10.0
"""The longest that a stopping worker waits for a database that does not answer."""


class Outage:
    """Retries calls during outages of the database."""

    def __init__(self, conninfo: str, say: Callable[[str], object], *, waits: bool) -> None:
        self._conninfo, self._say, self._waits = conninfo, say, waits
        self._is_out = False
        self._patient_until: float | None = None

    def give_up_soon(self) -> None:
        """Wait no longer than `LAST_PATIENCE_S` from now on."""
        self._patient_until = self._patient_until or time.monotonic() + LAST_PATIENCE_S

    async def outlasted(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what the call returns, once the database answers. StateError at once unless outages are waited for."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                answer = await call()
            except (ConnectorException, psycopg.OperationalError) as failure:
                why = failure if isinstance(failure, psycopg.Error) else failure.__cause__
                if not isinstance(why, psycopg.OperationalError):  # a pool's timeout is one
                    raise
                self._begins(
                    sentence_of(why) if not isinstance(why, psycopg_pool.PoolTimeout) else await self._reason()
                )
            else:
                self._ends()
                return answer
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _reason(self) -> str:
        """Return why there is no connection: a pool only reports how long it tried."""
        try:
            await (await connected(self._conninfo)).close()
        except psycopg.Error as failure:
            return sentence_of(failure)
        return f"no connection within {CONNECT_TIMEOUT_S} s"

    def _begins(self, why: str) -> None:
        given_up = self._patient_until is not None and time.monotonic() > self._patient_until
        if given_up or not self._waits:
            raise StateError(
                f"the database of the queue does not answer: {why}. Nothing was changed in it; try again once it does."
            )
        if not self._is_out:
            self._is_out = True
            self._say(f"the database does not answer ({why}): waiting for it; runs go on if they can")

    def _ends(self) -> None:
        if self._is_out:
            self._is_out = False
            self._say("the database answers again")


def sentence_of(why: psycopg.Error) -> str:
    """Return the reason of a failure: libpq lists every address that it tried, and adds advice below."""
    first = next(iter(str(why).strip().splitlines()), "") or type(why).__name__
    return first.rpartition(" failed: ")[2].removeprefix("FATAL:").strip().rstrip(".")


class PatientConnector(PsycopgConnector):
    """Procrastinate's connector over single connections into one schema."""

    def __init__(self, conninfo: str, schema: str, outage: Outage) -> None:
        async def configure(connection: AsyncConnection) -> None:
            await connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
            if not connection.autocommit:
                await connection.commit()

        super().__init__(
            pool_factory=psycopg_pool.AsyncNullConnectionPool,  # few queries: none is held between them
            conninfo=conninfo,
            kwargs={"connect_timeout": CONNECT_TIMEOUT_S},
            configure=configure,
            timeout=float(CONNECT_TIMEOUT_S),
            max_size=4,
        )
        self._outage = outage

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:  # noqa: ANN401
        call = super().execute_query_async
        await self._outage.outlasted(lambda: call(query, **arguments))

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        call = super().execute_query_one_async
        return await self._outage.outlasted(lambda: call(query, **arguments))

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        call = super().execute_query_all_async
        return await self._outage.outlasted(lambda: call(query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        call = super().listen_notify
        await self._outage.outlasted(lambda: call(on_notification, channels))
