"""TOML and SQL files at the edge: read, validated whole, and turned into the core's values."""

from scraper.io.config_files.dotenv import DOTENV_FILE, dotenv_warning, read_dotenv
from scraper.io.config_files.job_files import read_job
from scraper.io.config_files.table_files import read_tables, read_view_files
from scraper.io.config_files.vendor_files import read_catalogue, url_fault

__all__ = [
    "DOTENV_FILE",
    "dotenv_warning",
    "read_catalogue",
    "read_dotenv",
    "read_job",
    "read_tables",
    "read_view_files",
    "url_fault",
]
