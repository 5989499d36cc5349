"""The queue over a real PostgreSQL server: who gets which task, and what is left of one whose worker is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import make_url

from scraper.core.errors import StateError, UsageError
from scraper.core.fleet import Again, FleetTask, GivenUp, TaskKind
from scraper.io.fleet.place import migrations
from scraper.io.fleet.queue import lasting_refusal, opened_queue
from scraper.io.state import libpq_settings
from scraper.ports.fleet import TaskEnd, TaskState
from tests.fleet.fleets import DAY, DONE, a_fleet, database_url, each_moment, run_of

NIGHT = int(datetime(2026, 11, 21, 2, tzinfo=UTC).timestamp())
LONG_AGO = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"


def test_eight_workers_that_start_at_once_make_one_schema_and_queue_a_night_once() -> None:
    async def whole() -> None:
        async with a_fleet("night") as fleet:
            queues = await asyncio.gather(*(fleet.queue(f"here:{number}") for number in range(8)))
            queued = await asyncio.gather(*(queue.queue_night(run_of("night"), NIGHT) for queue in queues))
            assert sorted(queued) == [False] * 7 + [True]
            await (queue := await fleet.worker("here:9", done)).submit(run_of("night"))
            await fleet.all_over(queue, 1)
            assert not await queue.queue_night(run_of("night"), NIGHT), "its task is over, and it stays queued once"
            assert await queue.queue_night(run_of("night"), NIGHT + 86_400)

    async def done(_task: FleetTask, _attempts: int) -> TaskEnd:
        return DONE

    asyncio.run(whole())


def test_a_task_waits_once_and_may_be_submitted_again_when_it_is_over() -> None:
    async def fails(_task: FleetTask, _attempts: int) -> TaskEnd:
        return TaskEnd(GivenUp(), 4, "the vendor refused the key")

    async def whole() -> None:
        async with a_fleet("night") as fleet:
            queue = await fleet.queue()
            assert await queue.submit(run_of("night")) is not None
            assert await queue.submit(run_of("night")) is None
            worker = await fleet.worker("here:2", fails)
            (task,) = await fleet.all_over(worker, 1)
            assert (task.state, task.exit_code, task.words) == (TaskState.GIVEN_UP, 4, "the vendor refused the key")
            assert await queue.submit(run_of("night")) is not None

    asyncio.run(whole())


def test_runs_share_an_account_only_as_far_as_they_may() -> None:
    """Six jobs on two accounts, one of them on both; three workers that may take two tasks each."""
    jobs = {"a": "one", "b": "one", "c": "two", "d": "two", "e": "one", "f": "one two"}
    using: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def perform(task: FleetTask, _attempts: int) -> TaskEnd:
        using.update(task.accounts)
        for account in task.accounts:
            most[account] = max(most[account], using[account])
        await asyncio.sleep(0.02)
        using.subtract(task.accounts)
        return DONE

    async def whole() -> None:
        async with a_fleet(*jobs) as fleet:
            queue = await fleet.queue()
            for job, accounts in jobs.items():
                await queue.submit(run_of(job, *accounts.split()))
            for number in range(3):
                await fleet.worker(f"here:{number}", perform, at_once=2)
            assert {each.task.job for each in await fleet.all_over(queue, 6)} == set(jobs)

    asyncio.run(whole())
    assert most == {"one": 1, "two": 1}


def test_two_runs_share_an_account_where_two_may() -> None:
    async def whole() -> None:
        both = asyncio.Barrier(2)

        async def perform(_task: FleetTask, _attempts: int) -> TaskEnd:
            async with asyncio.timeout(30), both:
                return DONE

        async with a_fleet("a", "b") as fleet:
            queue = await fleet.worker("here:1", perform, at_once=2, runs_of_account=2)
            for job in fleet.jobs:
                await queue.submit(run_of(job))
            await fleet.all_over(queue, 2)

    asyncio.run(whole())


def test_a_worker_takes_the_heaviest_job_first_and_only_jobs_that_it_knows() -> None:
    taken = []

    async def perform(task: FleetTask, _attempts: int) -> TaskEnd:
        taken.append(task.title)
        return DONE

    async def whole() -> None:
        async with a_fleet("light", "heavy") as fleet:
            queue = await fleet.queue()
            for task in (FleetTask(TaskKind.COMPACT), run_of("light"), run_of("elsewhere", weight=9)):
                await queue.submit(task)
            await queue.submit(run_of("heavy", weight=3))
            await fleet.worker("here:2", perform)
            await fleet.all_over(queue, 3)
            (waiting,) = await fleet.tasks(queue, TaskState.QUEUED)
            assert waiting.task.job == "elsewhere"

    asyncio.run(whole())
    assert taken == ["heavy", "light", "compact"]


def test_a_lost_workers_task_goes_on_elsewhere_and_its_own_late_word_changes_nothing() -> None:
    began, comes_back = asyncio.Event(), asyncio.Event()

    async def stopped(_task: FleetTask, _attempts: int) -> TaskEnd:
        began.set()
        await comes_back.wait()
        return TaskEnd(GivenUp(), 1, "late")

    async def goes_on(_task: FleetTask, attempts: int) -> TaskEnd:
        return TaskEnd(DONE.verdict, 0, f"after {attempts}")

    async def whole() -> None:
        async with a_fleet("night") as fleet:
            lost = await fleet.worker("lost:1", stopped)
            await lost.submit(run_of("night"))
            await began.wait()
            queue = await fleet.queue("here:2")
            assert await queue.rescue() == []
            await fleet.change(LONG_AGO)
            ((running,), (known, *_)) = await fleet.tasks(queue), (await queue.overview(DAY)).workers
            assert (running.is_lost, known.is_lost, running.worker) == (True, True, "lost:1")
            (rescued,) = await queue.rescue()
            assert (rescued.task, rescued.worker) == (run_of("night"), "lost:1")
            assert await queue.rescue() == []
            await fleet.worker("here:3", goes_on)
            (over,) = await fleet.all_over(queue, 1)
            comes_back.set()
            await fleet.close()
            (still,) = await fleet.tasks(queue)
            assert (still.state, still.worker) == (TaskState.DONE, "here:3") == (over.state, over.worker)
            assert over.words == "after 1"

    asyncio.run(whole())


def test_the_task_of_a_worker_whose_row_is_gone_is_rescued_too() -> None:
    """What Procrastinate's issue 1518 is about: a starting worker prunes the rows of those that are silent."""
    began, ends = asyncio.Event(), asyncio.Event()

    async def stopped(_task: FleetTask, _attempts: int) -> TaskEnd:
        began.set()
        await ends.wait()
        return DONE

    async def whole() -> None:
        async with a_fleet("night") as fleet:
            lost = await fleet.worker("lost:1", stopped)
            await lost.submit(run_of("night"))
            await began.wait()
            queue = await fleet.queue("here:2")
            await fleet.change("DELETE FROM procrastinate_workers")
            (rescued,) = await queue.rescue()
            assert rescued.worker == "lost:1"
            ends.set()
            async with asyncio.timeout(30):  # it enters itself again, and takes the task that it had lost
                while not await fleet.tasks(queue, TaskState.DONE):
                    await lost.submit(run_of("night"))
                    await asyncio.sleep(0.02)

    asyncio.run(whole())


