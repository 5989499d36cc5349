"""Where a key comes from, where it may go, and how a user is told that it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from scraper.core.errors import ConfigurationError
from scraper.wiring.access import access_of
from scraper.wiring.files import load_job
from scraper.wiring.settings import Settings

JOB = """
name = "night"
budget = 40
{accounts}
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = "US" }}
[[crawl]]
endpoint = "keyapi.hashtags"
params = {{ region = "US" }}
"""
BOTH = {"CRAWLORA_API_KEY": "crawlora-key-1", "KEYAPI_API_KEY": "sk_live_keyapi"}


def keys(
    place: Path,
    environment: dict[str, str],
    *,
    accounts: str = "",
    urls: dict[str, str] | None = None,
    allow: Sequence[str] = (),
) -> dict[str, str]:
    path = place / "job.toml"
    path.write_text(JOB.format(accounts=accounts))
    job, catalogue = load_job(path)
    settings = Settings(data=place / "data", vendor_urls=urls or {}, environment=environment, allow_hosts=allow)
    access = access_of(job, catalogue, place, settings, None)
    return {name: each.key for name, each in access.items()}


def faults(place: Path, environment: dict[str, str], **more: object) -> list[str]:
    with pytest.raises(ConfigurationError) as failure:
        keys(place, environment, **more)  # type: ignore[arg-type]
    return [str(fault) for fault in failure.value.faults]


def test_the_environment_wins_over_the_file_beside_the_job(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CRAWLORA_API_KEY=from-the-file\nKEYAPI_API_KEY=from-the-file\nOTHER=x\n")
    assert keys(tmp_path, {"CRAWLORA_API_KEY": " from-outside \n", "KEYAPI_API_KEY": ""}) == {
        "crawlora": "from-outside",
        "keyapi": "from-the-file",
    }


def test_a_file_that_nobody_needs_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("not a line\n")
    assert keys(tmp_path, BOTH) == {"crawlora": "crawlora-key-1", "keyapi": "sk_live_keyapi"}
    told = "is not of the form NAME=value; a value of several words stands in quotes"
    assert faults(tmp_path, {}) == [f"{tmp_path / '.env'}: line 1: {told}"]


def test_every_missing_key_is_told_with_its_variable(tmp_path: Path) -> None:
    accounts = '[accounts.keyapi]\nkey_env = "KEYAPI_OTHER_KEY"'
    known = {"CRAWLORA_API_KEY": " "}
    where = f"; {tmp_path / '.env'} may contain it as well (--sandbox needs no key)"
    assert faults(tmp_path, known, accounts=accounts) == [
        f"CRAWLORA_API_KEY: this environment variable must contain the Crawlora key, and is empty{where}",
        f"KEYAPI_OTHER_KEY: this environment variable must contain the KeyAPI key, and is not set{where}",
    ]


def test_a_key_that_would_forge_a_header_is_refused_and_not_shown(tmp_path: Path) -> None:
    evil = "sk_live_1\r\nHost: evil.test"
    (told,) = faults(tmp_path, {**BOTH, "KEYAPI_API_KEY": evil})
    assert told.startswith("KEYAPI_API_KEY: is not a key: it contains a space, a line break")
    assert "sk_live_1" not in told


@pytest.mark.parametrize("value", ["sk_live_SECRET", "SECRET-with-a-dash", "SECRET KEY"])
def test_a_key_in_the_place_of_its_variables_name_is_refused_and_not_shown(tmp_path: Path, value: str) -> None:
    (told,) = faults(tmp_path, BOTH, accounts=f'[accounts.keyapi]\nkey_env = "{value}"')
    assert "a job file never contains the key itself" in told
    assert "SECRET" not in told


def test_plain_http_needs_the_owners_word_for_that_account(tmp_path: Path) -> None:
    urls = {"crawlora": "http://10.0.0.1/api", "keyapi": "http://10.0.0.2"}
    allowed = "[accounts.keyapi]\nallow_http = true"
    (told,) = faults(tmp_path, BOTH, accounts=allowed, urls=urls)
    assert told.startswith("--vendor-url: 'http://10.0.0.1/api' would send the key unencrypted")
    assert keys(tmp_path, BOTH, accounts=f"{allowed}\n[accounts.crawlora]\nallow_http = true", urls=urls)


def test_a_vendor_file_may_state_plain_http_and_the_account_decides(tmp_path: Path) -> None:
    (tmp_path / "vendors").mkdir()
    (tmp_path / "vendors" / "keyapi.toml").write_text('base_url = "http://keyapi.lan"\n')
    (told,) = faults(tmp_path, BOTH)
    assert told.startswith("keyapi: base_url: 'http://keyapi.lan' would send the key unencrypted")
    assert keys(tmp_path, BOTH, accounts="[accounts.keyapi]\nallow_http = true", allow=["keyapi.lan"])


def test_faults_of_addresses_and_keys_come_together(tmp_path: Path) -> None:
    urls = {"crawlorra": "https://a.test", "keyapi": "https://user@a.test"}
    told = faults(tmp_path, {"CRAWLORA_API_KEY": "short"}, urls=urls)
    assert [line.partition(":")[0] for line in told] == [
        "--vendor-url",
        "--vendor-url",
        "CRAWLORA_API_KEY",
        "KEYAPI_API_KEY",
    ]
