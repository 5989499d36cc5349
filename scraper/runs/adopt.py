"""State and archive side by side (law 8): compared before anything is spent, and one ledger made of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scraper.core.adopt import Identity, Standing, elsewhere, refusal, standing
from scraper.core.coverage import RUN_TABLES
from scraper.core.errors import StateError, UsageError
from scraper.core.events import LedgerSettled
from scraper.core.jobs import Job
from scraper.core.part_names import run_of
from scraper.core.tables import PAGES_TABLE
from scraper.ports import Archive, Clock, Journal
from scraper.runs.adopt_steps import Adoption, SidesFound
from scraper.runs.context import RunContext
from scraper.runs.journals import untouched
from scraper.runs.marks import Marks
from scraper.runs.threads import in_a_thread

_MAKES = "the next run, or scraper check --repair, makes one from the archive"
_ADOPTS = "the next run, or scraper check --repair, adds what the archive knows to it"


async def settle_archive(job: Job, context: RunContext) -> RunContext:
    """Bring state and archive in line before anything is spent; return the context of a run that may spend.

    Raises StateError if the two cannot be used together, ArchiveError if a file needed for it cannot be read or the
    archive cannot be written.
    """
    await in_a_thread(context.archive.refuse_unless_writable)
    told = await settle(context.stores.journal, context.archive, context.clock, job)
    for message in told:
        context.listener.hear(LedgerSettled(message))
    marks = Marks(context.stores.journal, context.archive, context.clock)
    return replace(context, told=(*context.told, *told), marks=marks)


async def settle(journal: Journal, archive: Archive, clock: Clock, job: Job | None = None) -> tuple[str, ...]:
    """Make one ledger of both, or refuse; return the findings as sentences. See `settle_archive`.

    `job`: gives accounts and budget to runs of which only pages are left.
    """
    found = await compared(journal, archive)
    if found.standing is Standing.SAME:
        await _refuse_emptied(found, journal, archive)
    if found.standing in {Standing.SAME, Standing.NEW}:
        await _stamp(found, None, journal, archive)
        await _forget_marks(found, journal, archive)
        return ()
    async with untouched(journal, archive):
        found = await compared(journal, archive)  # another process may have settled it meanwhile
        told = await _settled(found, journal, archive, clock, job)
    return told


async def _refuse_emptied(found: SidesFound, journal: Journal, archive: Archive) -> None:
    """Raise StateError if only an archive's identity is left: a run's additions would pass for the whole archive."""
    if await in_a_thread(archive.ledger.is_empty) and (parts := await journal.parts()):
        raise StateError(
            f"the archive has no files any more, and {found.state.database} knows {len(parts):,}: they were removed, "
            "or the manifest of a bucket was. Nothing was spent; scraper check --repair restores the manifest of a "
            "bucket, and names the files that have to come from a backup."
        )


async def stamp_or_refuse(journal: Journal, archive: Archive) -> bool:
    """Add an epoch to both sides before files are exchanged; return True. Needs the archive's lock.

    Raises StateError if the two do not match. Sides that were never stamped are left so: their contents decide.
    """
    found = await compared(journal, archive)
    if (met := unsettled(found)) is not None and found.standing not in {Standing.LOST, Standing.UNSTAMPED}:
        safe = "" if "Nothing was" in met.text else " Nothing was changed."
        raise StateError(f"{met.text}{'' if met.text.endswith('.') else '.'}{safe}")
    if met is None:
        await _stamp(found, None, journal, archive)
    return True


async def compared(journal: Journal, archive: Archive) -> SidesFound:
    """Compare both sides. The archive is read first, since a running process writes to the state first."""
    ledger = archive.ledger
    stamped, marks = await in_a_thread(ledger.identity), await in_a_thread(ledger.marks)
    state = await journal.identity()
    if stamped is not None and stamped[1] != state.kind:
        raise UsageError(
            f"the archive in {state.place} contains {stamped[1]} data, and {state.database} belongs to "
            f"{state.kind} runs. Nothing was spent or changed; name another directory with --data, or another archive."
        )
    identity = None if stamped is None else stamped[0]
    files = bool(await in_a_thread(ledger.paths)) if identity is None else True
    met = standing(state.identity, identity, new=state.new, files=files)
    if met is Standing.SAME and max((mark.last_attempt for mark in marks), default=0) > await journal.last_attempt():
        met = Standing.OLDER  # copied while a run was under way
    if state.adopting is not None and met is not Standing.FOREIGN:
        met = state.adopting
    if met is Standing.BEHIND and state.shared and await _missing(journal, archive):
        met = Standing.ELSEWHERE
    if met is Standing.UNSTAMPED and state.adopting is None and not await _unknown_files(journal, archive):
        met = Standing.NEW
    return SidesFound(met, state, identity, marks)


async def _unknown_files(journal: Journal, archive: Archive) -> list[str]:
    """Return the files of pages and runs that neither a note nor an open journal explains."""
    noted = {part.path for part in await journal.parts()}
    audit = await journal.audit()
    if audit.opened:  # its files are renamed in before they are noted
        return []
    unknown = [path for path in await in_a_thread(archive.ledger.paths) if path not in noted]
    of_runs = {path: run_of(path.rpartition("/")[2]) for path in unknown if path.partition("/")[0] in RUN_TABLES}
    strange = [path for path, run_id in of_runs.items() if run_id is None or await journal.run_spending(run_id) is None]
    return strange + [path for path in unknown if path.startswith(f"{PAGES_TABLE}/")]


async def _settled(
    found: SidesFound, journal: Journal, archive: Archive, clock: Clock, job: Job | None
) -> tuple[str, ...]:
    state = found.state
    match found.standing:
        case Standing.SAME | Standing.NEW:
            await _stamp(found, None, journal, archive)
            return ()
        case Standing.BEHIND:
            await _stamp(found, None, journal, archive)
            await _renew_marks(found, journal, archive)
            return await _of_old_archive(found, journal, archive)
        case Standing.ELSEWHERE:
            raise StateError(elsewhere(state.place))
        case Standing.FOREIGN | Standing.DOUBLED:
            if state.identity is None or found.identity is None:
                raise AssertionError(f"{found.standing} of {found}")
            raise StateError(refusal(found.standing, state.identity, found.identity, state.database, state.place))
        case Standing.LOST | Standing.OLDER | Standing.UNSTAMPED:
            adoption = Adoption(journal, archive, clock, found, job)
            adopted = await adoption.carry_out()
            return (adopted.words(found.standing, state.database),)


async def _stamp(found: SidesFound, base: Identity | None, journal: Journal, archive: Archive) -> None:
    """Add an epoch to both sides, the state first: a crash between the two leaves the archive behind by one."""
    identity = await journal.stamp(base)
    await in_a_thread(archive.ledger.write_identity, identity, found.state.kind)


async def _forget_marks(found: SidesFound, journal: Journal, archive: Archive) -> None:
    if found.marks:
        told = await journal.accounted_runs([mark.run_id for mark in found.marks])
        await in_a_thread(archive.ledger.remove_marks, told)


async def _renew_marks(found: SidesFound, journal: Journal, archive: Archive) -> None:
    """Renew the marks left by a process that ended right after it had adopted them."""
    last = await journal.last_attempt()
    for mark in found.marks:
        if mark.last_attempt > last:
            await in_a_thread(archive.ledger.write_mark, replace(mark, last_attempt=last))


async def _missing(journal: Journal, archive: Archive) -> int:
    """Return the number of recorded files that are not in the archive."""
    there = set(await in_a_thread(archive.ledger.paths))
    return sum(part.path not in there for part in await journal.parts())


async def _of_old_archive(found: SidesFound, journal: Journal, archive: Archive) -> tuple[str, ...]:
    """Return a warning if files are missing; if none are, a process may have ended between the two stamps."""
    missing = await _missing(journal, archive)
    if not missing:
        return ()
    return (
        f"the archive is older than {found.state.database}, as if restored from a backup: {missing} of the "
        "files that the ledger knows are missing. Their pages are not bought again; scraper check names the files.",
    )


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A finding of `scraper check`."""

    kind: str
    text: str
    settles: bool
    """A repair, or the next run, settles it."""


NO_LEDGER = Unsettled("no_ledger", f"there is no ledger beside this archive: {_MAKES}", True)


def unsettled(found: SidesFound) -> Unsettled | None:
    """Return the finding that keeps a run from spending; ``None``: there is none."""
    state = found.state
    match found.standing:
        case Standing.SAME | Standing.NEW | Standing.BEHIND:
            return None
        case Standing.LOST:
            return NO_LEDGER
        case Standing.OLDER | Standing.UNSTAMPED:
            text = f"{state.database} is older than its archive, as if restored from a backup: {_ADOPTS}"
            return Unsettled("older", text, True)
        case Standing.ELSEWHERE:
            return Unsettled("foreign", elsewhere(state.place), False)
        case Standing.FOREIGN | Standing.DOUBLED:
            if state.identity is None or found.identity is None:
                raise AssertionError(f"{found.standing} of {found}")
            text = refusal(found.standing, state.identity, found.identity, state.database, state.place)
            return Unsettled(found.standing.name.lower(), text, False)
