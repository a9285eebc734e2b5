"""How pages put times, amounts and states: the filters of the templates. Pure.

The script puts relative times the same way (static/dash.js).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gitcoord.domain.time import Time, seconds_between

#: What stands for a number that is not known.
UNKNOWN = "\N{EN DASH}"

#: Longest seconds of a unit, its seconds, and its sign.
_UNITS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (float("inf"), 86_400, "d"))


#: A time as records have it: its day, hour and minute.
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z")


class Shape(NamedTuple):
    """How a state is shown: its word, its mark (which differs also without colour), its tone."""

    word: str
    mark: str
    tone: str


#: States of sessions, tasks, requests, queue entries and checks; templates/parts.html draws the
#: marks, dash.css has the tones.
SHAPES: dict[str, Shape] = {
    "active": Shape("active", "disc", "good"),
    "idle": Shape("idle", "ring", "quiet"),
    "stuck": Shape("stuck", "alert", "bad"),
    "paused": Shape("paused", "bars", "warn"),
    "killed": Shape("killed", "cross", "bad"),
    "timed_out": Shape("timed out", "clock", "warn"),
    "ended": Shape("ended", "square", "quiet"),
    "ready": Shape("ready", "ring", "info"),
    "waiting": Shape("waiting", "dots", "quiet"),
    "pending": Shape("pending", "ring", "info"),
    "assigned": Shape("assigned", "half", "good"),
    "in_progress": Shape("in progress", "disc", "good"),
    "blocked": Shape("blocked", "bars", "warn"),
    "completed": Shape("completed", "check", "quiet"),
    "failed": Shape("failed", "cross", "bad"),
    "cancelled": Shape("cancelled", "square", "quiet"),
    "approved": Shape("approved", "check", "good"),
    "denied": Shape("denied", "cross", "bad"),
    "expired": Shape("expired", "clock", "quiet"),
    "used": Shape("used", "check", "quiet"),
    "queued": Shape("queued", "dots", "quiet"),
    "pre_merge_check": Shape("checking", "half", "info"),
    "merging": Shape("landing", "disc", "good"),
    "landing": Shape("at a pull request", "clock", "info"),
    "merged": Shape("merged", "check", "good"),
    "ejected": Shape("ejected", "cross", "bad"),
    "removed": Shape("removed", "square", "quiet"),
    "passed": Shape("passed", "check", "good"),
    "running": Shape("running", "half", "info"),
    "error": Shape("not tried", "alert", "warn"),
    "timeout": Shape("timed out", "clock", "bad"),
    "not_needed": Shape("not needed", "square", "quiet"),
    "exclusive": Shape("exclusive", "disc", "info"),
    "shared": Shape("shared", "ring", "info"),
}


def shape(state: str) -> Shape:
    """Return how a state is shown; one that is not known by its name, as a quiet square."""
    return SHAPES.get(state) or Shape(state.replace("_", " "), "square", "quiet")


def span(seconds: float) -> str:
    """Return a length of time in its largest unit, cut: `12 s`, `3 min`, `5 h`, `2 d`."""
    seconds = max(0.0, seconds)
    size, sign = next((size, sign) for limit, size, sign in _UNITS if seconds < limit)
    return f"{int(seconds // size)} {sign}"


def relative(time: Time, now: Time) -> str:
    """Return a time as seen from `now`: `3 min ago`, `in 2 h`, `now`."""
    away = seconds_between(now, time)
    if abs(away) < 1:
        return "now"
    return f"in {span(away)}" if away > 0 else f"{span(-away)} ago"


def exact(time: Time) -> str:
    """Return a time in full, to the second: `2026-01-31 12:00:05 UTC`."""
    return f"{time[:10]} {time[11:19]} UTC" if time else ""


def clock(time: Time) -> str:
    """Return the time of day, to the second."""
    return time[11:19]


def count(number: float | None) -> str:
    """Return a number in few digits: `950`, `48.2k`, `1.2M`; a dash for what is not known."""
    if number is None:
        return UNKNOWN
    for limit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # What would be rounded up to a thousand is one of the next.
        if number >= 0.9995 * limit:
            found = number / limit
            return f"{found:,.0f}{sign}" if found >= 1000 else f"{found:.3g}{sign}"
    return f"{number:g}"


def money(dollars: float | None) -> str:
    """Return US dollars: `$0.42`, `$1,204`; a dash for what is not known."""
    if dollars is None:
        return UNKNOWN
    return f"${dollars:,.0f}" if dollars >= 1000 else f"${dollars:,.2f}"


def timed(text: str, now: Time) -> str:
    """Return a sentence with the times in it as people read them; the day where it is another."""

    def told(found: re.Match[str]) -> str:
        day, time = found.groups()
        return f"{time} UTC" if day == now[:10] else f"{day} {time} UTC"

    return _TIME.sub(told, text)


def noun(subject: str) -> tuple[str, str]:
    """Return what a diary line is about, and the rest of it: `lock` and `ada takes src/**`."""
    first, colon, rest = subject.partition(": ")
    return (first, rest) if colon and first.isalpha() and first.islower() else ("", subject)


def short(oid: str) -> str:
    """Return the beginning of an object id, which is enough for people."""
    return oid[:10]


def plural(number: int, word: str, several: str = "") -> str:
    """Return a number with its noun: `1 lock`, `3 locks`."""
    return f"{number} {word if number == 1 else several or word + 's'}"
