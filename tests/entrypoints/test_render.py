"""Tables: plain columns for programs, and for people what fits on their terminal."""

from __future__ import annotations

import sys

import pytest

from gitcoord.entrypoints.cli.render import SHORTEST, ago, left, span, table, trimmed

COLUMNS = ("key", "agent", "reason")
ROWS = [("src/auth/login.py", "ada", "x" * 90), ("a.py", "b" * 20, "short")]


def widths(rows: list[list[str]]) -> list[int]:
    return [sum(map(len, row)) + 2 * len(row) for row in rows]


def test_elsewhere_than_on_a_terminal_nothing_is_cut_or_coloured() -> None:
    assert table(COLUMNS, ROWS, "") == (
        "KEY                AGENT                 REASON\n"
        f"src/auth/login.py  ada                   {'x' * 90}\n"
        f"a.py               {'b' * 20}  short"
    )
    assert table(COLUMNS, [], "nothing") == "nothing"


def test_on_a_terminal_prose_is_cut_and_names_are_not() -> None:
    rows = trimmed(COLUMNS, ROWS, 80)
    assert max(widths(rows)) <= 80
    assert rows[0][:2] == ["src/auth/login.py", "ada"]
    assert rows[0][2].endswith("x…")
    assert rows[1] == list(ROWS[1])
    assert trimmed(COLUMNS, ROWS, 200) == [list(row) for row in ROWS]


def test_prose_stays_readable_where_nothing_fits() -> None:
    rows = trimmed(COLUMNS, ROWS, 20)
    assert [len(row[2]) for row in rows] == [SHORTEST, 5]
    assert rows[0][0] == "src/auth/login.py"


def test_for_one_line_each_names_are_cut_last() -> None:
    rows = trimmed(COLUMNS, ROWS, 45, all_of_them=True)
    assert max(widths(rows)) <= 45
    assert rows[0][0].startswith("src/auth/")


def test_wide_characters_take_two_cells() -> None:
    (row,) = trimmed(("id", "title"), [("t-1", "漢" * 40)], 40)
    assert row[1] == "漢" * 16 + "…"


def test_a_terminal_gets_colours_and_no_more_than_its_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    drawn = table(("id", "status", "title"), [("t-1", "failed", "[red]word[/] " * 9)], "")
    assert "\x1b[31mfailed" in drawn
    assert "[red]word[/]" in drawn
    assert len(drawn.splitlines()) == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (3600, "1h"), (3720, "1h02m"), (90_000, "1d")],
)
def test_spans_have_one_or_two_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_what_is_over_or_never_was_says_so() -> None:
    now = "2026-01-01T00:00:00.000Z"
    assert left(now, now) == "over"
    assert left(now, "2026-01-01T00:01:00.000Z") == "1m"
    assert ago(now, "") == "never"
    assert ago(now, "2025-12-31T23:59:30.000Z") == "30s ago"
