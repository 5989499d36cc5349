"""Boards that age: each place of a board belongs to one entry after the other, for spells at the place's own pace.

Everything about a day is computed from that day, without the days before it: a place's spell is found from the stretch
of time that the day lies in. Ranks follow an entry's strength, which rises and falls during its spell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from math import inf, sin
from typing import Final, NamedTuple

from scraper.sandbox.records.turnover import PACES, Turnover, moved, shares

WORLDWIDE: Final = 0.5
"""The part of a country's places for entries that are popular everywhere: countries overlap in a quarter."""
KINDS: Final = ("hashtags", "creators", "videos", "posts", "sounds")
"""Kinds of boards, by the table that they feed; posts are those of one hashtag."""
USUAL: Final[Mapping[str, Mapping[int, Turnover]]] = {
    "hashtags": {
        7: Turnover(0.15, 0.55, 0.85),
        30: Turnover(0.06, 0.25, 0.6),
        90: Turnover(0.03, 0.12, 0.36),
        120: Turnover(0.02, 0.09, 0.3),
    },
    "creators": {0: Turnover(0.01, 0.06, 0.2)},
    "videos": {7: Turnover(0.2, 0.75, 0.97), 30: Turnover(0.07, 0.33, 0.75)},
    "posts": {0: Turnover(0.05, 0.2, 0.4)},
    "sounds": {
        0: Turnover(0.05, 0.2, 0.45),
        7: Turnover(0.07, 0.25, 0.5),
        30: Turnover(0.03, 0.14, 0.4),
        120: Turnover(0.02, 0.09, 0.3),
    },
}
"""Turnover by kind and period (0: it has none), by default: guesses in the range of real boards,
from TikTok's discover page (hashtags 20 % after a day, users 1 to 10) to song charts (2 to 7)."""
ALWAYS: Final = 1 << 32
"""The number of a spell that never ends."""
_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15
_SLOWEST_FIRST: Final = sorted(range(len(PACES)), key=lambda number: -PACES[number].length)


def key_of(*words: object) -> int:
    """Return 64 bits that depend on these words only, the same on every machine."""
    return int.from_bytes(blake2b("|".join(map(str, words)).encode(), digest_size=8).digest())


def mixed(key: int, number: int) -> int:
    """Return the 64 bits at a place of the sequence of a key (SplitMix64)."""
    bits = (key + number * _STEP) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31)


def unit(key: int, number: int) -> float:
    """Return a number from 0 to below 1 at a place of the sequence of a key."""
    return (mixed(key, number) >> 11) / (1 << 53)


@dataclass(frozen=True, slots=True)
class Aging:
    """The aging of a sandbox's boards."""

    asked: tuple[tuple[str, Turnover], ...] = ()
    """Kind → its turnover, if it is not the usual one."""

    def turnover(self, kind: str, period_days: int = 0) -> Turnover:
        """Return the turnover of a board. A requested one is the same for every period."""
        return dict(self.asked).get(kind) or USUAL[kind][period_days]

    def tempo(self, seed: int, kind: str, country: object) -> float:
        """Return the speed of a country's own places, half to twice that of the world's; 1 for a requested turnover."""
        if kind in dict(self.asked):
            return 1.0
        return float(2 ** (2 * unit(key_of(seed, kind, "tempo", country), 0) - 1))


AS_USUAL: Final = Aging()


class Place(NamedTuple):
    """One place of a board."""

    key: int
    length: float
    """Days of its stretches."""
    regular: bool
    phase: float
    """The place in a stretch at which the calendar begins."""
    tempo: float
    """Its speed: 1, or more or less if countries differ."""


class Held(NamedTuple):
    """The spell at a place on one day."""

    place: int
    key: int
    """Key of the place: the same on every board that shares the place."""
    spell: int
    """Its number among the place's spells; `ALWAYS` for the one that never ends."""
    begun: float
    """Its beginning, in the units of `moved`; 0 for an endless one."""
    strength: float


class _Spell(NamedTuple):
    """A spell of a place, in stretches of its own."""

    number: int
    begins: float
    ends: float
    lasting: float
    """The part of its strength that stays."""
    swing: float
    beat: float


