"""Seeded draws that several kinds of record share."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from random import Random

from scraper.sandbox.records.words import EMOJI, FAMILY, GIVEN, INVISIBLE, PHRASES

GROWS_FROM = date(2026, 1, 1)
"""Cumulative counts (followers, plays) grow daily from this day on; before, they are constant."""


def draw(seed: int, *what: object) -> Random:
    """Return draws that depend on these words only: a string seed is the same on every machine and in every process."""
    return Random("|".join(map(str, (seed, *what))))


def days_grown(day: date) -> int:
    """Return the number of days for which counts have grown."""
    return max(0, (day - GROWS_FROM).days)


def midnight_s(day: date) -> int:
    """Return UTC midnight in seconds since 1970."""
    return int(datetime.combine(day, time(), UTC).timestamp())


def urls_expire_s(moment: datetime) -> int:
    """Return the time at which URLs signed now expire: six hours after the full hour, in seconds since 1970."""
    return int(moment.timestamp()) // 3600 * 3600 + 6 * 3600


def signed_url(rng: Random, bucket: str, form: str, expires_s: int) -> str:
    """Return a signed URL on a host that cannot exist (`.example`)."""
    token = rng.getrandbits(280)
    return (
        f"https://p16-sign-va.cdn.example/{bucket}/{token & (1 << 128) - 1:032x}~{form}"
        f"?dr=14579&refresh_token={token >> 248:08x}&x-expires={expires_s}"
        f"&x-signature={token >> 128 & (1 << 104) - 1:026x}%3D&t=4d5b{token >> 232 & 0xFFFF:04x}&ps=1374&idc=my"
    )


def long_id(rng: Random) -> str:
    """Return a 19-digit id, like those of posts, users and music."""
    return str(rng.randrange(6_800_000_000_000_000_000, 7_600_000_000_000_000_000))


def handle(rng: Random) -> str:
    """Return a user name: ASCII, sometimes with a dot or digits."""
    word = "".join(rng.choice(("ba", "ki", "lo", "mer", "nu", "sa", "ti", "vor", "we", "yo")) for _ in range(3))
    return f"{word}{rng.choice(('', '_', '.'))}{rng.choice(('', 'x', '77', '2k', 'makes'))}{rng.randrange(1000)}"


def person(rng: Random) -> str:
    name = f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}"
    return f"{name} {rng.choice(EMOJI)}" if rng.random() < 0.25 else name


def caption(rng: Random, script: str) -> str:
    """Return a line of text as people write it: emoji often, invisible characters sometimes."""
    text: str = rng.choice(PHRASES[script])
    dice = rng.random()
    if dice < 0.5:
        text = f"{text} {rng.choice(EMOJI)}"
    if dice < 0.1:
        text = f"{text}{rng.choice(INVISIBLE)}"
    return text


def spread(rng: Random, low: float, high: float) -> int:
    """Return a whole number from 10**low to 10**high; all orders of magnitude are equally likely."""
    return int(10 ** rng.uniform(low, high))