def test_a_lost_task_whose_job_waits_anew_is_over_and_the_waiting_one_does_the_rest() -> None:
    """It was killed after its run's end, or its night has passed meanwhile: one task of a job waits, and no second."""
    began, ends = asyncio.Event(), asyncio.Event()

    async def stopped(_task: FleetTask, attempts: int) -> TaskEnd:
        began.set()
        await ends.wait()
        return DONE if attempts else TaskEnd(Again(timedelta(0), "interrupted"), 130, "late")

    async def whole() -> None:
        async with a_fleet("night", "other") as fleet:
            lost = await fleet.worker("lost:1", stopped)
            await lost.submit(run_of("night"))
            await began.wait()
            anew = await lost.submit(run_of("night"))
            queue = await fleet.queue("here:2")
            await fleet.change(LONG_AGO)
            assert await queue.rescue() == []
            waiting, over = await fleet.tasks(queue)
            ends.set()
            assert (waiting.task_id, over.state) == (anew, TaskState.DONE)
            assert over.words == "another task of the job continues it"

    asyncio.run(whole())


def test_a_task_that_goes_back_waits_and_counts_as_an_attempt_only_if_something_went_wrong() -> None:
    seen = []
    ends = [
        TaskEnd(Again(timedelta(0), "busy", counts=False), None, "another process runs the job"),
        TaskEnd(Again(timedelta(0), "a fault of archive or state"), 5, "the disk"),
        TaskEnd(Again(timedelta(hours=1), "killed by signal 9"), -9, ""),
    ]

    async def perform(_task: FleetTask, attempts: int) -> TaskEnd:
        seen.append(attempts)
        return ends[len(seen) - 1]

    async def whole() -> None:
        async with a_fleet("night") as fleet:
            queue = await fleet.worker("here:1", perform)
            await queue.submit(run_of("night"))
            async with asyncio.timeout(30):
                async for _ in each_moment():
                    if len(seen) == 3 and (waiting := await fleet.tasks(queue, TaskState.QUEUED)):
                        break
            (night,) = waiting
            assert night.not_before is not None
            assert timedelta(minutes=59) < night.not_before - night.since <= timedelta(hours=1, seconds=1)
            assert (night.attempts, night.exit_code) == (2, -9)

    asyncio.run(whole())
    assert seen == [0, 0, 1]


