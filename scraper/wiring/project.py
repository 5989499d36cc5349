"""The project: the directory from which data, configs, accounts and keys are found, wherever a command is started.

It is the nearest directory upward from the job file that holds `scraper.toml` or `configs/`; without a job file,
upward from the working directory. A job file outside any project is a project of its own: its directory is the base,
so that a job has the same ledger wherever it is started.

Every command comes through here, so `scraper.toml` is validated by pydantic only where a plain reading does not
suffice: importing pydantic takes as long as a query.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Final

from scraper.core.errors import ConfigurationError, Fault, UsageError
from scraper.core.nearest import nearest

PROJECT_FILE: Final = "scraper.toml"
CONFIGS: Final = "configs"
DATA: Final = "data"
SANDBOX: Final = "sandbox"
"""The sandbox's data is in this directory below the data directory."""
ACCOUNTS_FILE: Final = "accounts.toml"
JOB_ENDING: Final = ".toml"
QUICKSTART: Final = "quickstart"
"""The job that is part of the package."""
DATA_VARIABLE: Final = "SCRAPER_DATA"
STATE_VARIABLE: Final = "SCRAPER_STATE"
ARCHIVE_VARIABLE: Final = "SCRAPER_ARCHIVE"
CONFIGS_VARIABLE: Final = "SCRAPER_CONFIGS"


@dataclass(frozen=True, slots=True)
class Project:
    """The places of a project. Paths are relative to the working directory if they are in it, else absolute."""

    root: Path | None = None
    """``None``: outside any project."""
    base: Path = Path()
    """The root; outside any project, the directory of the job file or the working directory."""
    configs: Path = Path(CONFIGS)
    """The directory of `vendors/` and `tables/`."""
    data: Path = Path(DATA)
    state: str | None = field(default=None, repr=False)
    """URL of the state, which may contain a password; ``None``: a file in the data directory."""
    archive: str | None = None
    """The archive, a directory or an ``s3://`` URL; ``None``: in the data directory."""
    places: tuple[Path, ...] = ()
    """Directories in which `accounts.toml` and `.env` are looked for, the nearest to the job first."""

    def data_directory(self, *, sandbox: bool) -> Path:
        return self.data / SANDBOX if sandbox else self.data

    @property
    def accounts_file(self) -> Path | None:
        """The accounts of all jobs, if stated; ConfigurationError where two files state them."""
        found = [path for place in self.places if os.path.isfile(path := place / ACCOUNTS_FILE)]  # noqa: PTH113 - a directory that may not be entered has none
        if len(found) > 1:
            raise ConfigurationError(
                [Fault(str(found[1]), f"and {found[0]} both state the accounts of this job: keep one of them")]
            )
        return found[0] if found else None

    def in_use(self) -> Mapping[str, str]:
        """Return the absolute places, as the log and `status` show them."""
        places = {"project": self.root, "data": self.data, "configs": self.configs, "accounts": self.accounts_file}
        return {name: str(path.absolute()) for name, path in places.items() if path is not None}


def project_of(job: Path | None = None, environment: Mapping[str, str] = os.environ) -> Project:
    """Return the project of a job file, or of the working directory; ConfigurationError for a faulty `scraper.toml`."""
    try:
        return _project(None if job is None or is_packaged(job) else job, environment)
    except FileNotFoundError as failure:
        raise UsageError("the working directory no longer exists: change to another one.") from failure


def _project(job: Path | None, environment: Mapping[str, str]) -> Project:
    start = Path.cwd() if job is None else _absolute(job).parent
    root = find_root(start)
    if root is None and job is not None and job.is_symlink():
        root = find_root(job.resolve().parent)
    base = _shown(root or start)
    beside = () if job is None else (_shown(start),)
    configs = base / CONFIGS if root is not None or job is None else base
    if stated := environment.get(CONFIGS_VARIABLE):
        configs = Path(stated)
    stated_places = _stated_places(base / PROJECT_FILE if root is not None else None)
    data = Path(environment.get(DATA_VARIABLE) or base / Path(stated_places.data).expanduser())
    archive = stated_places.archive
    if archive is not None and "://" not in archive:
        archive = str(base / Path(archive).expanduser())
    return Project(
        root=None if root is None else base,
        base=base,
        configs=configs,
        data=data,
        state=stated_places.state,
        archive=archive,
        places=_distinct((*beside, configs, base)),
    )


def find_root(start: Path) -> Path | None:
    """Return the nearest directory upward that holds `scraper.toml` or `configs/`; `start`: absolute."""
    for directory in (start, *start.parents):
        holds = os.path.isfile(directory / PROJECT_FILE) or os.path.isdir(directory / CONFIGS)  # noqa: PTH112, PTH113 - as above
        if holds and (directory == start or directory / CONFIGS == start or not _is_everyones(directory)):
            return directory
    return None


