"""Successful pages with wrong pagination: a wrong end, page number or total."""

from __future__ import annotations

from collections.abc import Callable

from scraper.sandbox.answers import Asked
from scraper.sandbox.faults.shapes import Charged, FaultKind, OpenedPage, Option, Replaced, Sent, Target


def _changed(change: Callable[[OpenedPage, Asked], None]) -> Replaced:
    def sent(target: Target, asked: Asked) -> Sent:
        page = target.successful(asked)
        change(page, asked)
        return page.sent()

    return sent


def _number(asked: Asked) -> int:
    return asked.integer("page", 1)


def _cursor(asked: Asked) -> int:
    return asked.integer("cursor", 0)


def _empty(page: OpenedPage, asked: Asked) -> None:  # noqa: ARG001 the same for each page
    page.records = []
    page.promise(True)


def _null_list(page: OpenedPage, asked: Asked) -> None:  # noqa: ARG001 the same for each page
    """Replace the list by null and the flag by a number; recorded from live answers."""
    if page.list_name:
        page.inner[page.list_name] = None
        page.list_name = None
    page.promise(0)


def _no_list(page: OpenedPage, asked: Asked) -> None:  # noqa: ARG001 the same for each page
    if page.list_name:
        del page.inner[page.list_name]
        page.list_name = None
    page.promise(False)


def _list_is_object(page: OpenedPage, asked: Asked) -> None:  # noqa: ARG001 the same for each page
    if page.list_name:
        page.inner[page.list_name] = {"0": page.records}
        page.list_name = None


def _null_records(page: OpenedPage, asked: Asked) -> None:  # noqa: ARG001 the same for each page
    page.records = [None, *page.records, "not a record"]


def _repeated(target: Target, asked: Asked) -> Sent:
    """Return the first page's records again with the requested number, promising another page."""
    page = target.successful(asked)
    first = target.successful(asked, page="1") if "page" in asked.parameters else target.successful(asked, cursor=None)
    page.records = first.records
    return page.sent()


def _other_page(target: Target, asked: Asked) -> Sent:
    """Return the first page, which states that it is the first."""
    return target.successful(asked, page="1").sent()


def _total(sign: int) -> Callable[[OpenedPage, Asked], None]:
    def change(page: OpenedPage, asked: Asked) -> None:
        further = 40 * (_number(asked) - 1)
        if page.total_name in page.pagination:  # one list by number states none
            page.pagination[page.total_name] = max(1, page.pagination[page.total_name] + sign * further)

    return change


def _duplicates(target: Target, asked: Asked) -> Sent:
    """Repeat the end of the page before at the start of this one, like a board that shifts between two requests."""
    page = target.successful(asked)
    if _number(asked) > 1:
        page.records = [*target.successful(asked, page=str(_number(asked) - 1)).records[-2:], *page.records]
    return page.sent()


def _loop(page: OpenedPage, asked: Asked) -> None:
    page.pagination["cursor"] = str(_cursor(asked))
    page.promise(True)


def _back(page: OpenedPage, asked: Asked) -> None:
    if _cursor(asked):
        page.pagination["cursor"] = str(_cursor(asked) // 2)
        page.promise(True)


def _cursor_form(target: Target, asked: Asked) -> Sent:
    page = target.successful(asked)
    cursor = page.pagination["cursor"]
    forms = {"integer": int(cursor), "zero": "0", "minus_one": -1, "null": None, "empty": "", "object": {"at": cursor}}
    form = target.options["as"]
    if form == "missing":
        del page.pagination["cursor"]
    else:
        page.pagination["cursor"] = forms[form]
    return page.sent()


CURSOR_FORMS = ("integer", "zero", "minus_one", "null", "empty", "object", "missing")

PAGES: tuple[FaultKind, ...] = (
    FaultKind(
        "more_for_ever",
        "has_more is true on every page, the last one too",
        Charged.YES,
        _changed(lambda page, _asked: page.promise(True)),
    ),
    FaultKind(
        "early_end",
        "has_more is false on every page, the first one too",
        Charged.YES,
        _changed(lambda page, _asked: page.promise(False)),
    ),
    FaultKind("empty_page", "a page without records, and more to come", Charged.YES, _changed(_empty)),
    FaultKind("null_list", "the list is null, has_more is 0", Charged.YES, _changed(_null_list)),
    FaultKind("no_list", "a success without the list", Charged.YES, _changed(_no_list)),
    FaultKind("list_is_object", "the list is an object", Charged.YES, _changed(_list_is_object)),
    FaultKind("null_records", "null and a string among the records", Charged.YES, _changed(_null_records)),
    FaultKind(
        "repeated_page", "the first page's records again, as the page that was requested", Charged.YES, _repeated
    ),
    FaultKind("wrong_page", "the first page again, and it says so", Charged.YES, _other_page, paging="page"),
    FaultKind(
        "total_grows", "the total is larger on each further page", Charged.YES, _changed(_total(1)), paging="page"
    ),
    FaultKind(
        "total_shrinks", "the total is smaller on each further page", Charged.YES, _changed(_total(-1)), paging="page"
    ),
    FaultKind(
        "duplicates", "a page begins with the last records of the page before", Charged.YES, _duplicates, paging="page"
    ),
    FaultKind("cursor_loop", "the cursor leads to the same page", Charged.YES, _changed(_loop), paging="cursor"),
    FaultKind("cursor_back", "the cursor goes back", Charged.YES, _changed(_back), paging="cursor"),
    FaultKind(
        "cursor_form",
        "the cursor is of another type, empty or missing",
        Charged.YES,
        _cursor_form,
        options=(Option("as", "integer", CURSOR_FORMS),),
        paging="cursor",
    ),
)