def test_a_database_that_is_away_is_waited_for_and_said_once() -> None:
    """While it takes no connections a task ends; its end is told once it does."""
    began, ends = asyncio.Event(), asyncio.Event()

    async def perform(_task: FleetTask, _attempts: int) -> TaskEnd:
        began.set()
        await ends.wait()
        return DONE

    async def whole() -> list[str]:
        url = database_url()
        name = make_url(url).database
        async with a_fleet("night", url=url) as fleet, await others(url) as away:
            queue = await fleet.worker("here:1", perform)
            await queue.submit(run_of("night"))
            await began.wait()
            await away.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            await away.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            ends.set()
            with pytest.raises(StateError, match="not currently accepting connections"):
                async with opened_queue(libpq_settings(url), "here:2", fleet.said.append):
                    pass
            async with asyncio.timeout(30):
                async for _ in each_moment():
                    if fleet.said:
                        break
            await away.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
            await fleet.all_over(queue, 1)
            return fleet.said

    async def others(url: str) -> psycopg.AsyncConnection:
        elsewhere = make_url(url).set(database="postgres").render_as_string(hide_password=False)
        return await psycopg.AsyncConnection.connect(libpq_settings(elsewhere), autocommit=True)

    went, came = asyncio.run(whole())
    assert went.startswith("the database does not answer (")
    assert came == "the database answers again"


def test_a_queue_of_an_older_procrastinate_is_taken_over_and_a_newer_one_is_refused() -> None:
    def of_version(version: str, ours: int = 1) -> str:
        return f"COMMENT ON SCHEMA scraper_fleet IS 'procrastinate {version}, fleet {ours}'"

    async def whole() -> None:
        async with a_fleet("night") as fleet:
            await fleet.queue()
            await fleet.change(of_version("3.5.0"))
            assert await (await fleet.queue()).rescue() == []
            await fleet.change("DROP FUNCTION fleet_back")
            await fleet.change(of_version("3.10.0", ours=0))
            assert await (await fleet.queue()).rescue() == []
            for newer in (of_version("99.0.0"), of_version("3.10.0", ours=99)):
                await fleet.change(newer)
                with pytest.raises(StateError, match=r"created by newer versions \(procrastinate .*99"):
                    await fleet.queue()

    asyncio.run(whole())
    assert len(migrations((3, 3, 0), (3, 4, 0))) == 2, "before and after the code that needs them, in one go"
    assert migrations((3, 4, 0), (3, 4, 9)) == []


