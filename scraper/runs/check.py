"""The check of the archive against the ledger: missing, damaged, unknown and stray files, and their repair.

Pages were paid for: a page file is never removed or rewritten, only reported. Everything else is made from pages, and
can be rebuilt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from scraper.core.coverage import RUN_TABLES
from scraper.core.errors import ArchiveError, StorageError
from scraper.core.part_names import run_of
from scraper.core.tables import PAGES_TABLE
from scraper.ports import Audit, Clock, FoundPart, InspectedArchive, Journal, Listener, Part, Survey, Written
from scraper.runs.adopt import Unsettled, compared, settle, unsettled
from scraper.runs.coverage import write_run_tables
from scraper.runs.decisions import misread
from scraper.runs.drain import drain
from scraper.runs.journals import locked, rebuild_table, untouched
from scraper.runs.threads import in_a_thread

_STRANGE = frozenset({"stray", "leftover", "doubled"})
"""Kinds that `--repair` moves to the trash."""
_FROM_BACKUP = "restore it from a backup: these answers are stored nowhere else"


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """A fault of the archive or the state."""

    kind: str
    """no_ledger · older · foreign · doubled · open · unlisted · missing · damaged · changed · outdated · differs ·
    unknown · stray · leftover · lost · unpaid · undecodable · unkept · misread · refused"""
    path: str
    """Relative to the data directory; empty if it is not a file."""
    text: str
    repairable: bool
    """True if `--repair` fixes it."""
    parts: tuple[str, ...] = ()
    """Parts of tables that have to be rebuilt for it, if other than its path."""

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "parts"}


@dataclass(frozen=True, slots=True)
class Checked:
    """The findings, and the repairs."""

    findings: Sequence[CheckFinding]
    """Faults that were found, or that a repair left."""
    repaired: Sequence[CheckFinding]
    files: int
    rows: int
    answers: int
    """Answers in the archive."""
    spooled: int
    """Answers in the spool: not a fault, since the next run archives them."""

    def to_json(self) -> dict[str, Any]:
        findings = {name: [each.to_json() for each in getattr(self, name)] for name in ("findings", "repaired")}
        return {**asdict(self), **findings, "sound": not self.findings}


async def check(
    journal: Journal,
    archive: InspectedArchive,
    clock: Clock,
    listener: Listener,
    *,
    repair: bool = False,
    quick: bool = False,
    deep: bool = False,
) -> Checked:
    """Check everything; `quick`: without the data of columns; `deep`: also each table against its SELECT."""
    async with untouched(journal, archive):
        met = unsettled(await compared(journal, archive))
        if met is None:
            checked, survey = await _look(journal, archive, quick, deep)
        elif not (repair and met.settles):
            return await in_a_thread(files_alone, archive, met)
    if met is not None:
        try:
            told = await settle(journal, archive, clock)
        except StorageError as fault:
            return await in_a_thread(files_alone, archive, Unsettled("refused", str(fault), False))
        done = await check(journal, archive, clock, listener, repair=True, quick=quick, deep=deep)
        return replace(done, repaired=[*(CheckFinding(met.kind, "", each, True) for each in told), *done.repaired])
    if not repair or not (checked.findings or checked.spooled):
        return checked
    refused = await _repair(
        partial(_look, journal, archive, quick, deep), checked, survey, journal, archive, clock, listener
    )
    async with untouched(journal, archive):
        after, _ = await _look(journal, archive, quick, deep)
    left = {(finding.kind, finding.path) for finding in after.findings}
    repaired = [finding for finding in checked.findings if (finding.kind, finding.path) not in left]
    return Checked([*after.findings, *refused], repaired, after.files, after.rows, after.answers, after.spooled)


def files_alone(archive: InspectedArchive, met: Unsettled) -> Checked:
    """Check an archive without a ledger, or with one that does not match it. Blocks."""
    survey = archive.survey({}, quick=True)
    whole = [each.part for each in survey.parts if each.fault is None]
    damaged = [
        CheckFinding("damaged", f"archive/{each.part.path}", f"it is damaged ({each.fault})", False)
        for each in survey.parts
        if each.fault is not None
    ]
    answers = sum(part.rows for part in whole if part.table == PAGES_TABLE)
    found = [CheckFinding(met.kind, "", met.text, met.settles), *damaged]
    return Checked(found, (), len(whole), sum(part.rows for part in whole), answers, 0)


async def _look(journal: Journal, archive: InspectedArchive, quick: bool, deep: bool) -> tuple[Checked, Survey]:
    audit = await journal.audit()
    survey = await in_a_thread(archive.survey, {part.path: part for part in audit.parts}, quick)
    found = list(findings(audit, survey, archive.select_hashes, archive.rebuildable))
    if deep:
        found += await in_a_thread(_deep, survey, archive, {finding.path for finding in found})
    whole = [each for each in survey.parts if each.fault is None]
    if not quick:
        found += await _of_readings(whole, journal, archive)
    answers = sum(each.part.rows for each in whole if each.part.table == PAGES_TABLE)
    rows = sum(each.part.rows for each in whole)
    return Checked(found, (), len(whole), rows, answers, audit.spooled), survey


def findings(
    audit: Audit, survey: Survey, select_hashes: Mapping[str, str], rebuildable: Callable[[str, str], bool]
) -> Iterator[CheckFinding]:
    """Yield every difference between the state and the files."""
    for opened in audit.opened:
        yield CheckFinding("open", "", f"{opened} was begun and not finished: the next command resumes it", True)
    known = {part.path: part for part in audit.parts}
    there = {each.part.path: each for each in survey.parts}

    def mendable(part: Part) -> bool:
        if part.table in RUN_TABLES:  # written from the state
            return True
        return part.table in select_hashes and rebuildable(part.table, _source(part))

    yield from _of_forgotten(survey.forgotten, known)
    for path, part in sorted((path, known[path]) for path in known.keys() - set(survey.forgotten)):
        yield from _of_known(part, there.get(path), select_hashes, mendable)
    in_known = Counter[tuple[str, str]]()
    for path, each in there.items():
        if path in known:
            in_known.update(each.pages)
    for path in sorted(there.keys() - known.keys()):
        yield from _of_unknown(there[path], known, in_known, audit.stored, mendable)
    for path in survey.strays:
        yield CheckFinding("stray", path, "this is not a part of the archive, and a reader's glob may match it", True)
    for path in survey.leftovers:
        yield CheckFinding("leftover", path, "an interrupted command left this behind", True)
    yield from _of_answers(audit, survey)


def _of_forgotten(paths: Sequence[str], known: Mapping[str, Part]) -> Iterator[CheckFinding]:
    for path in paths:
        text = f"it exists, but the manifest does not list it: no query reads its {known[path].rows} rows"
        yield CheckFinding("unlisted", f"archive/{path}", text, True)


def _of_known(
    part: Part, met: FoundPart | None, select_hashes: Mapping[str, str], mendable: Callable[[Part], bool]
) -> Iterator[CheckFinding]:
    path, pages = f"archive/{part.path}", part.table == PAGES_TABLE
    advice = _FROM_BACKUP if pages else "scraper rebuild recreates it from its pages"
    if part.table in RUN_TABLES:
        advice = "scraper check --repair writes it again from the ledger"
    elif not pages and part.table not in select_hashes:
        advice = "no table file here defines it"
    if met is None:
        yield CheckFinding("missing", path, f"{part.rows} rows are missing; {advice}", mendable(part))
    elif met.fault is not None:
        yield CheckFinding("damaged", path, f"it is damaged ({met.fault}); {advice}", mendable(part))
    elif (met.part.rows, met.part.size_bytes) != (part.rows, part.size_bytes):
        was, now = f"{part.rows} rows in {part.size_bytes} bytes", f"{met.part.rows} in {met.part.size_bytes}"
        yield CheckFinding("changed", path, f"{was} were written, and there are {now}; {advice}", mendable(part))
    elif met.part.select_hash != select_hashes.get(part.table, part.select_hash):
        made = "it was made by another SELECT than the table has now"
        if mendable(part):
            yield CheckFinding("outdated", path, f"{made}; the next run, or scraper rebuild, rebuilds it", True)
        else:
            yield CheckFinding(
                "outdated", path, f"{made}, and no vendor file here describes all of its endpoints", False
            )
    elif pages and met.part.select_hash != part.select_hash:
        yield CheckFinding(
            "outdated", path, "its schema differs from the one noted in the state: a plain glob may fail on it", False
        )


def _of_unknown(
    met: FoundPart,
    known: Mapping[str, Part],
    in_known: Counter[tuple[str, str]],
    stored: Mapping[tuple[str, str], int],
    mendable: Callable[[Part], bool],
) -> Iterator[CheckFinding]:
    part, path = met.part, f"archive/{met.part.path}"
    if met.fault is not None:
        text = f"the state does not know this part, and it is damaged ({met.fault})"
        yield CheckFinding("damaged", path, text, part.table != PAGES_TABLE)
    elif part.table == PAGES_TABLE:
        pages = Counter(met.pages)
        if twice := (pages & in_known).total():
            text = f"{twice} of its {part.rows} answers are in other parts too: every query returns their rows twice"
            yield CheckFinding("doubled", path, text, pages <= in_known)
        else:
            paid = sum(count for key, count in met.pages.items() if key in stored)
            text = f"the state does not know this part; {paid} of its {part.rows} answers are in the ledger"
            yield CheckFinding("unknown", path, text, True)
    elif part.table in RUN_TABLES:
        yield CheckFinding("unknown", path, "the state does not know this part of a run table", True)
    else:
        beside = f"{PAGES_TABLE}/{_source(part)}" in known
        text = "the state does not know this part" + ("" if beside else ", and there are no pages that it is made from")
        yield CheckFinding("unknown", path, text, mendable(part) or not beside)


def _of_answers(audit: Audit, survey: Survey) -> Iterator[CheckFinding]:
    """Check laws 2 and 3: every paid answer is stored, once."""
    archived = Counter[tuple[str, str]]()
    for each in survey.parts:
        archived.update(each.pages)
    database = audit.database
    for run_id, count in sorted(audit.unkept.items()):
        yield CheckFinding(
            "unkept", "", f"{count} paid answers of run {run_id} were not kept: the ledger has no page", False
        )
    for text in audit.spool_faults:
        yield CheckFinding("undecodable", database, f"{text}; restore {database} from a backup", False)
    hidden = any(path.startswith(f"{PAGES_TABLE}/") for path in survey.forgotten)  # answers may be there
    stored = {} if hidden else audit.stored
    lost = Counter(run_id for (run_id, key), count in stored.items() if archived[run_id, key] < count)
    for run_id, count in sorted(lost.items()):
        yield CheckFinding("lost", "", f"{count} paid answers of run {run_id} are in no file of the archive", False)
    unpaid = Counter(run_id for run_id, key in archived if (run_id, key) not in audit.stored)
    for run_id, count in sorted(unpaid.items()):
        text = (
            f"{count} answers of run {run_id} are in the archive and not in the ledger: {database} may be an old copy"
        )
        yield CheckFinding("unpaid", "", text, False)


def _deep(survey: Survey, archive: InspectedArchive, faulty: set[str]) -> list[CheckFinding]:
    sources = [_source(each.part) for each in survey.parts if each.part.table == PAGES_TABLE and each.fault is None]
    text = "its rows differ from those that the SELECT returns for its pages now; scraper rebuild recreates it"
    return [
        CheckFinding("differs", f"archive/{table}/{source}", text, True)
        for table in archive.select_hashes
        for source in archive.differing(
            table,
            [
                source
                for source in sources
                if f"archive/{table}/{source}" not in faulty and archive.rebuildable(table, source)
            ],
        )
    ]


async def _of_readings(parts: Sequence[FoundPart], journal: Journal, archive: InspectedArchive) -> list[CheckFinding]:
    """Return the endpoints whose stored answers today's vendor files read differently than recorded."""
    pages = [_source(each.part) for each in parts if each.part.table == PAGES_TABLE]
    found = await misread(pages, journal, archive)
    return [
        CheckFinding("misread", "", each.text, True, tuple(f"{each.table}/{source}" for source in sorted(each.sources)))
        for each in found
        if each.table in archive.select_hashes
    ]


