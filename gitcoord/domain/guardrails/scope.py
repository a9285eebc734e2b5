"""What a shell knows while it runs: variables, functions, files written, its directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.domain.guardrails.budget import Budget
from gitcoord.domain.guardrails.command import Command

if TYPE_CHECKING:
    from tree_sitter import Node

    from gitcoord.domain.guardrails.shell import Script

#: Most commands that are found in one text.
COMMANDS = 2_000


class Scope:
    """One shell; a subshell is a child, which keeps its variables to itself."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.functions: dict[str, tuple[Script, Node]] = {}
        self.uncalled: dict[str, tuple[Script, Node]] = {}
        #: Only within one text: what was written where, so that running it can be judged.
        self.files: dict[str, str] = {}
        self.cwd = ""
        self.found: list[Command] = []
        #: What texts read like that the grammar did not understand.
        self.guessed: list[Command] = []
        self.calling: set[str] = set()
        self.budget = Budget()

    def child(self) -> Scope:
        """Return what a subshell begins with; files, findings and the budget are the same."""
        new = Scope()
        new.__dict__.update(self.__dict__)
        new.values = dict(self.values)
        new.functions = dict(self.functions)
        return new

    def full(self) -> bool:
        """Say whether enough was found."""
        return len(self.found) >= COMMANDS