def test_a_database_that_will_never_let_anybody_in_is_refused_in_one_sentence() -> None:
    there = make_url(database_url())

    async def opened(url: str) -> None:
        async with opened_queue(libpq_settings(url), "here:1", print):
            pass

    nobody = there.set(database="nosuch", password="s3cret").render_as_string(hide_password=False)
    with pytest.raises(StateError, match='database "nosuch" does not exist') as refused:
        asyncio.run(opened(nobody))
    assert "s3cret" not in str(refused.value)
    for wrong in ("sqlite:///state.db", "postgresql+psycopg://u:s3cret@h:port/d?x=y"):
        with pytest.raises(UsageError) as refused_url:
            asyncio.run(opened(wrong))
        assert "s3cret" not in str(refused_url.value)


@pytest.mark.parametrize("told", ["fe_sendauth: no password supplied", "FATAL:  password authentication failed for u"])
def test_a_login_without_the_right_password_is_refused_for_good(told: str) -> None:
    words = f'connection failed: connection to server at "127.0.0.1", port 5432 failed: {told}'
    refusal = lasting_refusal(psycopg.OperationalError(words))
    assert refusal is not None
    assert "~/.pgpass" in refusal
    assert lasting_refusal(psycopg.OperationalError(words.replace(told, "Connection refused"))) is None


def test_the_settings_of_the_stores_in_a_url_are_not_the_queues() -> None:
    both = "postgresql+psycopg://u:p%40@h:5433/d?host=%2Fsocket&lease_s=5"
    assert libpq_settings(both) == "host=/socket dbname=d user=u password=p@ port=5433"
    assert libpq_settings("postgresql://h/d?lease_s=5") == "host=h dbname=d"
    assert libpq_settings("postgresql://u:p/x@h/d") == "host=h dbname=d user=u password=p/x", "as the state reads it"


def test_a_worker_that_stops_gives_signs_of_life_until_its_last_run_has_ended() -> None:
    began, ends = asyncio.Event(), asyncio.Event()

    async def slow(_task: FleetTask, _attempts: int) -> TaskEnd:
        began.set()
        await ends.wait()
        return DONE

    async def whole() -> None:
        async with a_fleet("night") as fleet:
            worker = await fleet.worker("here:1", slow, lost_after_s=0.3)
            await worker.submit(run_of("night"))
            await began.wait()
            queue = await fleet.queue("here:2")
            worker.stop()
            await fleet.change(LONG_AGO)
            async with asyncio.timeout(30):
                async for _ in each_moment():
                    if not (await queue.overview(DAY)).workers[0].is_lost:
                        break
            ends.set()
            (over,) = await fleet.all_over(queue, 1)
            assert over.worker == "here:1"
        async with a_fleet(url=fleet.url) as after:
            assert (await (await after.queue()).overview(DAY)).workers == []

    asyncio.run(whole())


def test_old_tasks_are_forgotten_and_open_ones_are_not() -> None:
    async def done(_task: FleetTask, _attempts: int) -> TaskEnd:
        return DONE

    async def whole() -> None:
        async with a_fleet("night") as fleet:
            queue = await fleet.worker("here:1", done)
            await queue.submit(run_of("night"))
            await fleet.all_over(queue, 1)
            await queue.submit(run_of("elsewhere"))
            await fleet.change("UPDATE procrastinate_events SET at = at - interval '40 days'")
            await queue.tidy(timedelta(days=31))
            (left,) = (await queue.overview(timedelta(days=99))).tasks
            assert left.task.job == "elsewhere"

    asyncio.run(whole())
