"""What judges know besides the command: protected branches, where things are."""

from __future__ import annotations

from typing import NamedTuple

from gitcoord.domain.guardrails.paths import Layout


class Scene(NamedTuple):
    """The surroundings of a command, as far as the caller has said."""

    protected: frozenset[str]
    layout: Layout
