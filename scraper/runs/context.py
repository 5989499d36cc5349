"""The ports and settings that a run needs in addition to its job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from scraper.core.errors import ArchiveLostError
from scraper.core.units import Credits
from scraper.ports import Archive, BillingSource, Clock, HeldForGood, Holding, Listener, Pacer, Stores, Transport
from scraper.runs.drain import drain
from scraper.runs.marks import Marks


@dataclass(frozen=True, slots=True)
class RunContext:
    """The ports, a source of randomness, and settings."""

    stores: Stores
    archive: Archive
    transport: Transport
    pacers: Mapping[str, Pacer]
    """Vendor → its pacer."""
    clock: Clock
    listener: Listener
    jitter: Callable[[], float]
    """A random number in 0..1."""
    rebuild: bool = True
    """Tables whose SELECT has changed are rebuilt before new pages are added; otherwise pages wait in the spool."""
    marks: Marks | None = None
    """Writes marks of spending to the archive, after `runs.adopt.settle_archive`."""
    told: tuple[str, ...] = ()
    """Findings from before the run began, for its warnings."""
    standby: bool = False
    """True if this process waits while another one runs the job, and takes over if that one dies."""
    hold: Holding = HeldForGood()  # noqa: RUF009 - it has no state
    """This process's hold on the job."""
    places: str = ""
    """Options of a command that uses the same data, after a blank, for advice."""

    def reserving(self, run_id: str, account: str, cost: Credits) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self.marks is None else self.marks.reserving(run_id, account, cost)

    access: str = ""
    """The destinations of the vendors' keys, in words."""
    books: BillingSource | None = None
    """The vendors' pages about the accounts."""
    keeps_books: bool = True
    """False for a sandbox of this process, whose billing records end with it."""

    async def drain(self) -> tuple[str, ...]:
        """Drain the spool into the archive; see `runs.drain`.

        A process that was suspended while another took over the archive drains again under a new lease.
        """
        while True:
            try:
                return await drain(self.stores.journal, self.archive, self.clock, self.listener, rebuild=self.rebuild)
            except ArchiveLostError:
                self.hold.refuse_if_lost()
