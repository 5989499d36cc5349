"""Sounds that trend: KeyAPI's ranked boards, and the list of TikTok's app.

The board's records are those of the documented example (KeyAPI, read 2026-11-29). The app's are typed as anything by
Crawlora; their fields are those of TikTok's app schema, assumed. Both show sounds that posts use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from scraper.sandbox.records import Record
from scraper.sandbox.records.aging import AS_USUAL, Aging, BoardPlaces, places_of, turn_of
from scraper.sandbox.records.draws import days_grown, draw, midnight_s, signed_url, spread, urls_expire_s
from scraper.sandbox.records.people import People, Sound
from scraper.sandbox.records.words import COUNTRIES, VIDEO_COUNTRIES

BOARD_SIZE = 99
"""`pagination.total` of the documented example."""
CANDIDATES = 20
"""Sounds that take turns at one place."""
APP_LIST_SIZE = 70
"""Sounds that the app lists on a day: our choice."""
INTERESTS = ("Scripted Drama", "Other Talent", "Entertainment News", "Selfies", "Street Interviews", "Baking", "Kites")


@dataclass(frozen=True, slots=True)
class SoundPlace:
    """A sound's place on a board; `before` is its place on the day before, None if it is new."""

    index: int
    rank: int
    before: int | None


class SoundBoards:
    """All boards of sounds, and the app's list."""

    def __init__(self, seed: int, aging: Aging = AS_USUAL) -> None:
        self._seed = seed
        self._aging = aging
        self._people = People(seed)
        self._held = lru_cache(maxsize=64)(self._draw_places)
        self._order = lru_cache(maxsize=64)(self._draw_order)

    def board(
        self, country: str, period_days: int, day: date, *, only_new: bool, commercial: bool, keyword: str = ""
    ) -> list[Record]:
        """Return the records of one board by rank; none for a country without one."""
        places = [place for place in self._places(country, period_days, day) if not only_new or place.before is None]
        records = [self._record(place, country, period_days, day) for place in places]
        records = [record for record in records if record["if_cml"]] if commercial else records
        return [record for record in records if keyword.lower() in record["title"].lower()]

    def detail(self, sound_id: str, country: str, period_days: int, day: date) -> Record | None:
        """Return the record of a sound on a board with its audience, or None if it is not on it."""
        for place in self._places(country, period_days, day):
            if self._sound(place.index).music_id == sound_id:
                return {**self._record(place, country, period_days, day), **self._audience(place.index, country)}
        return None

    def app_list(self, at: datetime, start: int, count: int) -> tuple[Sequence[Record], int]:
        """Return the app's list from `start` (0-based) on, and its whole length."""
        order = self._order(None, 7, at.date())[:APP_LIST_SIZE]
        return [self.app_record(index, at) for index in order[start : start + count]], len(order)

    def app_record(self, index: int, at: datetime) -> Record:
        """Return a sound in the app's schema: `id` is a number, and `id_str` the same as text."""
        rng = draw(self._seed, "app sound", index)
        sound, expires_s = self._sound(index), urls_expire_s(at)
        covers = {
            f"cover_{size}": {
                "uri": f"tos-avt-0068/{rng.getrandbits(64):016x}",
                "url_list": [signed_url(rng, "tos-avt-0068", form, expires_s)],
            }
            for size, form in (("large", "720:720.webp"), ("medium", "200:200.webp"), ("thumb", "100:100.webp"))
        }
        return {
            "id": int(sound.music_id),
            "id_str": sound.music_id,
            "mid": sound.music_id,
            "title": sound.title,
            "author": sound.author,
            "album": sound.album,
            "duration": sound.duration_s,
            "user_count": int(spread(rng, 3, 7.2) * (1 + 0.002 * days_grown(at.date()))),
            "is_original": sound.original,
            "is_original_sound": sound.original,
            "is_commerce_music": self._commercial(index),
            "owner_handle": "" if not sound.original else f"maker{index}",
            "owner_nickname": sound.author if sound.original else "",
            "language": "English",
            "status": 1,
            "play_url": {
                "uri": f"ies-music/{sound.music_id}.mp3",
                "url_list": [signed_url(rng, "ies-music", "play.mp3", expires_s)],
            },
            **covers,
        }

    def _sound(self, index: int) -> Sound:
        return self._people.sound(index)

    def _commercial(self, index: int) -> bool:
        return not self._sound(index).original and draw(self._seed, "licence", index).random() < 0.6

    def _draw_places(self, country: str | None, period_days: int) -> BoardPlaces:
        turnover, tempo = self._aging.turnover("sounds", period_days), self._aging.tempo(self._seed, "sounds", country)
        return places_of(self._seed, "sounds", country, period_days, BOARD_SIZE, turnover, tempo)

    def _draw_order(self, country: str | None, period_days: int, day: date) -> tuple[int, ...]:
        held = self._held(country, period_days).on(day)
        return tuple(spell.place + BOARD_SIZE * turn_of(spell, CANDIDATES) for spell in held)

    def _places(self, country: str, period_days: int, day: date) -> list[SoundPlace]:
        if country not in VIDEO_COUNTRIES:
            return []
        yesterday = self._order(country, period_days, day - timedelta(days=1))
        before = {index: rank for rank, index in enumerate(yesterday, start=1)}
        today = self._order(country, period_days, day)
        return [SoundPlace(index, rank, before.get(index)) for rank, index in enumerate(today, start=1)]

    def _record(self, place: SoundPlace, country: str, period_days: int, day: date) -> Record:
        sound = self._sound(place.index)
        rng = draw(self._seed, "sound curve", place.index, country, period_days, day)
        heights = [round(rng.random(), 2) for _ in range(6)]
        step_s, last_s = period_days // 7 * 86_400, midnight_s(day) - 86_400
        curve = [*heights, 1]
        words = "-".join(sound.title.split())
        record: Record = {
            "author": sound.author,
            "clip_id": sound.music_id,
            "country_code": country,
            "cover": f"https://p16-sg.cdn.example/aweme/720x720/tos-alisg-v-2774/{sound.music_id}.jpeg",
            "duration": sound.duration_s,
            "if_cml": self._commercial(place.index),
            "is_search": False,
            "link": f"https://www.tiktok.com/music/x-{sound.music_id}",
            "on_list_times": None,
            "promoted": False,
            "rank": place.rank,
            "rank_diff_type": 4,
            "related_items": None,
            "song_id": str(int(sound.music_id) - 81_021_370_367),
            "title": sound.title,
            "trend": [{"time": last_s - (6 - n) * step_s, "value": value} for n, value in enumerate(curve)],
            "url_title": words,
        }
        if place.before is not None:
            moved = place.before - place.rank
            record["rank_diff"] = abs(moved)
            record["rank_diff_type"] = 1 if moved > 0 else 3 if moved < 0 else 2
        return record

    def _audience(self, index: int, country: str) -> Record:
        rng = draw(self._seed, "audience", index, country)
        codes = rng.sample(sorted(COUNTRIES), 10)
        scores = sorted((rng.randint(60, 1500) for _ in codes), reverse=True)
        interests = rng.sample(range(len(INTERESTS)), 5)
        return {
            "audience_ages": None,
            "audience_countries": [
                {"country_info": {"id": str(rng.randrange(10**5, 10**7)), "label": code, "value": COUNTRIES[code]}}
                | {"score": score}
                for code, score in zip(codes, scores, strict=True)
            ],
            "audience_interests": [
                {
                    "interest_info": {
                        "id": str(10_000 + number),
                        "label": f"diversify_{10_000 + number}",
                        "value": INTERESTS[number],
                    },
                    "score": rng.randint(100, 1200),
                }
                for number in interests
            ],
        }
