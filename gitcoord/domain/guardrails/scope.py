"""What a shell knows while it runs: variables, functions, files written, its directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.domain.guardrails.budget import Budget
from gitcoord.domain.guardrails.command import Command

if TYPE_CHECKING:
    from tree_sitter import Node

    from gitcoord.domain.guardrails.shell import Script

#: A shell as it was: directory, values, functions, those that came from around it.
Kept = tuple[str, dict[str, str], dict[str, tuple["Script", "Node"]], set[str]]
#: Most commands that are found in one text.
COMMANDS = 2_000


class Scope:
    """One shell; a subshell is a child, which keeps its variables to itself."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.functions: dict[str, tuple[Script, Node]] = {}
        #: Of those, the ones that came from the shell around this one.
        self.inherited: set[str] = set()
        #: What was defined and not called so far: who knows who calls it later.
        self.uncalled: dict[tuple[Script, Node], None] = {}
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
        new.inherited = set(self.functions)
        return new

    def enter(self) -> Kept:
        """Begin a subshell in this very scope; returns what `leave` goes back to."""
        kept = self.cwd, dict(self.values), self.functions, self.inherited
        self.functions, self.inherited = dict(self.functions), set(self.functions)
        return kept

    def leave(self, kept: Kept) -> None:
        """End a subshell; the values stay the same object, which readers hold."""
        self.cwd, values, self.functions, self.inherited = kept
        self.values.clear()
        self.values.update(values)

    def define(self, name: str, body: tuple[Script, Node]) -> None:
        """Keep a function; one that this very shell had under the name can be called no more."""
        if name in self.functions and name not in self.inherited:
            self.uncalled.pop(self.functions[name], None)
        self.inherited.discard(name)
        self.functions[name] = body
        self.uncalled[body] = None

    def full(self) -> bool:
        """Say whether enough was found."""
        return len(self.found) >= COMMANDS
