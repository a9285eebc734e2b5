"""A text of the shell as the simple commands that it would run, found by structure.

What is quoted is an argument and no command, unless it is run: by `sh -c`, `eval`, `ssh`,
a pipe into a shell, a variable, a function, a file written before. Every branch and every
body is taken as run. Nothing is run here, and nothing is looked up: a script on the disk
stays unseen. Depth and number are limited (`budget.py`); the reading says when they were met.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate, chain
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.guardrails import misread
from gitcoord.domain.guardrails.chain import REDIRECTS, Part, chains
from gitcoord.domain.guardrails.command import EMPTY, Command, Flow
from gitcoord.domain.guardrails.marks import UNKNOWN, clean
from gitcoord.domain.guardrails.redirects import applied, file
from gitcoord.domain.guardrails.scope import Scope
from gitcoord.domain.guardrails.words import Reader, Word, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Node

#: Most characters of a text that are judged, texts within texts, and turns of a loop.
LIMIT = 65_536
DEPTH = 12
TURNS = 64
#: Most commands of a pipeline that later ones know of.
UPSTREAM = 64


class Reading(NamedTuple):
    """What a text would run."""

    commands: list[Command]
    #: What parts that the grammar did not understand read like.
    guessed: list[Command]
    #: Whether a part was not looked at, because there is too much.
    over: bool


class Script:
    """One text of the shell: walks its tree and runs nothing."""

    def __init__(self, text: str, scope: Scope, span: tuple[int, int], exact: bool, depth: int):
        self.text = clean(text[:LIMIT]) if depth == 0 else text[:LIMIT]
        self.data = self.text.encode("utf-8", "replace")
        self.scope = scope
        self.span = span
        self.exact = exact
        self.depth = depth
        self._offsets: list[int] | None = None
        self.reader = Reader(self.data, scope.values, scope.budget, self._printed, self._fed)

    def run(self, flow: Flow = EMPTY) -> str:
        """Walk the whole text; returns what it would print, with marks."""
        (root, whole), cwd = misread.tree(self.data), self.scope.cwd
        printed = self.walk(root, flow)
        if root.has_error or not whole:
            misread.guess(self, cwd)
        return printed

    def nested(
        self, text: str, word: tuple[int, int], flow: Flow = EMPTY, *, own: bool = False
    ) -> str:
        """Walk a text that is run by a command; `own`: by a shell of its own."""
        if not text.strip():
            return UNKNOWN
        if self.depth >= DEPTH or self.scope.full():
            self.scope.budget.over = True
            return UNKNOWN
        self.scope.budget.spend(len(text))
        start, exact = word[0], False
        if self.exact_text is not None:
            at = self.exact_text.find(text, *word)
            if at >= 0:
                start, exact = at, True
        scope = self.scope.child() if own else self.scope
        script = Script(text, scope, (start, word[1]), exact, self.depth + 1)
        script.exact_text = self.exact_text
        return script.run(flow)

    #: The outermost text, in which the parts of nested ones are found again.
    exact_text: str | None = None

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where bytes of this text stand in the outermost text, in characters."""
        if not self.exact:
            return self.span
        if len(self.data) != len(self.text):
            if self._offsets is None:
                sizes = (len(char.encode("utf-8", "replace")) for char in self.text)
                self._offsets = list(accumulate(sizes, initial=0))
            start, end = bisect_left(self._offsets, start), bisect_left(self._offsets, end)
        return self.span[0] + start, self.span[0] + end

    def walk(self, node: Node, flow: Flow) -> str:
        """Walk one part of the tree; returns what it would print."""
        budget = self.scope.budget
        if self.scope.full() or not budget.enter():
            budget.over = True
            return UNKNOWN
        how = _PARTS.get(node.type)
        try:
            if how is not None:
                return budget.kept(how(self, node, flow))
            return budget.kept(self._all(node.named_children, flow))
        finally:
            budget.leave()

    def _all(self, nodes: list[Node], flow: Flow) -> str:
        printed = []
        for at, node in enumerate(nodes):
            last = at == len(nodes) - 1
            printed.append(self.walk(node, flow if last else flow._replace(redirects=())))
        return "".join(printed)

    def _sequence(self, node: Node, flow: Flow) -> str:
        """Walk `a | b && c > x`; what comes from outside goes into each, into files the last."""
        *before, last = chains(node)
        inner = flow._replace(redirects=()) if flow.redirects else flow
        printed = [self._pipeline(one, inner) for one in before]
        return "".join([*printed, self._pipeline(last, flow)])

    def _compound(self, node: Node, flow: Flow) -> str:
        misread.braces(self, node)
        return self._all(node.named_children, flow)

    def _nothing(self, node: Node, flow: Flow) -> str:
        return ""

    def _word(self, node: Node, flow: Flow) -> str:
        self.reader.marked(node)
        return ""

    def _pipeline(self, parts: list[Part], flow: Flow) -> str:
        for part in parts[:-1]:
            before = len(self.scope.found)
            printed = self._part(part, flow._replace(redirects=(), piped=True))
            mine = self.scope.found[before:][:20]
            if len(flow.upstream) + len(mine) > UPSTREAM:
                self.scope.budget.over, mine = True, []
            flow = flow._replace(stdin=printed, upstream=(*flow.upstream, *mine))
        return self._part(parts[-1], flow) if parts else ""

    def _part(self, part: Part, flow: Flow) -> str:
        more: list[list[Node]] = []
        if part.redirects or part.words:
            flow, more = applied(self, part, flow)
        if part.body is None:
            return self._simple(part.redirects[0][0], more, flow)
        if more and part.body.type == "command":
            return self._command(part.body, flow, more)
        return self.walk(part.body, flow)

    def _command(self, node: Node, flow: Flow, more: Sequence[list[Node]] = ()) -> str:
        """Run a simple command: assignments, words, redirections of its own.

        `more` are words that stand after redirections.
        """
        nodes: list[Node] = []
        part = Part(node, [], [])
        for child in node.named_children:
            if child.type == "variable_assignment":
                self._assign(child, flow)
            elif child.type in REDIRECTS:
                part.redirects.append((child, False))
            elif child.type != "comment":
                nodes.append(child)
        if part.redirects:
            flow, rest = applied(self, part, flow)
            nodes = [*chain.from_iterable(rest), *nodes]
        return self._simple(node, [nodes, *more], flow)

    def _simple(self, node: Node, runs: list[list[Node]], flow: Flow) -> str:
        from gitcoord.domain.guardrails.running import execute

        words = []
        for text, quotes, start, end in chain.from_iterable(map(self.reader.groups, runs)):
            span = self.place(start, end)
            words += [Word(part, *span) for part in split(text, quotes)]
        span = self.place(node.start_byte, node.end_byte)
        stop = max([words[-1].end if words else 0, *(one.end for one in flow.redirects)])
        end = max(span[1], stop) if self.exact else span[1]
        command = Command(
            tuple(words), span[0], end, flow.redirects, flow.stdin, self.scope.cwd, flow.upstream,
            flow.piped,
        )  # fmt: skip
        return execute(self, command)

    def _assign(self, node: Node, flow: Flow) -> str:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return ""
        text = self.reader.value(value) if value is not None else ""
        key = self.reader.raw(name.start_byte, name.end_byte).partition("[")[0]
        added = b"+=" in self.data[name.end_byte : node.end_byte][:2]
        whole = self.scope.values.get(key, "") + text if added else text
        self.scope.values[key] = self.scope.budget.kept(whole)
        return ""

    def _declare(self, node: Node, flow: Flow) -> str:
        for child in node.named_children:
            if child.type == "variable_assignment":
                self._assign(child, flow)
            else:
                self.reader.marked(child)
        return ""

    def _for(self, node: Node, flow: Flow) -> str:
        variable, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        if variable is None or body is None:
            return self._all(node.named_children, flow)
        name = self.reader.raw(variable.start_byte, variable.end_byte)
        values = [
            part
            for text, quotes, _, _ in self.reader.groups(node.children_by_field_name("value"))
            for part in split(text, quotes)
        ]
        printed = []
        if not values or len(values) > TURNS:
            values = [*values[:TURNS], UNKNOWN]
        for value in values:
            self.scope.values[name] = value
            printed.append(self.walk(body, flow))
        return "".join(printed)

    def _subshell(self, node: Node, flow: Flow) -> str:
        kept = self.scope.enter()
        printed = self._all(node.named_children, flow)
        self.scope.leave(kept)
        return printed

    def _function(self, node: Node, flow: Flow) -> str:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            return self._all(node.named_children, flow)
        key = self.reader.raw(name.start_byte, name.end_byte)
        self.scope.define(key, (self, body))
        return ""

    def _substituted(self, node: Node, flow: Flow) -> str:
        """Look only for what is run inside: a test, an arithmetic, a case's patterns."""
        todo = list(node.named_children)
        while todo:
            child = todo.pop()
            if child.type in {"command_substitution", "process_substitution"}:
                self.reader.marked(child)
            else:
                todo += child.named_children
        return ""

    def _printed(self, node: Node) -> str:
        """Return what `$(...)` gives; it is a subshell."""
        children = node.named_children
        if len(children) == 1 and children[0].type == "file_redirect":
            target = file(self, children[0])[0].target
            return self.content(target)
        return self._subshell(node, Flow(piped=True))

    def content(self, target: str) -> str:
        """Return what a file holds as far as this text says; a mark where it does not."""
        from gitcoord.domain.guardrails.printing import content

        return content(target, self.scope.files)

    def _fed(self, node: Node) -> str:
        """Return the name of the file that `<(...)` gives; its content is kept under it."""
        name = f"/dev/fd/{100 + len(self.scope.files)}"
        self.scope.files[name] = self._subshell(node, Flow(piped=True))
        return name


