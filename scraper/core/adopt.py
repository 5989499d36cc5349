"""Comparison of a state with its archive (law 8), and the figures of what a ledger adopts from its archive.

Both carry the identity of their pair and its epochs: a process that begins to spend adds an epoch to the state, then to
the archive, with a random token. Of two sides with one identity, the one whose last token is in the lineage of the
other is the older one; if neither is, they have diverged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from scraper.core.units import Credits

TOKEN_DIGITS = 8
EPOCHS_KEPT = 4_096
"""Tokens that a lineage keeps: 32 KB. A state that is older than all of them is recognised by the contents of the
files."""


class Standing(Enum):
    """The relation of a state and an archive."""

    SAME = auto()
    NEW = auto()
    """The archive contains nothing that the state has to know."""
    LOST = auto()
    """The archive has a history, and the state is new."""
    OLDER = auto()
    """The archive was used after the state was copied."""
    BEHIND = auto()
    """The state was used after the archive was copied, or a process ended between the two stamps."""
    UNSTAMPED = auto()
    """One side was last used before there were identities: their contents decide."""
    ELSEWHERE = auto()
    """The state is shared, and the files that it knows are not here: its archive is another machine's, or was lost."""
    FOREIGN = auto()
    DOUBLED = auto()
    """Both were used after they were copied, each without the other."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a pair of state and archive, and how far it has come."""

    archive_id: str
    epoch: int = 0
    lineage: str = ""
    """The tokens of the last epochs, oldest first."""

    @property
    def token(self) -> str:
        """The token of the last epoch."""
        return self.lineage[-TOKEN_DIGITS:]

    def token_at(self, epoch: int) -> str | None:
        """Return the token of an epoch; ``None`` if it is no longer kept, or still to come."""
        back = self.epoch - epoch
        start = len(self.lineage) - (back + 1) * TOKEN_DIGITS
        return self.lineage[start : start + TOKEN_DIGITS] if back >= 0 and start >= 0 else None

    def next(self, token: str) -> Identity:
        """Return the identity with one more epoch."""
        return Identity(self.archive_id, self.epoch + 1, (self.lineage + token)[-TOKEN_DIGITS * EPOCHS_KEPT :])


def standing(state: Identity | None, archive: Identity | None, *, new: bool, files: bool) -> Standing:
    """Compare two sides. `new`: the state knows no run and no attempt; `files`: the archive has parts."""
    if state is not None and archive is not None and state.archive_id == archive.archive_id:
        return _of_pair(state, archive)
    if archive is None and not files:
        return Standing.NEW if new or state is None else Standing.BEHIND
    if new:
        return Standing.LOST
    return Standing.UNSTAMPED if state is None or archive is None else Standing.FOREIGN


def _of_pair(state: Identity, archive: Identity) -> Standing:
    if state.epoch == archive.epoch:
        return Standing.SAME if state.token == archive.token else Standing.DOUBLED
    older, newer = sorted((state, archive), key=lambda side: side.epoch)
    if newer.token_at(older.epoch) not in {older.token, None}:
        return Standing.DOUBLED
    return Standing.OLDER if older is state else Standing.BEHIND


@dataclass(frozen=True, slots=True)
class Adopted:
    """The figures of an adoption: entries that a ledger took from its archive."""

    runs: int = 0
    requests: int = 0
    credits: Credits = 0
    answers: int = 0
    unknown: Credits = 0
    """Credits that runs may have spent without a trace in the archive: counted as unknown."""
    of_runs: tuple[str, ...] = ()
    """Runs to which those credits belong."""
    without_mark: tuple[str, ...] = ()
    """Runs that may have spent more, by an unknown amount: an older version left no mark for them."""
    unreadable: tuple[str, ...] = ()
    """Page files that could not be read."""
    doubled: int = 0
    """Requests that were bought twice in one run."""
    resumed: bool = False
    """True if an earlier process began it: the figures are of the remainder."""

    def words(self, standing: Standing, database: str) -> str:
        """Return the findings and the adoption in words, for people."""
        found = {
            Standing.LOST: f"there was no ledger ({database}) beside this archive",
            Standing.OLDER: f"{database} was older than its archive, as if restored from a backup",
        }.get(standing, f"the archive had runs that {database} lacked")
        if self.resumed:
            found = f"{found}, and an earlier adoption was interrupted"
        figures = f"{_counted(self.requests, 'request')} of {_counted(self.runs, 'new run')}, {self.credits:,} credits"
        told = [
            f"{found}. Adopted from the archive: {figures} and {_counted(self.answers, 'page')}. Nothing was spent "
            "before that."
        ]
        if self.unknown:
            told.append(
                f"Up to {self.unknown:,} more credits may have been spent by {', '.join(self.of_runs)}: no file "
                "shows them, so they count as unknown until scraper reconcile settles them."
            )
        if self.without_mark:
            told.append(
                f"{', '.join(self.without_mark)} may have spent more than any file shows: compare with the vendor's "
                "console, and state its figure with scraper reconcile JOB --used VENDOR=CREDITS."
            )
        if self.doubled:
            told.append(f"{self.doubled:,} requests were bought twice in one run: their rows appear twice.")
        if self.unreadable:
            told.append(f"Unreadable and not adopted: {', '.join(self.unreadable)}; see scraper check.")
        return " ".join(told)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def elsewhere(place: str) -> str:
    """Return why a shared state and an archive without its files cannot be used together, for people."""
    return (
        f"the state {place} is shared, and files that it knows are missing from the archive in use here, which "
        "scraper status shows. Nothing was spent or changed; name the archive that all machines share with --archive, "
        "SCRAPER_ARCHIVE or in scraper.toml, or restore the files from a backup."
    )


def refusal(standing: Standing, state: Identity, archive: Identity, database: str, place: str) -> str:
    """Return the reason why a state and an archive cannot be used together, for people."""
    if standing is Standing.FOREIGN:
        met = (
            f"{database} belongs to archive {state.archive_id[:8]}, and the files in {place} to archive "
            f"{archive.archive_id[:8]}. Nothing was spent or changed; restore the one that belongs to the other."
        )
    else:
        met = (
            f"{database} and the archive in {place} were one, and two copies of them have diverged: each has runs that "
            f"the other lacks. Nothing was spent or changed; keep one copy, both its {database} and its archive."
        )
    return (
        f"{met} To keep these files without this {database}, move it away: the next run makes a ledger from the "
        f"archive, without the spending that only the moved {database} has recorded."
    )
