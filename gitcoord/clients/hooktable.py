"""The hooks of a client in its settings file: one group with one handler for each event.

Promises what every content promises (contents), for clients that nest hooks as events,
groups and handlers. A handler of ours is known by the command that it starts, also where
its owner has put it beside others. Not here: which events there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gitcoord.clients import jsontext
from gitcoord.clients.contents import root_of
from gitcoord.clients.program import of_hook


class Hooks(NamedTuple):
    """Our hooks of one client."""

    #: The client, as in `gitcoord hook CLIENT`.
    client: str
    #: Event -> our group, which has one handler.
    groups: Mapping[str, dict[str, Any]]
    comments: bool = False

    @property
    def name(self) -> str:
        """What it is."""
        return "hooks"

    def put(self, text: str) -> str:
        """Return the text with each event's group; those of other events that we had go."""
        for event in self._found(text):
            if event not in self.groups:
                text = self._without(text, event)
        for event, group in self.groups.items():
            places = self._found(text).get(event, [])
            if len(places) == 1 and places[0].alone:
                path = ("hooks", event, places[0].group)
                text = jsontext.replace(text, path, group, comments=self.comments)
            else:
                text = self._without(text, event)
                text = jsontext.append(text, ("hooks", event), group, comments=self.comments)
        return text

    def take(self, text: str) -> str:
        """Return the text without any of our handlers."""
        for event in self._found(text):
            text = self._without(text, event)
        return text

    def lacks(self, text: str) -> list[str]:
        """Return the events whose hook is missing, doubled or not as it should be."""
        found = self._found(text)
        wrong = [event for event in found if event not in self.groups]
        for event, group in self.groups.items():
            places = found.get(event, [])
            if not (len(places) == 1 and jsontext.same(places[0].said, group)):
                wrong.append(event)
        return [f"hook {event}" for event in wrong]

    def others(self, text: str) -> bool:
        """Return False: hooks of others stand beside ours."""
        return False

    def programs(self, text: str) -> set[str]:
        """Return the programs of our handlers."""
        return {one.program for places in self._found(text).values() for one in places}

    def _found(self, text: str) -> dict[str, list[_Place]]:
        root = root_of(text, comments=self.comments)
        hooks = root.value.get("hooks") if root and isinstance(root.value, dict) else None
        if not isinstance(hooks, dict):
            return {}
        found = {event: list(self._places(groups)) for event, groups in hooks.items()}
        return {event: places for event, places in found.items() if places}

    def _places(self, groups: Any) -> Iterator[_Place]:
        for place, group in enumerate(groups if isinstance(groups, list) else ()):
            handlers = group.get("hooks") if isinstance(group, dict) else None
            if not isinstance(handlers, list):
                continue
            for number, handler in enumerate(handlers):
                if (program := of_hook(handler, self.client)) is not None:
                    yield _Place(place, number, len(handlers) == 1, program, group)

    def _without(self, text: str, event: str) -> str:
        # Looked for anew after each: what is alone in its group changes on the way.
        while places := self._found(text).get(event):
            last = places[-1]
            path: jsontext.Path = ("hooks", event, last.group)
            if not last.alone:
                path = (*path, "hooks", last.handler)
            text = jsontext.drop(text, path, comments=self.comments)
        return text


class _Place(NamedTuple):
    """Where a handler of ours stands within an event."""

    group: int
    handler: int
    #: Whether its group has no other handler.
    alone: bool
    program: str
    #: The whole group.
    said: dict[str, Any]