def _source(part: Part) -> str:
    return f"{part.partition}/{part.name}"


async def _repair(
    look: Callable[[], Awaitable[tuple[Checked, Survey]]],
    checked: Checked,
    survey: Survey,
    journal: Journal,
    archive: InspectedArchive,
    clock: Clock,
    listener: Listener,
) -> list[CheckFinding]:
    """Repair what is safe; return what could not be repaired. Nothing is deleted, only moved to the trash."""
    try:
        async with locked(journal, archive, clock):
            if any(finding.kind == "open" for finding in checked.findings):  # finished by now, and files have moved
                checked, survey = await look()
            if survey.forgotten:  # once listed, they are not lost and need no rebuild
                known = {part.path: part for part in (await journal.audit()).parts}
                await in_a_thread(archive.relist, [known[path] for path in survey.forgotten if path in known])
                checked, survey = await look()
            todo = [finding for finding in checked.findings if finding.repairable]
            strange = [finding.path for finding in todo if finding.kind in _STRANGE]
            await in_a_thread(archive.set_aside, strange, clock.now())
            refused = await _mend(todo, survey, journal, archive, clock)
        await drain(journal, archive, clock, listener)
        refused += [
            CheckFinding("refused", "", text, False) for text in await write_run_tables(journal, archive, clock)
        ]
    except StorageError as fault:
        return [CheckFinding("refused", "", str(fault), False)]
    return refused


