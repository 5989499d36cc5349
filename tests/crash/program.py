"""The real program in a process of its own, and what it leaves behind."""

from __future__ import annotations

import collections
import json
import os
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

from scraper.wiring.files import load_catalogue
from scraper.wiring.sandboxes import sandbox_urls
from tests.crash.server import KEYS, ROOT, Hits, canonical

PATHS = {
    endpoint.full_name: sandbox_urls("")[endpoint.vendor] + endpoint.path for endpoint in load_catalogue(None).endpoints
}


@dataclass(frozen=True, slots=True)
class Program:
    """``scraper run`` on one data directory, against one sandbox."""

    directory: Path
    url: str

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def write_job(self, name: str, text: str) -> Path:
        path = self.directory / "configs" / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'name = "{name}"\n{text}')
        return path

    def start(self, job: Path, *options: str, stderr: int = DEVNULL) -> Popen[str]:
        words = [sys.executable, "-m", "scraper", "run", str(job), "--data", str(self.data), "--format", "json"]
        for vendor, url in sandbox_urls(self.url).items():
            words += ["--vendor-url", f"{vendor}={url}"]
        keys = {f"{vendor.upper()}_API_KEY": key for vendor, key in KEYS.items()}
        environment = {**os.environ, **keys}
        return Popen([*words, *options], cwd=ROOT, env=environment, stdout=PIPE, stderr=stderr, text=True)

    def command(self, *words: str) -> Popen[str]:
        """A command that sends nothing."""
        keys = {f"{vendor.upper()}_API_KEY": key for vendor, key in KEYS.items()}
        all_words = [sys.executable, "-m", "scraper", *words, "--data", str(self.data)]
        return Popen(all_words, cwd=ROOT, env={**os.environ, **keys}, stdout=PIPE, stderr=PIPE, text=True)

    def run(self, job: Path, *options: str) -> dict[str, Any]:
        """A run that nobody stops: its result."""
        return ended(self.start(job, *options))

    # --- the ledger, as another reader sees it ------------------------------------------------------------------------

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        if not (self.data / "state.db").exists():
            return []
        with closing(connect(self.data / "state.db", timeout=30)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            return database.execute(sql, values).fetchall() if "requests" in tables else []

    def runs(self) -> list[tuple[str, str]]:
        """Ids and states of the runs, in the order in which they began."""
        return [
            (run_id, status) for run_id, status in self.query("SELECT run_id, status FROM runs ORDER BY started_at")
        ]

    def committed(self) -> int:
        rows = self.query("SELECT sum(CASE charge WHEN 'reserved' THEN reserved ELSE credits END) FROM requests")
        return int(rows[0][0] or 0) if rows else 0

    def attempts(self, run_id: str = "%", charge: str = "%") -> Hits:
        """Attempts in the ledger as the vendor would see them."""
        chosen = "SELECT endpoint, params FROM requests WHERE run_id LIKE ? AND charge LIKE ?"
        found: Hits = collections.Counter()
        for endpoint, params in self.query(chosen, run_id, charge):
            if endpoint not in PATHS:  # what a lost ledger may have spent: of any endpoint
                continue
            found[PATHS[endpoint], canonical(json.loads(params))] += 1
        return found


def ended(process: Popen[str]) -> dict[str, Any]:
    """The result that a process prints when it ends by itself."""
    printed, _ = process.communicate(timeout=300)
    assert printed, f"exit {process.returncode} and no result"
    return dict(json.loads(printed), exit_code=process.returncode)
