"""What the documents say of the program is what the program says of itself."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from scraper.core.planning import Known, plan
from scraper.wiring.files import load_job
from tests.core.builders import NOON
from tests.docs.blocks import BLOCKS, compact
from tests.docs.example_job import example_job, uncommented
from tests.docs.generate import EXACT, EXAMPLE, VARYING, generated_readme
from tests.docs.markdown import README, ROOT, blocks, fences, own_files, readme, with_blocks
from tests.docs.place import Place, shape

pytestmark = pytest.mark.own_instant


def _is_up_to_date(path: Path, wanted: str) -> None:
    stands = path.read_text(encoding="utf-8") if path.exists() else ""
    if stands != wanted:
        names = (str(path.relative_to(ROOT)), "what the program says")
        changes = "\n".join(difflib.unified_diff(stands.splitlines(), wanted.splitlines(), *names, lineterm="", n=1))
        pytest.fail(f"{names[0]} is out of date. Run: python -m tests.docs.generate\n{changes}", pytrace=False)


def test_the_readme_says_what_the_program_says(place_at_noon: Place) -> None:
    _is_up_to_date(README, generated_readme(readme(), lambda: place_at_noon))


def test_the_example_job_has_every_key_that_the_models_have() -> None:
    _is_up_to_date(EXAMPLE, example_job())


def test_every_block_of_the_readme_can_be_generated_and_every_one_that_can_be_is_there() -> None:
    assert set(blocks(readme(), "generated")) - {EXACT, VARYING} == set(BLOCKS)


def test_all_output_of_commands_stands_in_generated_blocks() -> None:
    without = with_blocks(readme(), lambda _name, _stands: "")
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


def test_every_job_file_of_the_readme_is_valid(tmp_path: Path) -> None:
    for name, text in own_files(readme()).items():
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


def test_a_nested_type_is_told_by_its_fields() -> None:
    assert compact('STRUCT("time" TIMESTAMP, "value" STRUCT(a DECIMAL(4,1), b VARCHAR)[])[]') == (
        "list of struct: time, value"
    )
