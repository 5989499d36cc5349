"""``scraper backtest JOB``: an archive replayed under different terms, and its text for people."""

from __future__ import annotations

import contextlib
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.wiring.files import load_job
from tests.clock import NOON, ShiftedClock
from tests.core.panels import drawn_board
from tests.docs.place import Said, said
from tests.io.archive_fixtures import hashtag
from tests.io.history import History

pytestmark = pytest.mark.own_instant

NIGHTS = 16
FIRST = datetime(2026, 10, 1, 2, tzinfo=UTC)
COUNTRIES = ("US", "GB", "DE", "FR", "JP", "KR")
JOB = f"""
name = "nightly"
budget = 24
every = "day"

[accounts.crawlora]
plan = "starter"

[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {list(COUNTRIES)} }}
""".replace("'", '"')


class Known:
    """A project with an archive of six boards, read on each night but a tenth of them."""

    def __init__(self, place: Path) -> None:
        (place / "configs").mkdir()
        self.job = place / "configs" / "nightly.toml"
        self.job.write_text(JOB)
        dice, history, self.lists = random.Random(2), History(), dict[str, list[Any]]()
        crawl = load_job(self.job)[0].crawls[0]
        boards = {country: drawn_board(6.0, 0.3, 10, NIGHTS, dice) for country in COUNTRIES}
        walks = {walk.country: walk.walk_id for walk in map(crawl.walk, crawl.sweep())}
        for night in range(NIGHTS):
            at = FIRST + timedelta(days=night, minutes=dice.randrange(-60, 60))
            for country, board in boards.items():
                if not night or dice.random() < 0.9:
                    records = [hashtag(rank, hashtag_id=str(one)) for rank, one in enumerate(board[night], start=1)]
                    history.walk(f"run-{night}", at, [records], walk_id=walks[country], country=country)
                    name = f"crawlora.hashtags/{country}/7"
                    self.lists.setdefault(name, []).append([f"{at:%Y-%m-%d}", [str(one) for one in board[night]]])
        history.write(place / "data")

    def backtest(self, *arguments: str) -> Said:
        return said(["backtest", str(self.job), *arguments], ShiftedClock(NOON))

    def replays(self, *arguments: str) -> Any:
        told = self.backtest(*arguments, "--format", "json")
        assert told.exit_code == 0, told.stderr
        return json.loads(told.stdout)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return Known(tmp_path_factory.mktemp("known"))


def test_a_job_is_replayed_under_its_own_terms(known: Known) -> None:
    found = known.replays()
    terms = {"budget": 24, "plan": {"crawlora": "starter"}, "every": "day", "order": "value"}
    assert {name: found[name] for name in terms} == terms
    assert (found["boards"], found["nights"], found["credits"]) == (6, 8, 8 * 24)
    assert 0 < found["entries"]["seen"] < found["entries"]["all"]
    assert sum(board["reads"] for board in found["by_board"]) == 24
    assert found["usd_per_month"] == "9"
    assert len(found["thinned"]) == 2


def test_several_values_are_compared_each_with_each(known: Known) -> None:
    found = known.replays("--budget", "16", "--budget", "auto", "--every", "day", "--every", "2d", "--order", "stalest")
    terms = [(one["budget"], one["every"], one["credits"]) for one in found]
    assert [one[:2] for one in terms] == [(16, "day"), (16, "2d"), ("auto", "day"), ("auto", "2d")]
    assert terms[0][2] == 8 * 16 == 2 * terms[1][2]
    assert terms[2][2] == 8 * 48


def test_the_cheapest_plan_is_named_and_free_is_not_enough(known: Known) -> None:
    found = known.replays("--budget", "auto", "--plan", "crawlora=free", "--plan", "crawlora=starter")
    shares = [one["entries"]["seen"] / one["entries"]["all"] for one in found]
    best = found[0]["cheapest"]["plan"]["crawlora"]
    assert best == ("free" if shares[0] >= 0.9 else "starter")
    assert shares[1] == 1


def test_nights_can_be_chosen_by_their_dates(known: Known) -> None:
    found = known.replays("--from", "2026-10-05", "--to", "2026-10-14", "--learn", "0")
    assert found["nights"] == 10
    told = known.backtest("--from", "2026-10-05", "--to", "2026-10-14", "--learn", "0", "--format", "table").stdout
    assert "10 nights, 2026-10-05 to 2026-10-14" in told


