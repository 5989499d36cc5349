"""Leases, on a real SQLite file, under clocks moved by hand; what PostgreSQL adds to them is in `tests/fleet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import BigInteger, Connection, Engine, NullPool, bindparam, cast, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from scraper.core.errors import ArchiveLostError, HeldElsewhereError, LeaseLostError, StateAwayError, StateError
from scraper.io.state.leases import Fence, HeldLease, Leases, confirm, job_lease
from scraper.io.state.schema import metadata
from scraper.ports import ARCHIVE, Lease
from tests.examples import examples

TTL_S = 6.0
NIGHT = job_lease("night")
T = TypeVar("T")


@dataclass(slots=True)
class Time:
    """One time for all, which every host reads by a clock of its own."""

    s: float = 1_800_000_000.0
    there_s: float = 0.0
    """A statement takes so long to reach the database."""
    back_s: float = 0.0
    """And its answer to come back."""
    told_s: float = 0.0
    """What the database took the time to be."""

    def database_us(self) -> int:
        self.s, self.there_s = self.s + self.there_s, 0.0
        self.told_s = self.s
        return round(self.s * 1_000_000)

    def come_back(self, _: object) -> None:
        self.s, self.back_s = self.s + self.back_s, 0.0


class TestedDatabase:
    """How its failures are told."""

    __test__ = False
    name = "the database"

    def explained(self, failure: SQLAlchemyError) -> StateError:
        return (StateAwayError if "gone" in str(failure) else StateError)(str(failure))


def engine_in(directory: Path) -> Engine:
    engine = create_engine(f"sqlite:///{directory / 'state.db'}", poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    metadata.create_all(engine)
    return engine


def leases_of(engine: Engine, time: Time, booted_s: float = 0.0) -> Leases:
    """The leases as a host sees them whose uptime began at another instant."""
    now = cast(bindparam("now", callable_=time.database_us, type_=BigInteger), BigInteger)
    return Leases(engine, TTL_S, TestedDatabase(), now=now, uptime_s=lambda: time.s - booted_s)


def written(engine: Engine, fence: Fence) -> bool:
    """Whether a transaction of the holder would be committed."""
    try:
        with engine.begin() as connection:
            confirm(connection, fence)
    except LeaseLostError:
        return False
    return True


class LeaseMachine(RuleBasedStateMachine):
    """Three hosts want one lease. A host that is stopped simply does nothing while the others and the time go on."""

    @initialize(booted=st.lists(st.floats(0, 10**6), min_size=3, max_size=3))
    def begin(self, booted: list[float]) -> None:
        self.scratch = TemporaryDirectory()
        self.engine = engine_in(Path(self.scratch.name))
        self.time = Time()
        event.listen(self.engine, "commit", self.time.come_back)
        self.hosts = {f"host{n}:{n}": leases_of(self.engine, self.time, at) for n, at in enumerate(booted)}
        self.held: dict[str, HeldLease] = {}
        """What each host believes to hold."""
        self.owner: str | None = None
        self.epoch = 0
        self.ends_s = 0.0

    def teardown(self) -> None:
        if hasattr(self, "scratch"):
            self.scratch.cleanup()

    @rule(n=st.integers(0, 2), there_s=st.floats(0, TTL_S), back_s=st.floats(0, TTL_S))
    def take(self, n: int, there_s: float, back_s: float) -> None:
        host = f"host{n}:{n}"
        self.time.there_s, self.time.back_s = there_s, back_s
        taken = self.hosts[host].try_take(NIGHT, host)
        free = self.owner is None or self.time.told_s >= self.ends_s
        assert isinstance(taken, HeldLease) == free
        if isinstance(taken, Lease):
            assert (taken.holder, taken.epoch, taken.is_live) == (self.owner, self.epoch, True)
            return
        self.epoch += 1
        assert taken.fence == Fence(NIGHT, host, self.epoch)
        self.held[host], self.owner, self.ends_s = taken, host, self.time.told_s + TTL_S

    @precondition(lambda self: self.held)
    @rule(data=st.data(), there_s=st.floats(0, TTL_S), back_s=st.floats(0, TTL_S))
    def renew(self, data: st.DataObject, there_s: float, back_s: float) -> None:
        host = data.draw(st.sampled_from(sorted(self.held)))
        self.time.there_s, self.time.back_s = there_s, back_s
        kept = self.held[host].renew()
        assert kept == (self.owner == host and self.held[host].fence.epoch == self.epoch)
        if kept:
            self.ends_s = self.time.told_s + TTL_S
        else:
            with pytest.raises(LeaseLostError, match=rf"job night is now run by process {self.owner}, since "):
                self.held.pop(host).refuse_if_lost()

    @rule(s=st.floats(0.1, 2 * TTL_S))
    def wait(self, s: float) -> None:
        self.time.s += s

    @invariant()
    def one_host_at_a_time_may_write_or_be_certain(self) -> None:
        if not hasattr(self, "held"):
            return
        certain = [host for host, lease in self.held.items() if lease.is_certain]
        assert certain in ([], [self.owner]), "no host believes in a lease that another may have"
        may = [host for host, lease in self.held.items() if written(self.engine, lease.fence)]
        assert may in ([], [self.owner])
        if certain:
            assert self.time.s < self.ends_s


TestLeases = LeaseMachine.TestCase
TestLeases.settings = examples(12, stateful_step_count=20)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return engine_in(tmp_path)


def test_a_lease_that_lapsed_is_renewed_unless_somebody_took_it(engine: Engine) -> None:
    time = Time()
    leases = leases_of(engine, time)
    mine = leases.try_take(NIGHT, "a:1")
    assert isinstance(mine, HeldLease)
    time.s += 2 * TTL_S
    assert not mine.is_certain
    assert mine.renew()
    assert mine.is_certain
    assert isinstance(leases.try_take(NIGHT, "b:2"), Lease)


def test_a_job_that_is_held_names_its_holder_and_a_released_one_is_free_at_once(engine: Engine) -> None:
    leases = leases_of(engine, Time())
    with leases.hold_job("night", "a:1"):
        assert leases.is_held("night")
        assert not leases.is_held("day")
        met = r"^job night is already run by process a:1, since 2027-01-15 08:00:00 UTC\. Nothing was spent; "
        with pytest.raises(HeldElsewhereError, match=met), leases.hold_job("night", "b:2"):
            pass
        with leases.hold_job("day", "b:2"):
            assert [(each.what, each.holder, each.epoch) for each in leases.all()] == [
                ("job:day", "b:2", 1),
                ("job:night", "a:1", 1),
            ]
    assert not leases.is_held("night")
    with leases.hold_job("night", "b:2") as hold:
        assert hold.fence == Fence(NIGHT, "b:2", 2)


def test_a_process_with_the_same_name_is_another_one(engine: Engine) -> None:
    """In a container the process is always 1, and the host may be called as before."""
    time = Time()
    first = leases_of(engine, time).try_take(NIGHT, "pod-0:1")
    time.s += TTL_S
    second = leases_of(engine, time).try_take(NIGHT, "pod-0:1")
    assert isinstance(first, HeldLease)
    assert isinstance(second, HeldLease)
    assert (written(engine, first.fence), written(engine, second.fence)) == (False, True)


def test_a_database_restored_from_a_backup_gives_no_old_holder_its_lease_back(engine: Engine) -> None:
    time = Time()
    old = leases_of(engine, time).try_take(NIGHT, "a:1")
    assert isinstance(old, HeldLease)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM leases")
    assert not written(engine, old.fence)
    new = leases_of(engine, time).try_take(NIGHT, "b:2")
    assert isinstance(new, HeldLease)
    assert new.fence.epoch == old.fence.epoch
    assert (old.renew(), written(engine, old.fence), written(engine, new.fence)) == (False, False, True)


def test_who_is_told_of_a_loss_is_told_once_and_in_a_sentence(engine: Engine) -> None:
    time, told = Time(), list[LeaseLostError]()
    leases = leases_of(engine, time)
    archive = leases.try_take(ARCHIVE, "a:1")
    assert isinstance(archive, HeldLease)
    archive.when_lost(told.append)
    time.s += TTL_S
    leases.try_take(ARCHIVE, "b:2")
    assert (told, archive.is_certain) == ([], False), "it may have lapsed, and nobody has said so yet"
    assert not archive.renew()
    assert [str(each) for each in told] == [
        "the archive is now written by process b:2, since 2027-01-15 08:00:06 UTC, as this one had not renewed its "
        "lease in time (it was stopped, or cut off from the database). Nothing more was written here; no page is lost: "
        "what is not in the archive is in the spool."
    ]
    assert isinstance(told[0], ArchiveLostError)
    archive.when_lost(told.append)
    assert len(told) == 2, "nor is one that asks afterwards left without it"


def test_a_holder_renews_by_itself_and_while_the_database_is_away_it_goes_on_trying(tmp_path: Path) -> None:
    away, asked = Event(), Event()
    engine = engine_in(tmp_path)

    def refuse(_: Connection) -> None:
        asked.set()
        if not away.is_set():
            away.set()
            raise SQLAlchemyError("gone")

    leases = Leases(engine, 0.15, TestedDatabase(), now=leases_of(engine, Time()).now)
    with leases.hold_job("night", "a:1") as hold:
        event.listen(engine, "begin", refuse)
        assert away.wait(10)
        asked.clear()
        assert asked.wait(10), "it asks again"
        event.remove(engine, "begin", refuse)
        hold.refuse_if_lost()
    assert not leases.is_held("night")
