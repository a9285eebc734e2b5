"""Points in time as text that sorts.

A `Time` is RFC 3339 in UTC with milliseconds and a fixed width, so that two of
them compare as strings and a record shows what it means. Durations are seconds.
There is no clock in here: rules are told what time it is.
"""

from __future__ import annotations

import datetime as _dt
import re

from gitcoord.errors import CorruptRecord, InvalidValue

Time = str

#: Before every other time; what "never" and "not yet" compare as.
EPOCH: Time = "1970-01-01T00:00:00.000Z"

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def from_epoch(seconds: float) -> Time:
    """Return the time that many seconds after 1970, cut to milliseconds."""
    return _text(_dt.datetime.fromtimestamp(seconds, _dt.UTC))


def to_epoch(time: Time) -> float:
    """Return the seconds between 1970 and `time`.

    Raises `CorruptRecord` for a stored text that is no time, as do all that count with one.
    """
    return _moment(time).timestamp()


def plus(time: Time, seconds: float) -> Time:
    """Return the time `seconds` later; beyond the year 9999 it stays at its end."""
    try:
        return _text(_moment(time) + _dt.timedelta(seconds=seconds))
    except OverflowError:
        return "9999-12-31T23:59:59.999Z" if seconds > 0 else EPOCH


def seconds_between(earlier: Time, later: Time) -> float:
    """Return the seconds from `earlier` to `later`; negative when they are the other way."""
    return (_moment(later) - _moment(earlier)).total_seconds()


def is_time(text: str) -> bool:
    """Say whether `text` has the stored form and names a real point in time."""
    if len(text) != len(EPOCH) or not text.endswith("Z"):
        return False
    try:
        return _text(_dt.datetime.fromisoformat(text)) == text
    except ValueError:
        return False


def parse(text: str) -> Time:
    """Return the time that an RFC 3339 or ISO 8601 text names; without an offset it is UTC.

    Raises `InvalidValue`.
    """
    try:
        found = _dt.datetime.fromisoformat(text.strip())
        if found.tzinfo is None:
            found = found.replace(tzinfo=_dt.UTC)
        return _text(found.astimezone(_dt.UTC))
    except (ValueError, OverflowError):
        raise InvalidValue(
            f"not a time: {text!r}", hint="Write it as 2026-01-31T12:00:00Z."
        ) from None


def happened(at: Time, now: Time) -> Time:
    """Return when something was: at that time, or now where that is empty or still to come.

    Raises `InvalidValue` for what is no time.
    """
    if at and not is_time(at):
        raise InvalidValue(f"not a time: {at!r}", hint="Leave it out for now.", at=at)
    return min(at or now, now)


def moment(text: str, now: Time) -> Time:
    """Return the time that somebody meant: a point in time, or how long before `now`.

    Raises `InvalidValue`.
    """
    try:
        ago = parse_duration(text)
    except InvalidValue:
        return parse(text)
    return plus(now, -ago)


def parse_duration(text: str | float) -> float:
    """Return the seconds that `90`, `90s`, `30m`, `1h30m`, `2d` or `250ms` stand for.

    Raises `InvalidValue` for anything else, for infinities and for what is negative.
    """
    if isinstance(text, str):
        text = _seconds(text.strip().lower())
    if not 0 <= text < 1e10:
        raise InvalidValue("not a duration", hint="Write it as 90, 90s, 30m, 1h30m or 2d.")
    return float(text)


def _seconds(bare: str) -> float:
    """Return what a bare number or numbers with units add up to; negative for anything else."""
    try:
        return float(bare)
    except ValueError:
        parts = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])|(\S)", bare)
    if not parts or any(odd for _, _, odd in parts):
        return -1.0
    return sum(float(number) * _UNITS[unit] for number, unit, _ in parts)


def _moment(time: Time) -> _dt.datetime:
    try:
        found = _dt.datetime.fromisoformat(time)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CorruptRecord(f"{time[:40]!r} is stored as a time and is none")
    return found


def _text(moment: _dt.datetime) -> Time:
    # Years have four digits here on every system, which those of strftime have not.
    return moment.isoformat(timespec="milliseconds")[: len(EPOCH) - 1] + "Z"