class BoardPlaces:
    """The places of one board. Spells are cached until another day needs others."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        self._spells: list[_Spell | None] = [None] * len(self.places)

    def on(self, day: date) -> list[Held]:
        """Return the spells at the places on a day, the strongest first."""
        moment, ordinal = moved(day), day.toordinal()
        spells, found = self._spells, []
        for number, place in enumerate(self.places):
            key, length, regular, phase, tempo = place
            at = moment * tempo / length + phase if length else ordinal
            spell = spells[number]
            if spell is None or not spell[1] <= at < spell[2]:
                spell = spells[number] = _spell(key, length, at, regular=regular)
            which, begins, ends, lasting, swing, beat = spell
            age = (at - begins) / (ends - begins) if length != inf else 0.5
            strength = lasting + 1.6 * age * (1 - age) + 0.06 * sin(swing + ordinal * beat)
            found.append((-strength, number, which, begins))
        found.sort()
        return [self._held(*one, moment) for one in found]

    def _held(self, weakness: float, number: int, which: int, begins: float, moment: float) -> Held:
        key, length, _, phase, tempo = self.places[number]
        begun = 0.0 if length == inf else (begins - phase) * length / tempo if length else moment - 1
        return Held(number, key, which, begun, -weakness)


def _spell(key: int, length: float, at: float, *, regular: bool) -> _Spell:
    if length == inf:
        number, begins, ends = ALWAYS, -inf, inf
    elif not length:
        number, begins, ends = int(at), at, at + 1
    else:
        number = int(at // 1)
        begins = number + (0.0 if regular else unit(key, number))
        if begins <= at:
            ends = number + 1 + (0.0 if regular else unit(key, number + 1))
        else:
            number, ends = number - 1, begins
            begins = number + (0.0 if regular else unit(key, number))
    own = mixed(key ^ 0x5851F42D4C957F2D, number)
    swing, beat = (own >> 20 & 0xFFFFF) / 0x100000, (own & 0xFFFFF) / 0x100000
    return _Spell(number, begins, ends, 0.6 * (own >> 40) / 0x1000000, 6.2832 * swing, 0.13 + 0.75 * beat)


def turn_of(held: Held, turns: int) -> int:
    """Return the candidate whose turn it is at a place: they follow each other, and the first comes back after the
    last.
    """
    return (held.spell + mixed(held.key, 0)) % turns


def places_of(
    seed: int,
    kind: str,
    country: object,
    kept_apart: object,
    count: int,
    asked: Turnover,
    tempo: float = 1.0,
    worldwide: float = WORLDWIDE,
) -> BoardPlaces:
    """Return the places of a board. `kept_apart`: the difference from others of its kind and country, such as a period.

    The part `worldwide` of a country's places are those of the whole world, which move at tempo 1.
    """
    owner = key_of(seed, kind, "owner", country)
    found = []
    for number, pace in enumerate(_paces(count, asked)):
        shared = unit(owner, number) < worldwide
        key = key_of(seed, kind, "world" if shared else country, kept_apart, number)
        found.append(Place(key, PACES[pace].length, PACES[pace].regular, unit(key, -1), 1.0 if shared else tempo))
    return BoardPlaces(found)


def spliced(own: BoardPlaces, lent: BoardPlaces, first: int, every: int) -> BoardPlaces:
    """Return a board's own places with those of another one at each `every`-th place from `first` on."""
    return BoardPlaces(
        tuple(
            there if number % every == first else here
            for number, (here, there) in enumerate(zip(own.places, lent.places, strict=True))
        )
    )


def _paces(count: int, asked: Turnover) -> Sequence[int]:
    """Return the pace of each place: by the shares, spread evenly over the board."""
    parts, found, reached = shares(asked), list[int](), 0.0
    for pace in _SLOWEST_FIRST:
        reached += parts[pace]
        while len(found) < count and (len(found) + 0.5) / count <= reached:
            found.append(pace)
    return found + [_SLOWEST_FIRST[-1]] * (count - len(found))