def _is_everyones(directory: Path) -> bool:
    """Return True for a directory such as ``/tmp``: a file that anybody may have put there makes no project."""
    mode = directory.stat().st_mode
    return bool(mode & stat.S_ISVTX and mode & stat.S_IWOTH)


def _absolute(path: Path) -> Path:
    """Return an absolute path. Symbolic links on it stay, except where ``..`` would lead elsewhere."""
    return path.resolve() if ".." in path.parts else path.absolute()


def _distinct(places: Iterable[Path]) -> tuple[Path, ...]:
    """Return each directory once, as it is named first: below the root, `configs` is `.` and a whole path too."""
    named: dict[str, Path] = {}
    for place in places:
        named.setdefault(os.path.realpath(place), place)
    return tuple(named.values())


def _shown(directory: Path) -> Path:
    here = Path.cwd()
    return directory.relative_to(here) if directory.is_relative_to(here) and here != here.parent else directory


@dataclass(frozen=True, slots=True)
class _StatedPlaces:
    """The places in ``scraper.toml``, unresolved."""

    data: str = DATA
    state: str | None = field(default=None, repr=False)
    archive: str | None = None


def _stated_places(path: Path | None) -> _StatedPlaces:
    if path is None or not path.is_file():
        return _StatedPlaces()
    if (plain := _plainly_stated(path)) is None:
        from scraper.io.config_files.project_files import read_project_file

        stated = read_project_file(path)
        plain = _StatedPlaces(stated.data, stated.state, stated.archive)
    return plain


def _plainly_stated(path: Path) -> _StatedPlaces | None:
    """Return the places in a file that has nothing but a valid `data`; ``None``: the file has to be validated."""
    from scraper.io.config_files.text import read_text

    try:
        content = tomllib.loads(read_text(path))
    except (ValueError, RecursionError):
        return None
    match content:
        case {"data": str(data), **others} if data and "://" not in data and not others:
            return _StatedPlaces(data)
        case {**keys} if not keys:
            return _StatedPlaces()
        case _:
            return None


# --- jobs by name -----------------------------------------------------------------------------------------------------


def job_path(words: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file of a job given by path or by name; a name is looked up in the project, then in the package.

    UsageError for a name that is neither. A path is returned as it is: its reader reports what is wrong with it.
    """
    path = Path(words)
    if os.sep in words or words in {".", ".."} or path.is_file():
        return path
    configs = project_of(None, environment).configs
    named = configs / (words if words.endswith(JOB_ENDING) else f"{words}{JOB_ENDING}")
    if named.is_file():
        return named
    if named.stem == QUICKSTART:
        return packaged_quickstart()
    known = job_names(configs)
    own = "" if project_of(None, environment).root is not None else "; scraper init makes a project with one of yours"
    raise UsageError(
        f"there is no job {words} in {configs}{nearest(words, known)}; the jobs are {', '.join(known)}. "
        f"Give one of these, or the path of a job file{own}."
    )


def job_names(configs: Path) -> list[str]:
    """Return the names of the jobs of a project and of the package."""
    return list(dict.fromkeys([*_jobs_in(configs), QUICKSTART]))


def _jobs_in(configs: Path) -> Iterator[str]:
    try:
        yield from sorted(path.stem for path in configs.glob(f"*{JOB_ENDING}") if path.name != ACCOUNTS_FILE)
    except OSError:
        return


def packaged_quickstart() -> Path:
    """Return the quickstart of the package."""
    return _starter() / f"{QUICKSTART}{JOB_ENDING}"


def is_packaged(job: Path) -> bool:
    """Return True for a job of the package: its project is that of the working directory."""
    return job.parent == _starter()


def job_words(job: Path) -> str:
    """Return the job as a user gives it: its path, or the name of a packaged one."""
    return job.stem if is_packaged(job) else str(job)


def _starter() -> Path:
    """Return the package's directory of files that `scraper init` copies."""
    return Path(str(resources.files("scraper") / "starter"))


# --- where data is ----------------------------------------------------------------------------------------------------


def has_data(directory: Path) -> bool:
    """Return True for a data directory, with a ledger or an archive, and for a copy of an archive alone.

    Raises OSError where that cannot be seen.
    """
    from scraper.io.state import STATE_FILE

    for name in (STATE_FILE, "archive"):
        try:
            (directory / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return True
    return directory.is_dir() and any(directory.glob("*/vendor=*"))


def first_with_data(directories: Iterable[Path]) -> Path | None:
    """Return the first of these directories that holds data."""
    for directory in directories:
        try:
            if has_data(directory):
                return directory
        except OSError:
            continue
    return None
