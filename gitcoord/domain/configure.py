"""The first settings of a ledger, and every change of them.

A change is taken whole or not at all; what is stored is right by construction,
patterns and names included.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import DEFAULT_PREFIXES, FILE
from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.settings import Settings, unknown
from gitcoord.errors import AlreadyInitialised, InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.state import State

_NAMESPACE = re.compile(r"[a-z][a-z0-9_-]{1,31}")


class Configured(Answer, frozen=True, kw_only=True):
    """The settings after the change, and what is different: {name: {"before", "after"}}."""

    settings: Settings
    changed: dict[str, Any] = {}


class Begin(Operation, frozen=True, kw_only=True):
    """Begin a ledger, with the settings that differ from the defaults."""

    tag = "ledger.init"
    answer = Configured
    acting: ClassVar[bool] = False

    settings: dict[str, Any] = {}

    def apply(self, state: State, context: Context) -> Configured:
        """Set the first settings.

        Raises `AlreadyInitialised`, `UnknownSetting`, `InvalidValue` and `InvalidKey`.
        """
        if state.meta.seq > 0:
            raise AlreadyInitialised
        return _change(state, Settings(), self.settings)

    def subject(self, answer: Configured, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"ledger: {agent or 'somebody'} begins it")


class ChangeSettings(Operation, frozen=True, kw_only=True):
    """Change settings that all share; None means the default again."""

    tag = "config.set"
    answer = Configured
    acting: ClassVar[bool] = False
    sessionless: ClassVar[bool] = True

    values: dict[str, Any]

    def apply(self, state: State, context: Context) -> Configured:
        """Change the settings together. Raises `UnknownSetting`, `InvalidValue`, `InvalidKey`."""
        return _change(state, state.settings, self.values)

    def subject(self, answer: Configured, agent: str) -> str:
        """Return the diary line."""
        what = ", ".join(sorted(answer.changed)) or "nothing"
        return one_line(f"config: {agent or 'somebody'} sets {what}")


def _change(state: State, before: Settings, values: dict[str, Any]) -> Configured:
    after = _checked(_with(before, values))
    old, new = _plain(before), _plain(after)
    state.settings = after
    return Configured(
        settings=after,
        changed={
            name: {"before": old[name], "after": new[name]}
            for name in new
            if old[name] != new[name]
        },
    )


def _plain(settings: Settings) -> dict[str, Any]:
    """Return every setting as plain data, those at their default too."""
    return {
        name: msgspec.to_builtins(getattr(settings, name)) for name in settings.__struct_fields__
    }


def _with(settings: Settings, values: dict[str, Any]) -> Settings:
    """Return the settings with all values replaced, in whatever order they fit together.

    Bounds refer to one another: raising a limit and the value below it works only in that
    order. Raises the refusal of the first value that fits in no order.
    """
    defaults = _plain(Settings())
    for name in values:
        if name not in defaults:
            raise unknown(name, tuple(defaults))
    left = {name: defaults[name] if v is None else v for name, v in values.items()}
    while left:
        refusal: InvalidValue | None = None
        for name in list(left):
            try:
                settings = settings.changed(name, left[name])
            except InvalidValue as wrong:
                refusal = refusal or wrong
            else:
                del left[name]
                break
        else:
            assert refusal is not None
            raise refusal
    return settings


def _checked(settings: Settings) -> Settings:
    """Return the settings if their names and patterns are right."""
    for name in settings.namespaces:
        if not _NAMESPACE.fullmatch(name) or name in (FILE, *DEFAULT_PREFIXES):
            raise InvalidValue(
                f"namespaces: {name!r} is built in, or no name of 2 to 32 of a-z, 0-9, - and _",
                namespace=name,
            )
    areas = [area.name for area in settings.areas]
    if len(set(areas)) != len(areas):
        raise InvalidValue("areas: two of them have the same name")
    for name in areas:
        checked_name(name, "area")
    patterns = [pattern for area in settings.areas for pattern in area.patterns]
    for pattern in (*settings.ignore, *settings.shared, *settings.exclusive_slots, *patterns):
        wanted(settings, pattern)
    for risky in settings.risky_paths:
        if wanted(settings, risky.pattern).namespace != FILE:
            raise InvalidValue(f"risky_paths: {risky.pattern} is no path", pattern=risky.pattern)
    return settings
