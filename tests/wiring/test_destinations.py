"""Files that came with a job: which host gets which variable, and what needs the user's own word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scraper.core.destinations import carries
from scraper.core.errors import ConfigurationError
from scraper.io.http_transport import Access
from scraper.wiring.access import access_of
from scraper.wiring.destinations import destinations_of
from scraper.wiring.files import load_job
from scraper.wiring.settings import Settings
from tests.docs.markdown import manual, own_files
from tests.docs.place import said
from tests.examples import examples

pytestmark = pytest.mark.own_instant

FORUM = own_files(manual())
CRAWL = '[[crawl]]\nendpoint = "crawlora.hashtags"\nparams = { country_code = "US" }\n'
ENVIRONMENT = {
    "CRAWLORA_API_KEY": "crawlora-key-1",
    "CRAWLORA_KEY_TEAM": "crawlora-key-2",
    "FORUM_API_KEY": "forum-key-1",
    "AWS_SECRET_ACCESS_KEY": "aws-secret-1",
    "CORP_PROXY_AUTH": "ann:correct-horse",
    "HOME": "/homes/ann",
}
SETTINGS = "/homes/ann/.config/scraper/settings.toml"


def access(
    place: Path,
    *,
    account: str = "",
    vendor: str = "",
    crawl: str = CRAWL,
    allow: Sequence[str] = (),
    urls: Mapping[str, str] | None = None,
    more: Mapping[str, str] | None = None,
) -> dict[str, Access]:
    """The access of a job whose account and whose vendor file are stated."""
    job = place / "job.toml"
    accounts = f"[accounts.crawlora]\n{account}\n" if account else ""
    job.write_text(f'name = "night"\nbudget = 40\n{accounts}{crawl}')
    if vendor:
        (place / "vendors").mkdir(exist_ok=True)
        (place / "vendors" / "crawlora.toml").write_text(vendor)
    found, catalogue = load_job(job)
    environment = {**ENVIRONMENT, **(more or {})}
    settings = Settings(data=place / "data", vendor_urls=urls or {}, allow_hosts=allow, environment=environment)
    return access_of(found, catalogue, place, settings, None)


def refused(place: Path, **stated: object) -> str:
    with pytest.raises(ConfigurationError) as failure:
        access(place, **stated)  # type: ignore[arg-type]
    [fault] = failure.value.faults
    return str(fault).replace(f"{place}/", "")


def test_a_file_that_changes_a_packaged_vendors_host_is_named_with_host_and_variable(tmp_path: Path) -> None:
    elsewhere = 'base_url = "https://evil.test/api"'
    assert refused(tmp_path, vendor=elsewhere) == (
        "vendors/crawlora.toml: base_url: this would send CRAWLORA_API_KEY to evil.test instead of api.crawlora.net; "
        f'if you want that: --allow-host evil.test, or allow_hosts = ["evil.test"] in {SETTINGS}'
    )
    allowed = access(tmp_path, vendor=elsewhere, allow=["evil.test"])
    assert (allowed["crawlora"].base_url, allowed["crawlora"].key) == ("https://evil.test/api", "crawlora-key-1")


@pytest.mark.parametrize(
    "url", ["https://api.crawlora.net:8443/api", "https://api.crawlora.net.evil.test", "https://crawlora.net"]
)
def test_another_port_or_a_host_that_looks_alike_is_another_host(tmp_path: Path, url: str) -> None:
    assert "this would send CRAWLORA_API_KEY to" in refused(tmp_path, vendor=f'base_url = "{url}"')


def test_plain_http_to_the_packaged_host_needs_a_word_too(tmp_path: Path) -> None:
    told = refused(tmp_path, vendor='base_url = "http://api.crawlora.net/api"', account="allow_http = true")
    assert told.startswith("vendors/crawlora.toml: base_url: this would send CRAWLORA_API_KEY to api.crawlora.net")


def test_another_path_of_the_packaged_host_needs_none(tmp_path: Path) -> None:
    assert access(tmp_path, vendor='base_url = "https://API.crawlora.net/api/v2"')["crawlora"].key == "crawlora-key-1"


def test_a_second_key_that_carries_the_vendors_name_needs_no_word(tmp_path: Path) -> None:
    assert access(tmp_path, account='key_env = "CRAWLORA_KEY_TEAM"')["crawlora"].key == "crawlora-key-2"


def test_another_variable_of_the_environment_is_named_and_not_sent(tmp_path: Path) -> None:
    entry = "api.crawlora.net=AWS_SECRET_ACCESS_KEY"
    stolen = 'key_env = "AWS_SECRET_ACCESS_KEY"'
    assert refused(tmp_path, account=stolen) == (
        "job.toml: accounts.crawlora.key_env: this would send AWS_SECRET_ACCESS_KEY to api.crawlora.net, and its name "
        f'does not say that it is for crawlora; if you want that: --allow-host {entry}, or allow_hosts = ["{entry}"] '
        f"in {SETTINGS}"
    )
    assert "--allow-host" in refused(tmp_path, account=stolen, allow=["api.crawlora.net", "evil.test=AWS_SECRET"])
    assert access(tmp_path, account=stolen, allow=[entry])["crawlora"].key == "aws-secret-1"
    told = refused(tmp_path, vendor=stolen)
    assert told.startswith("vendors/crawlora.toml: key_env: this would send AWS_SECRET_ACCESS_KEY")


def test_a_host_that_the_user_types_is_the_users_word_but_no_variable_of_a_file_is(tmp_path: Path) -> None:
    urls = {"crawlora": "https://gateway.test/v1"}
    assert access(tmp_path, urls=urls)["crawlora"].base_url == "https://gateway.test/v1"
    told = refused(tmp_path, urls=urls, account='key_env = "AWS_SECRET_ACCESS_KEY"')
    assert "--allow-host gateway.test=AWS_SECRET_ACCESS_KEY" in told


@pytest.mark.parametrize("entry", ["[2001:db8::1]", "[2001:DB8::1]:8443"])
def test_an_ipv6_address_is_allowed_in_brackets(tmp_path: Path, entry: str) -> None:
    vendor = 'base_url = "https://[2001:db8::1]:8443/api"'
    assert "--allow-host [2001:db8::1]:8443," in refused(tmp_path, vendor=vendor)
    assert access(tmp_path, vendor=vendor, allow=[entry])


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:1", "[::1]:9"])
def test_loopback_needs_no_word_whatever_the_variable(tmp_path: Path, host: str) -> None:
    stated = f'base_url = "http://{host}"\nkey_env = "AWS_SECRET_ACCESS_KEY"'
    assert access(tmp_path, vendor=stated)["crawlora"].base_url == f"http://{host}"


def test_a_vendor_of_ones_own_needs_its_host_allowed_once_in_ones_own_settings(tmp_path: Path) -> None:
    (tmp_path / "vendors").mkdir()
    (tmp_path / "vendors" / "forum.toml").write_text(FORUM["configs/vendors/forum.toml"])
    crawl = '[[crawl]]\nendpoint = "forum.threads"\nparams = { board = "cats" }\n'
    told = refused(tmp_path, crawl=crawl)
    host = re.findall(r"--allow-host (\S+),", told)[0]
    assert told.startswith(
        f"vendors/forum.toml: base_url: this would send FORUM_API_KEY to {host}, which no packaged file names; if you"
    )
    config = tmp_path / "config"
    (config / "scraper").mkdir(parents=True)
    own = config / "scraper" / "settings.toml"
    own.write_text(f'allow_hosts = ["{host.upper()}"]\n')
    where = {"XDG_CONFIG_HOME": str(config)}
    assert access(tmp_path, crawl=crawl, more=where)["forum"].key == "forum-key-1"
    assert access(tmp_path, crawl=crawl, allow=[host])["forum"].key == "forum-key-1"
    own.write_text('allow_hosts = ["https://a.test/x"]\nallow = 1\n')
    with pytest.raises(ConfigurationError) as failure:
        access(tmp_path, crawl=crawl, more=where)
    assert [str(fault).replace(f"{own}: ", "") for fault in failure.value.faults] == [
        "allow_hosts: 'https://a.test/x' is not of the form HOST, HOST:PORT or HOST=VARIABLE",
        "allow: no such key; did you mean 'allow_hosts'?; known are allow_hosts",
    ]


def test_a_settings_file_below_the_project_is_not_the_users(tmp_path: Path) -> None:
    (tmp_path / "scraper").mkdir()
    (tmp_path / "scraper" / "settings.toml").write_text('allow_hosts = ["evil.test"]')
    (tmp_path / ".env").write_text(f"XDG_CONFIG_HOME={tmp_path}\n")
    assert "evil.test" in refused(tmp_path, vendor='base_url = "https://evil.test"', more={"XDG_CONFIG_HOME": "."})


NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
HOSTS = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,2}", fullmatch=True) | st.just("api.crawlora.net")


@examples(40)
@given(HOSTS, NAMES | st.sampled_from(sorted(ENVIRONMENT)))
@example("api.crawlora.net", "AWS_SECRET_ACCESS_KEY")
@example("evil.test", "CRAWLORA_API_KEY")
@example("api.crawlora.net", "CRAWLORAX_KEY")
def test_without_a_word_nothing_but_a_key_of_the_vendor_goes_to_anything_but_its_host(host: str, variable: str) -> None:
    values = {variable: f"secret-of-{variable}", "XDG_CONFIG_HOME": "/nobody"}
    with TemporaryDirectory() as place:
        vendor = f'base_url = "https://{host}"\nkey_env = "{variable}"'
        try:
            [sent] = access(Path(place), vendor=vendor, more=values).values()
        except ConfigurationError:
            assert host != "api.crawlora.net" or not carries(variable, "crawlora")
        else:
            assert sent.base_url == "https://api.crawlora.net"
            assert "CRAWLORA" in variable.split("_")


# --- proxies ----------------------------------------------------------------------------------------------------------

PROXY = 'proxy = "http://proxy.corp:3128"'


def test_a_proxy_without_credentials_needs_no_word_and_the_environments_is_never_used(tmp_path: Path) -> None:
    more = {"HTTPS_PROXY": "http://other.test:1", "ALL_PROXY": "http://other.test:1"}
    assert access(tmp_path, more=more)["crawlora"].proxy is None
    proxied = access(tmp_path, account=PROXY)["crawlora"].proxy
    assert proxied is not None
    assert (proxied.url, proxied.credentials) == ("http://proxy.corp:3128", "")


def test_a_proxys_credentials_go_to_a_host_that_is_allowed_and_show_nowhere(tmp_path: Path) -> None:
    account = f'{PROXY}\nproxy_auth_env = "CORP_PROXY_AUTH"'
    told = refused(tmp_path, account=account)
    assert told.startswith(
        "job.toml: accounts.crawlora.proxy: this would send CORP_PROXY_AUTH to proxy.corp:3128, which"
    )
    for entry in ("proxy.corp", "proxy.corp:3128"):
        found = access(tmp_path, account=account, allow=[entry])["crawlora"]
        assert found.proxy is not None
        assert found.proxy.credentials == "ann:correct-horse"
        assert "correct-horse" not in repr(found)
    stolen = f'{PROXY}\nproxy_auth_env = "AWS_SECRET_ACCESS_KEY"'
    told = refused(tmp_path, account=stolen, allow=["proxy.corp"], more={"AWS_SECRET_ACCESS_KEY": "aws:secret-1"})
    assert "--allow-host proxy.corp:3128=AWS_SECRET_ACCESS_KEY" in told


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "must contain user:password for the proxy, and is neither in the environment nor in"),
        ("no-colon-here", "does not contain user:password for the proxy, on one line"),
        ("ann:horse\r\nX: y", "does not contain user:password for the proxy, on one line"),
    ],
)
def test_unusable_credentials_are_refused_and_not_shown(tmp_path: Path, value: str, fault: str) -> None:
    account = f'{PROXY}\nproxy_auth_env = "CORP_PROXY_AUTH"'
    told = refused(tmp_path, account=account, allow=["proxy.corp"], more={"CORP_PROXY_AUTH": value})
    assert told.startswith(f"CORP_PROXY_AUTH: {fault}")
    assert "horse" not in told
    assert "no-colon" not in told


@pytest.mark.parametrize(
    ("stated", "fault"),
    [
        ("https://proxy.corp:3128", "is an https proxy: write http://host:port"),
        ("socks5://proxy.corp:1080", "is not an address of the form http://host:port"),
        ("http://proxy.corp", "is not an address of the form http://host:port"),
        ("http://proxy.corp:3128/path", "is not an address of the form http://host:port"),
        ("proxy.corp:3128", "is not an address of the form http://host:port"),
        ("http://proxy.corp:99999", "is not an address of the form http://host:port"),
        ("http://ann:horse@proxy.corp:3128", "must not hold a user and password: name the variable"),
    ],
)
def test_an_address_that_is_no_http_proxy_is_refused(tmp_path: Path, stated: str, fault: str) -> None:
    told = refused(tmp_path, account=f'proxy = "{stated}"')
    assert told.startswith("job.toml: accounts.crawlora.proxy: ")
    assert fault in told
    assert "horse" not in told


def test_a_proxy_reads_no_key_on_its_way_to_plain_http_and_loopback_is_reached_without_one(tmp_path: Path) -> None:
    account = f"{PROXY}\nallow_http = true"
    told = refused(tmp_path, account=account, urls={"crawlora": "http://10.0.0.1/api"})
    assert told.endswith("the proxy would read the key on its way to crawlora, whose address is plain http")
    assert access(tmp_path, account=account, urls={"crawlora": "http://127.0.0.1:9"})["crawlora"].proxy is None


def test_credentials_without_a_proxy_are_a_fault(tmp_path: Path) -> None:
    told = refused(tmp_path, account='proxy_auth_env = "CORP_PROXY_AUTH"')
    assert told == "job.toml: accounts.crawlora.proxy_auth_env: goes with proxy, which names the proxy"


# --- said -------------------------------------------------------------------------------------------------------------


def test_plan_and_the_first_line_of_a_run_name_host_and_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("job.toml").write_text(f'name = "night"\nbudget = 40\n[accounts.crawlora]\n{PROXY}\n{CRAWL}')
    words = "crawlora: CRAWLORA_API_KEY to api.crawlora.net through proxy.corp:3128"
    job, catalogue = load_job(Path("job.toml"))
    assert [each.words for each in destinations_of(job, catalogue, Settings())] == [words]
    assert words in " ".join(said(["plan", "job.toml", "--format", "table"]).stdout.split())
    monkeypatch.setenv("CRAWLORA_API_KEY", "crawlora-key-1")
    at = ["--vendor-url", "crawlora=http://127.0.0.1:9", "--data", "d", "--new", "-o", "result.json"]
    run = said(["run", "job.toml", *at, "--budget", "7"])
    first = next(line for line in run.stderr.splitlines() if "run_started" in line)
    assert 'access="crawlora: CRAWLORA_API_KEY to 127.0.0.1:9"' in first


def test_a_job_that_would_send_a_key_elsewhere_plans_says_so_and_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRAWLORA_API_KEY", "crawlora-key-1")
    Path("vendors").mkdir()
    Path("vendors/crawlora.toml").write_text('base_url = "https://evil.test"')
    Path("job.toml").write_text(f'name = "night"\nbudget = 40\n{CRAWL}')
    planned = said(["plan", "job.toml", "--format", "table"])
    assert planned.exit_code == 0
    assert "--allow-host evil.test" in " ".join(planned.stdout.split())
    for command in (["run", "job.toml"], ["reconcile", "job.toml", "--data", "d"]):
        ended = said(command)
        assert (ended.exit_code, ended.stdout) == (2, "")
    assert "this would send CRAWLORA_API_KEY to evil.test" in said(["run", "job.toml"]).stderr
    assert not list(tmp_path.rglob("state.db"))
