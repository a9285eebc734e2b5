"""A text of the shell as the simple commands that it would run, found by structure.

What is quoted is an argument and no command, unless it is run: by `sh -c`, `eval`, `ssh`,
a pipe into a shell, a variable, a function, a file written before. Every branch and every
body is taken as run. Nothing is run here, and nothing is looked up: a script on the disk
stays unseen. Depth and number are limited; what lies beyond is not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.domain.guardrails.command import EMPTY, Command, Flow, Redirect
from gitcoord.domain.guardrails.grammar import parse
from gitcoord.domain.guardrails.marks import REMOTE, UNKNOWN, clean, plain, tilde
from gitcoord.domain.guardrails.words import Reader, Word, split

if TYPE_CHECKING:
    from tree_sitter import Node

#: Most characters of a text that are judged, texts within texts, commands, and turns of a loop.
LIMIT = 65_536
DEPTH = 8
COMMANDS = 2_000
NESTED = 60
TURNS = 16


class Scope:
    """What a shell knows while it runs: variables, functions, files written, its directory."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.functions: dict[str, tuple[Script, Node]] = {}
        self.uncalled: set[str] = set()
        #: Only within one text: what was written where, so that running it can be judged.
        self.files: dict[str, str] = {}
        self.cwd = ""
        self.found: list[Command] = []
        self.broken = False
        self.calling: set[str] = set()
        self.level = [0]

    def child(self) -> Scope:
        """Return what a subshell begins with; files and findings are the same."""
        new = Scope()
        new.__dict__.update(self.__dict__)
        new.values = dict(self.values)
        new.functions = dict(self.functions)
        return new

    def full(self) -> bool:
        """Say whether enough was found."""
        return len(self.found) >= COMMANDS


