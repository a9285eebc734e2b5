"""The tables of rows: each row of the three systems has its line, and each test named there exists.

The ids are those of the inventory of the systems. A line has tests, or the issue that brings it.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PAGES = TESTS.parent / "docs" / "compatibility"


def ids(letter: str, *spans: tuple[int, int]) -> list[str]:
    """Return the ids of a letter in these spans, ends included."""
    return [f"{letter}{number:02}" for first, last in spans for number in range(first, last + 1)]


#: Page -> its rows, in their order.
ROWS: dict[str, list[str]] = {
    "agent-coordinator": [
        *ids("A", (1, 14), (20, 31), (40, 48), (50, 57), (60, 71), (80, 87)),
        # The 40 requirements of the specification, and the four that were about to come.
        *ids("R", (1, 44)),
    ],
    "gozen": ids("G", (1, 14), (20, 26), (30, 36), (40, 48), (50, 57), (60, 65)),
    "golemxv": ids("X", (1, 13), (20, 23), (30, 37), (40, 47), (50, 57)),
}

#: Rows that are not there yet, by the issue and what brings them. Emptied as they come.
LATER: dict[str, dict[int, list[str]]] = {
    "agent-coordinator": {},
    "gozen": {},
    "golemxv": {},
}

LINE = re.compile(r"^\| ([AGRX]\d{2}) \| (.*) \|$", re.MULTILINE)
NAMED = re.compile(r"`(test_\w+)`")


def lines(page: str) -> dict[str, list[str]]:
    """Return the cells of each line of a page by its row; a row that comes twice fails."""
    found = LINE.findall((PAGES / f"{page}.md").read_text(encoding="utf-8"))
    assert len({row for row, _ in found}) == len(found), "a row comes twice"
    return {row: re.split(r" ?\| ", rest) for row, rest in found}


@cache
def existing() -> frozenset[str]:
    """Return the names of all tests."""
    return frozenset(
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
    )


@pytest.mark.parametrize("page", ROWS)
def test_every_row_has_its_line_in_order(page: str) -> None:
    assert list(lines(page)) == ROWS[page]


@pytest.mark.parametrize("page", ROWS)
def test_every_line_says_what_became_of_the_row(page: str) -> None:
    assert [row for row, cells in lines(page).items() if len(cells) != 3] == []
    short = [row for row, (first, second, _) in lines(page).items() if not (first or second)]
    assert short == []


@pytest.mark.parametrize("page", ROWS)
def test_every_line_has_a_test_that_exists_or_the_issue_that_brings_it(page: str) -> None:
    later = {row: issue for issue, rows in LATER[page].items() for row in rows}
    for row, cells in lines(page).items():
        shown = cells[-1]
        if row in later:
            assert shown == f"issue {later[row]}", row
        else:
            names = NAMED.findall(shown)
            assert names, f"{row} names no test"
            assert [name for name in names if name not in existing()] == [], row
            assert ", ".join(f"`{name}`" for name in names) == shown, row


def test_the_pages_are_named_by_the_page_of_words() -> None:
    words = (PAGES.parent / "compatibility.md").read_text(encoding="utf-8")
    assert {f"compatibility/{page}.md" for page in ROWS} <= set(re.findall(r"\((\S+?)\)", words))
