"""The boards of a night as a person reads them."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from scraper.cli.display.plan import MOST_BOARDS, print_boards
from scraper.core.changes.order import Because
from scraper.core.changes.tonight import Choice, Tonight
from scraper.core.jobs import OrderName


def shown(tonight: Tonight, width: int = 80) -> list[str]:
    text = StringIO()
    print_boards(tonight, Console(file=text, width=width))
    return [line.rstrip() for line in text.getvalue().splitlines()]


def choice(place: int, because: Because = Because.WORTH, **told: object) -> Choice:
    values = {"nights": place + 1, "expected": 9.5 - place / 10, "is_bought": True, **told}
    return Choice(f"w{place}", "boards", f"country_code=C{place}", "crawlora", 8, because, **values)  # type: ignore[arg-type]


def test_a_night_says_of_each_board_why_it_is_bought_or_left() -> None:
    choices = (
        choice(0, Because.UNREAD, nights=None, expected=None),
        choice(1, Because.OVERDUE),
        choice(2, Because.EXPLORED),
        choice(3),
        choice(4, is_bought=False),
    )
    assert shown(Tonight(OrderName.CHANGES, choices)) == [
        'Boards: 4 of 5 boards for 32 credits (order = "changes")',
        "board               last read  new  credits  tonight  why",
        "─" * 80,
        "country_code=C0         never  all        8  bought   never read",
        "country_code=C1  2 nights ago  9.4        8  bought   waited the longest allowed",
        "country_code=C2  3 nights ago  9.3        8  bought   exploration",
        "country_code=C3  4 nights ago  9.2        8  bought   most new per credit",
        "",
        "country_code=C4  5 nights ago  9.1        8  left     others show more",
    ]


def test_a_wide_list_is_shortened_and_what_is_not_shown_is_summed_up() -> None:
    found = Tonight(OrderName.STALEST, tuple(choice(place, Because.STALEST) for place in range(MOST_BOARDS + 3)))
    lines = shown(found)
    assert len(lines) == 3 + MOST_BOARDS + 1
    assert lines[-1].split() == ["…", "3", "more", "25.2", "24", "bought", "--format", "json", "has", "all"]
    assert max(map(len, lines)) <= 80