class Script:
    """One text of the shell: walks its tree and runs nothing."""

    def __init__(self, text: str, scope: Scope, span: tuple[int, int], exact: bool, depth: int):
        self.text = clean(text[:LIMIT]) if depth == 0 else text[:LIMIT]
        self.data = self.text.encode("utf-8", "replace")
        self.scope = scope
        self.span = span
        self.exact = exact
        self.depth = depth
        self._ascii = len(self.data) == len(self.text)
        self.reader = Reader(self.data, scope.values, self._printed, self._fed)

    def run(self, flow: Flow = EMPTY) -> str:
        """Walk the whole text; returns what it would print, with marks."""
        root = parse(self.data)
        if root.has_error:
            self.scope.broken = True
        return self.walk(root, flow)

    def nested(
        self, text: str, word: tuple[int, int], flow: Flow = EMPTY, *, own: bool = False
    ) -> str:
        """Walk a text that is run by a command; `own`: by a shell of its own."""
        if self.depth >= DEPTH or self.scope.full() or not text.strip():
            return UNKNOWN
        start, exact = word[0], False
        if self.exact_text is not None:
            at = self.exact_text.find(text, *word)
            if at >= 0:
                start, exact = at, True
        scope = self.scope.child() if own else self.scope
        script = Script(text, scope, (start, word[1]), exact, self.depth + 1)
        script.exact_text = self.exact_text
        printed = script.run(flow)
        self.scope.broken |= scope.broken
        return printed

    #: The outermost text, in which the parts of nested ones are found again.
    exact_text: str | None = None

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where bytes of this text stand in the outermost text, in characters."""
        if not self.exact:
            return self.span
        if not self._ascii:
            start = len(self.data[:start].decode("utf-8", "replace"))
            end = len(self.data[:end].decode("utf-8", "replace"))
        return self.span[0] + start, self.span[0] + end

    def walk(self, node: Node, flow: Flow) -> str:
        """Walk one part of the tree; returns what it would print."""
        level = self.scope.level
        if self.scope.full() or level[0] >= NESTED:
            return UNKNOWN
        how = _PARTS.get(node.type)
        level[0] += 1
        try:
            if how is not None:
                return how(self, node, flow)
            return self._all(node.named_children, flow)
        finally:
            level[0] -= 1

    def _all(self, nodes: list[Node], flow: Flow) -> str:
        printed = []
        for at, node in enumerate(nodes):
            last = at == len(nodes) - 1
            printed.append(self.walk(node, flow if last else flow._replace(redirects=())))
        return "".join(printed)

    def _nothing(self, node: Node, flow: Flow) -> str:
        return ""

    def _word(self, node: Node, flow: Flow) -> str:
        self.reader.marked(node)
        return ""

    def _pipeline(self, node: Node, flow: Flow) -> str:
        parts = node.named_children
        printed = ""
        for at, part in enumerate(parts):
            before = len(self.scope.found)
            last = at == len(parts) - 1
            into = flow if last else flow._replace(redirects=())
            printed = self.walk(part, into)
            mine = self.scope.found[before:]
            flow = flow._replace(stdin=printed, upstream=(*flow.upstream, *mine[:20]))
        return printed

    def _redirected(self, node: Node, flow: Flow) -> str:
        body = node.child_by_field_name("body")
        redirects, words, after = list(flow.redirects), [], []
        for child in node.children_by_field_name("redirect"):
            if child.type == "file_redirect":
                one, more = self._file(child)
                redirects.append(one)
                words += more
                if one.operator == "<":
                    flow = flow._replace(stdin=self.scope.files.get(one.target, UNKNOWN))
            else:
                text, rest = self._document(child)
                flow = flow._replace(stdin=text)
                after += rest
                # `cat <<E > FILE`: the grammar puts the file into the here-document.
                for inner in child.children_by_field_name("redirect"):
                    one, more = self._file(inner)
                    redirects.append(one)
                    words += more
        into = flow._replace(redirects=tuple(redirects))
        if body is None:
            printed = self._simple(node, words, into)
        elif words and body.type == "command":
            printed = self._command(body, into, words)
        else:
            printed = self.walk(body, into)
        for child in after:
            if child.type == "pipeline":
                into = Flow(printed, tuple(self.scope.found[-1:]))
                printed = self.walk(child, into)
            else:
                printed += self.walk(child, Flow())
        return printed

    def _file(self, node: Node) -> tuple[Redirect, list[Node]]:
        """Return a redirection, and nodes that the grammar took for further targets."""
        targets = node.children_by_field_name("destination")
        operator = next((c.type for c in node.children if not c.is_named), ">")
        start, end = self.place(node.start_byte, node.end_byte)
        if not targets:
            return Redirect(operator, "", start, end), []
        groups = self.reader.groups(targets)
        target = plain(tilde(groups[0][0]))
        if targets[0].type == "number" or (operator.endswith("&") and target.isdigit()):
            target = ""
        more = [one for one in targets if one.start_byte >= groups[0][3]]
        return Redirect(operator, target, start, end), more

    def _document(self, node: Node) -> tuple[str, list[Node]]:
        """Return the text of a here-document or here-string, and what follows it."""
        if node.type == "herestring_redirect":
            parts = [plain(tilde(self.reader.marked(one))) for one in node.named_children]
            return "".join(parts) + "\n", []
        text, after, literal = "", [], False
        for child in node.named_children:
            if child.type == "heredoc_start":
                said = self.reader.raw(child.start_byte, child.end_byte)
                literal = any(char in said for char in "'\"\\")
            elif child.type == "heredoc_body":
                text = self._body(child, literal)
            elif child.type not in {"heredoc_end", "file_redirect", "comment"}:
                after.append(child)
        return text, after

    def _body(self, node: Node, literal: bool) -> str:
        if literal:
            return self.reader.raw(node.start_byte, node.end_byte)
        parts, at = [], node.start_byte
        for child in node.named_children:
            if child.type == "heredoc_content":
                continue
            parts.append(self.reader.raw(at, child.start_byte))
            parts.append(plain(self.reader.marked(child)))
            at = child.end_byte
        parts.append(self.reader.raw(at, node.end_byte))
        return "".join(parts)

    def _command(self, node: Node, flow: Flow, more: list[Node] | None = None) -> str:
        """Run a simple command: assignments, words, redirections of its own."""
        nodes, redirects = [], list(flow.redirects)
        named = node.child_by_field_name("name")
        for child in node.named_children:
            if child.type == "variable_assignment":
                self._assign(child, flow)
            elif child.type == "file_redirect":
                one, rest = self._file(child)
                redirects.append(one)
                nodes += rest
            elif child.type in {"herestring_redirect", "heredoc_redirect"}:
                flow = flow._replace(stdin=self._document(child)[0])
            elif child.type != "comment":
                nodes.append(child)
        if named is None and not nodes:
            return ""
        return self._simple(node, nodes + (more or []), flow._replace(redirects=tuple(redirects)))

    def _simple(self, node: Node, nodes: list[Node], flow: Flow) -> str:
        from gitcoord.domain.guardrails.running import execute

        words = []
        for text, quotes, start, end in self.reader.groups(nodes):
            span = self.place(start, end)
            words += [Word(part, *span) for part in split(text, quotes)]
        span = self.place(node.start_byte, node.end_byte)
        stop = max([words[-1].end if words else 0, *(one.end for one in flow.redirects)])
        end = max(span[1], stop) if self.exact else span[1]
        command = Command(
            tuple(words), span[0], end, flow.redirects, flow.stdin, self.scope.cwd, flow.upstream
        )
        return execute(self, command)

    def _assign(self, node: Node, flow: Flow) -> str:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return ""
        text = self.reader.value(value) if value is not None else ""
        key = self.reader.raw(name.start_byte, name.end_byte).partition("[")[0]
        added = b"+=" in self.data[name.end_byte : node.end_byte][:2]
        self.scope.values[key] = self.scope.values.get(key, "") + text if added else text
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
        for value in values[:TURNS] or [UNKNOWN]:
            self.scope.values[name] = value
            printed.append(self.walk(body, flow))
        return "".join(printed)

    def _subshell(self, node: Node, flow: Flow) -> str:
        kept = self.scope.cwd, dict(self.scope.values)
        printed = self._all(node.named_children, flow)
        self.scope.cwd = kept[0]
        self.scope.values.clear()
        self.scope.values.update(kept[1])
        return printed

    def _function(self, node: Node, flow: Flow) -> str:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            return self._all(node.named_children, flow)
        key = self.reader.raw(name.start_byte, name.end_byte)
        self.scope.functions[key] = (self, body)
        self.scope.uncalled.add(key)
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
            target = self._file(children[0])[0].target
            return self._content(target)
        return self._subshell(node, Flow())

    def _content(self, target: str) -> str:
        from gitcoord.domain.guardrails.printing import content

        return content(target, self.scope.files)

    def _fed(self, node: Node) -> str:
        """Return the name of the file that `<(...)` gives; its content is kept under it."""
        name = f"/dev/fd/{100 + len(self.scope.files)}"
        self.scope.files[name] = self._subshell(node, Flow())
        return name

    @property
    def remote(self) -> bool:
        """Whether the text holds anything from the network."""
        return REMOTE in self.text


_PARTS = {
    "command": Script._command,
    "pipeline": Script._pipeline,
    "redirected_statement": Script._redirected,
    "variable_assignment": Script._assign,
    "declaration_command": Script._declare,
    "unset_command": Script._nothing,
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


def commands(text: str) -> tuple[list[Command], bool]:
    """Return the commands that a text would run, and whether it was understood whole."""
    scope = Scope()
    script = Script(text, scope, (0, len(text)), True, 0)
    script.exact_text = script.text
    script.run()
    for name in sorted(scope.uncalled):
        owner, body = scope.functions[name]
        owner.walk(body, Flow())
    return scope.found, not scope.broken