_PARTS = {
    "command": Script._command,
    "list": Script._sequence,
    "pipeline": Script._sequence,
    "redirected_statement": Script._sequence,
    "variable_assignment": Script._assign,
    "declaration_command": Script._declare,
    "unset_command": Script._nothing,
    "compound_statement": Script._compound,
    "for_statement": Script._for,
    "subshell": Script._subshell,
    "function_definition": Script._function,
    "test_command": Script._substituted,
    "comment": Script._nothing,
    "command_substitution": Script._word,
    "process_substitution": Script._word,
    "word": Script._word,
    "string": Script._word,
    "raw_string": Script._nothing,
    "concatenation": Script._word,
    "simple_expansion": Script._nothing,
    "expansion": Script._word,
    "heredoc_body": Script._nothing,
}


def commands(text: str) -> Reading:
    """Return the commands that a text would run."""
    scope = Scope()
    script = Script(text, scope, (0, len(text)), True, 0)
    script.exact_text = script.text
    script.run()
    walked: set[tuple[Script, Node]] = set()
    # What nobody has called may define more that nobody calls.
    while left := [one for one in scope.uncalled if one not in walked]:
        for owner, body in left:
            owner.walk(body, Flow())
        walked.update(left)
    return Reading(scope.found, scope.guessed, scope.budget.over)