async def _mend(
    todo: Sequence[CheckFinding], survey: Survey, journal: Journal, archive: InspectedArchive, clock: Clock
) -> list[CheckFinding]:
    """Record unknown pages and rebuild parts of tables; parts without pages are moved to the trash."""
    whole = {each.part.path: each.part for each in survey.parts}
    anew = _misread_parts(todo)
    for finding in (each for each in todo if each.path and each.kind not in _STRANGE):
        path = finding.path.removeprefix("archive/")
        table, _, source = path.partition("/")
        if table == PAGES_TABLE:
            await journal.note_parts([whole[path]])
            for each in archive.select_hashes:
                anew.setdefault(each, set()).add(source)
        elif table in RUN_TABLES:
            if await _written_again(path, journal, archive, finding.kind):
                await in_a_thread(archive.set_aside, [finding.path], clock.now())
                await journal.note_rebuilt(table, (), Written((), {}, {}, gone=(path,)))
            else:  # of a run that the state has lost: its only record
                await journal.note_parts([whole[path]])
        elif archive.rebuildable(table, source):
            anew.setdefault(table, set()).add(source)
        else:
            await in_a_thread(archive.set_aside, [finding.path], clock.now())
    refused = []
    for table, sources in anew.items():
        try:
            await journal.begin_rebuild({table: sorted(sources)}, clock.now())
            await rebuild_table(table, sorted(sources), journal, archive, clock)
        except ArchiveError as fault:
            refused.append(CheckFinding("refused", "", str(fault), False))
    return refused


async def _written_again(path: str, journal: Journal, archive: InspectedArchive, kind: str) -> bool:
    """Mark the runs of a run table's part to be written again; return False if the state does not know them all."""
    run_id = run_of(path.rpartition("/")[2])
    if run_id is not None:
        return await journal.mark_run_outdated(run_id) or kind != "unknown"
    if kind != "unknown":  # it need not be readable
        await journal.mark_day_outdated(date.fromisoformat(path.split("/")[-2].removeprefix("date=")))
        return True
    runs = await in_a_thread(archive.ledger.rows_by_run, path)
    return all([await journal.mark_run_outdated(each) for each in runs])


def _misread_parts(todo: Sequence[CheckFinding]) -> dict[str, set[str]]:
    """Return table → pages parts from which its parts are to be rebuilt because their answers were misread."""
    found: dict[str, set[str]] = {}
    for finding in todo:
        for part in finding.parts:
            table, _, source = part.partition("/")
            found.setdefault(table, set()).add(source)
    return found
