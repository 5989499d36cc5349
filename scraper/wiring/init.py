"""A new project: files that explain the next steps, and schemas for editors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from scraper.core.errors import OutputError
from scraper.io.config_files.project_files import SCHEMAS, schema_of
from scraper.wiring.project import CONFIGS, PROJECT_FILE, QUICKSTART, packaged_quickstart

SCHEMA_DIRECTORY = ".scraper"
FIRST_JOB = "trends"
_FILES = {"job": "jobs", "accounts": "accounts.toml", "vendor": "configs/vendors/*.toml", "project": "scraper.toml"}
"""Kind of a schema → the files that it describes."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a new project."""

    path: Path
    """Relative to the project."""
    text: str
    purpose: str


def files_of_a_project() -> Iterator[NewFile]:
    starter = resources.files("scraper") / "starter" / "project"

    def text_of(name: str) -> str:
        return (starter / name).read_text(encoding="utf-8")

    configs = Path(CONFIGS)
    schema = f"#:schema ./{SCHEMA_DIRECTORY}/project.schema.json\n"
    yield NewFile(Path(PROJECT_FILE), schema + text_of(PROJECT_FILE), "marks the project; its settings")
    for name, kind, purpose in (
        (f"{QUICKSTART}.toml", "job", "a job for the sandbox"),
        (f"{FIRST_JOB}.toml", "job", "a job to make your own, with comments"),
        ("accounts.toml", "accounts", "your plans with the vendors"),
    ):
        packaged = packaged_quickstart().read_text(encoding="utf-8") if name.startswith(QUICKSTART) else text_of(name)
        yield NewFile(configs / name, f"#:schema ../{SCHEMA_DIRECTORY}/{kind}.schema.json\n{packaged}", purpose)
    yield NewFile(Path(".env.example"), text_of("env.example"), "the keys that .env may hold")
    yield NewFile(Path(".gitignore"), text_of("gitignore"), "keeps keys and data out of git")
    for kind in SCHEMAS:
        text = json.dumps(schema_of(kind), indent=2) + "\n"
        yield NewFile(Path(SCHEMA_DIRECTORY) / f"{kind}.schema.json", text, f"editor schema of {_FILES[kind]}")


def init_project(directory: Path) -> Iterator[tuple[NewFile, bool]]:
    """Write the files of a project that are not there yet; yield each, and whether it was written.

    Raises OutputError if one cannot be written: existing files stay unchanged.
    """
    for file in files_of_a_project():
        target = directory / file.path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as stream:
                stream.write(file.text)
        except FileExistsError as failure:
            if not target.exists() and not target.is_symlink():  # a directory of its path is a file
                raise OutputError(str(target), failure.strerror or str(failure)) from failure
            yield file, False
        except OSError as failure:
            kept = "Files that were made before are kept; name a directory in which you may write."
            raise OutputError(str(target), failure.strerror or str(failure), kept) from failure
        else:
            yield file, True
