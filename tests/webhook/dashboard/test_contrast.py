"""Colours: every pair that is used has the contrast of WCAG AA, in light and in dark."""

from __future__ import annotations

import os
import re

import pytest

from webhook.dashboard.assets import FOLDER
from webhook.dashboard.words import SHAPES

TEXT, LARGE = 4.5, 3.0

GROUNDS = ("page", "surface", "raised", "hover", "sunken")
#: What is written, on what, and the contrast that it needs (WCAG 2.2, 1.4.3 and 1.4.11).
PAIRS: list[tuple[str, str, float]] = [
    *((ink, ground, TEXT) for ink in ("ink", "muted", "accent") for ground in GROUNDS),
    *((tone, ground, TEXT) for tone in ("good", "warn", "bad", "info")
      for ground in ("page", "surface", "raised", "hover")),
    *((tone, f"{tone}-soft", TEXT) for tone in ("good", "warn", "bad", "info", "accent")),
    *((ink, f"{tone}-soft", TEXT) for ink in ("ink", "muted", "accent") for tone in ("warn",)),
    ("on-accent", "accent", TEXT),
    ("on-bad", "bad", TEXT),
    # Borders of fields, and arrows of the graph.
    *(("edge", ground, LARGE) for ground in ("page", "surface", "raised", "hover")),
]  # fmt: skip

#: Pairs of tokens that are the same colour twice, turned: a note that says what was done.
TURNED = [("page", "ink", TEXT)]


def sheet(name: str) -> str:
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)


def tokens() -> dict[str, tuple[str, str]]:
    found = re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", sheet("tokens.css")
    )
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2, definitions)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measure_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_pair_of_colours_can_be_read(scheme: int) -> None:
    known = tokens()
    weak = {
        f"{ink} on {ground}": round(found, 2)
        for ink, ground, least in [*PAIRS, *TURNED]
        if (found := contrast(known[ink][scheme], known[ground][scheme])) < least
    }
    assert weak == {}


def test_colours_are_named_in_one_sheet_only() -> None:
    rules = sheet("dash.css")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl|light-dark", rules) == []
    used = set(re.findall(r"var\(--([\w-]+)", rules))
    known = set(re.findall(r"--([\w-]+):", sheet("tokens.css")))
    assert used - known == set()
    assert known - used == set()


def test_states_differ_by_word_and_mark_not_by_colour_alone() -> None:
    rules = sheet("dash.css")
    for name, shape in SHAPES.items():
        assert shape.word
        assert f".tone-{shape.tone} " in rules, name
    sessions = ("active", "idle", "stuck", "paused", "killed", "timed_out", "ended")
    assert len({SHAPES[name].mark for name in sessions}) == len(sessions)
    lanes = ("ready", "waiting", "in_progress", "blocked", "failed", "completed")
    assert len({SHAPES[name].mark for name in lanes}) == len(lanes)


def test_who_wants_less_motion_gets_none_and_focus_is_seen() -> None:
    rules = sheet("dash.css")
    assert "prefers-reduced-motion: reduce" in rules
    assert re.search(r":focus-visible \{ outline: 2px solid var\(--accent\)", rules)