def test_a_table_fits_its_screen_and_says_what_is_not_known(known: Known) -> None:
    told = known.backtest(
        "--budget", "24", "--budget", "auto", "--order", "value", "--order", "changes", "--format", "table"
    )
    assert all(len(line) <= 80 for line in told.stdout.splitlines()), told.stdout
    words = " ".join(told.stdout.split())
    assert "nightly: 6 boards over 8 nights, 2026-10-09 to 2026-10-16, after 8 of learning" in words
    assert "cheapest crawlora" in words
    assert "of the board-nights were read; on the others a board is assumed not to have changed" in words
    assert "by half: the same from half of the reads" in words


def test_a_world_file_with_the_same_lists_gives_the_job_its_boards(known: Known, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps(known.lists))
    found = known.replays("--world", str(path), "--nights", "10")
    assert (found["boards"], found["nights"]) == (6, 5)
    assert {board["board"] for board in found["by_board"]} == {f"crawlora.hashtags/{c}/7" for c in COUNTRIES}


def test_the_sandboxs_boards_are_replayed_before_there_is_an_archive(known: Known) -> None:
    found = known.replays("--world", "sandbox", "--nights", "20", "--seed", "3")
    assert (found["boards"], found["nights"], found["credits"]) == (6, 10, 240)
    assert found["entries"]["all"] > 300
    assert found["by_board"] != known.replays("--world", "sandbox", "--nights", "20")["by_board"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plan", "crawlora=strater"], "did you mean 'starter'?"),
        (["--plan", "keyapi=free"], "job nightly uses crawlora, not 'keyapi'"),
        (["--every", "36h"], "the boards are known once per day, and this is not a multiple of it"),
        (["--every", "often"], "is not a period like"),
        (["--from", "2026-12-01"], "the archive has no night between --from and --to, and a replay needs two"),
        (["--learn", "16"], "--learn 16 leaves none of the 16 nights to count"),
    ],
)
def test_terms_that_cannot_be_are_answered_in_a_sentence(known: Known, arguments: list[str], words: str) -> None:
    told = known.backtest(*arguments)
    assert (told.exit_code, told.stdout) == (2, "")
    assert words in told.stderr


def test_without_a_complete_read_nothing_is_replayed(known: Known, tmp_path: Path) -> None:
    history = History()
    history.walk("run-1", FIRST, [[hashtag(1)]], walk_id="another")
    history.write(tmp_path / "data")
    told = known.backtest("--data", str(tmp_path / "data"))
    assert told.exit_code == 2
    assert "has no complete read of a board of job nightly" in told.stderr


def test_without_a_job_or_a_world_there_is_nothing_to_replay() -> None:
    with contextlib.suppress(SystemExit):
        told = said(["backtest"])
        assert told.exit_code == 2
        assert "name a job to replay its boards" in told.stderr


def test_a_replay_buys_the_boards_that_the_real_nights_bought(tmp_path: Path) -> None:
    job = tmp_path / "configs" / "nightly.toml"
    job.parent.mkdir()
    job.write_text(JOB.replace(str(list(COUNTRIES)).replace("'", '"'), '["US", "GB", "DE", "FR"]'))
    charged = 0
    for night in range(3):
        clock = ShiftedClock(NOON + timedelta(days=night))
        told = said(["run", str(job), "--sandbox", "--format", "json"], clock)
        assert told.exit_code == 3, told.stderr
        charged += json.loads(told.stdout)["credits"]["charged"]
    reads = said(
        ["sql", "--sandbox", "--data", str(tmp_path / "data" / "sandbox"), "--format", "json",
         "SELECT country, count(*) AS reads FROM board_reads WHERE whole GROUP BY country"]
    )  # fmt: skip
    really = {row["country"]: row["reads"] for row in json.loads(reads.stdout)}
    found = json.loads(said(["backtest", str(job), "--sandbox", "--learn", "0", "--format", "json"]).stdout)
    assert found["credits"] == charged == 3 * 24
    assert {board["board"].split("/")[1]: board["reads"] for board in found["by_board"]} == really
