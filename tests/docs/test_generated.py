"""What the documents say of the program is what the program says of itself."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from scraper.core.planning import Known, plan
from scraper.wiring.files import load_job
from scraper.wiring.query import table_columns
from scraper.wiring.settings import Settings
from tests.core.builders import NOON
from tests.docs.blocks import BLOCKS, columns_of, compact
from tests.docs.example_job import example_job, uncommented
from tests.docs.generate import EXACT, EXAMPLE, VARYING, generated
from tests.docs.markdown import DOCUMENTS, ROOT, blocks, fences, manual, own_files, with_blocks
from tests.docs.picture import PICTURE, picture
from tests.docs.place import Place, shape

pytestmark = pytest.mark.own_instant


def _is_up_to_date(path: Path, wanted: str) -> None:
    stands = path.read_text(encoding="utf-8") if path.exists() else ""
    if stands != wanted:
        names = (str(path.relative_to(ROOT)), "what the program says")
        changes = "\n".join(difflib.unified_diff(stands.splitlines(), wanted.splitlines(), *names, lineterm="", n=1))
        pytest.fail(f"{names[0]} is out of date. Run: python -m tests.docs.generate\n{changes}", pytrace=False)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_says_what_the_program_says(path: Path, request: pytest.FixtureRequest) -> None:
    def place() -> Place:
        there: Place = request.getfixturevalue("place_at_noon")
        return there

    _is_up_to_date(path, generated(path.read_text(encoding="utf-8"), place))


def test_the_picture_of_a_plan_is_what_a_terminal_shows() -> None:
    _is_up_to_date(PICTURE, picture())


def test_the_example_job_has_every_key_that_the_models_have() -> None:
    _is_up_to_date(EXAMPLE, example_job())


def test_every_block_can_be_generated_and_every_one_that_can_be_stands_in_one_document() -> None:
    named = [name for path in DOCUMENTS for name in blocks(path.read_text(encoding="utf-8"), "generated")]
    assert sorted(name for name in named if name not in {EXACT, VARYING}) == sorted(BLOCKS)


def test_all_output_of_commands_stands_in_generated_blocks() -> None:
    without = with_blocks(manual(), lambda _name, _stands: "")
    assert fences(without, "console") == ()


def test_the_example_job_is_a_job_that_fits_its_budget() -> None:
    job, _ = load_job(EXAMPLE)
    assert plan(job, Known(NOON)).fits


@pytest.mark.parametrize("without", ["top", "top_per_board"])
def test_the_example_job_is_valid_with_all_its_keys_set(tmp_path: Path, without: str) -> None:
    path = tmp_path / "example.toml"
    path.write_text(uncommented(example_job(), without=without), encoding="utf-8")
    assert "\n#" in example_job()
    job, _ = load_job(path)
    crawlora = job.accounts["crawlora"].subscription
    assert (crawlora.name, crawlora.overage, job.crawls[0].priority) == ("starter", True, 2)
    assert (job.crawls[1].top is None) == (without == "top")


def test_every_job_file_of_the_documents_is_valid(tmp_path: Path) -> None:
    for name, text in own_files(manual()).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    jobs = sorted((tmp_path / "configs").glob("*.toml"))
    assert len(jobs) > 1
    for path in jobs:
        load_job(path)


def test_figures_and_run_ids_do_not_change_the_shape_of_an_output() -> None:
    monday = "quickstart-20261121T034656Z-c38b  complete\nposts  286 rows in 5.9 s\n──────"
    friday = "quickstart-20270101T000000Z-0a1f  complete\nposts   1,286 rows in 12 s\n────────"
    assert shape(monday) == shape(friday) != shape(friday.replace("complete", "failed"))


@pytest.mark.parametrize("name", ["hashtags", "coverage", "entries", "on_board"])
def test_columns_on_a_page_are_those_that_the_program_names(tmp_path: Path, name: str) -> None:
    told = table_columns(Settings(data=tmp_path), None, name)
    assert [tuple(row.values()) for row in told] == columns_of(name)


def test_a_nested_type_is_told_by_its_fields() -> None:
    assert compact('STRUCT("time" TIMESTAMP, "value" STRUCT(a DECIMAL(4,1), b VARCHAR)[])[]') == (
        "list of struct: time, value"
    )
