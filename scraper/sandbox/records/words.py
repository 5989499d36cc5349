"""Names, captions, countries and industries that records are made of: see ``vocabulary.toml`` beside this file."""

from __future__ import annotations

import tomllib
from importlib import resources

_READ = tomllib.loads((resources.files(__package__) / "vocabulary.toml").read_text(encoding="utf-8"))

FIRST: dict[str, tuple[str, ...]] = {script: tuple(words.split()) for script, words in _READ["first"].items()}
SECOND: dict[str, tuple[str, ...]] = {script: tuple(words.split()) for script, words in _READ["second"].items()}
PHRASES: dict[str, tuple[str, ...]] = {script: tuple(captions) for script, captions in _READ["phrases"].items()}
GIVEN, FAMILY = tuple(_READ["given"].split()), tuple(_READ["family"].split())
EMOJI, INVISIBLE, TAILS = tuple(_READ["emoji"]), tuple(_READ["invisible"]), tuple(_READ["tails"])
SONGS, ALBUMS = tuple(_READ["songs"]), tuple(_READ["albums"])

COUNTRIES: dict[str, str] = _READ["countries"]
INDUSTRIES: dict[int, str] = {int(number): name for number, name in _READ["industries"].items()}
SCRIPTS: dict[str, str] = _READ["scripts"]
"""The vocabulary of a country; English for all others."""
HASHTAG_COUNTRIES, CREATOR_COUNTRIES, VIDEO_COUNTRIES = (
    tuple(_READ["boards"][kind].split()) for kind in ("hashtags", "creators", "videos")
)
