"""What the grammar of bash misreads, and what is read instead.

Not here: the grammar, and the walk over what it understands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.domain.guardrails.grammar import parse

if TYPE_CHECKING:
    from tree_sitter import Node

    from gitcoord.domain.guardrails.shell import Script


#: Most readings of a text; two were enough for any that was found.
READINGS = 6
#: Between whose parts no line ends.
_ONE_LINE = frozenset({
    "command", "redirected_statement", "file_redirect", "variable_assignments",
    "declaration_command", "unset_command",
})  # fmt: skip
_CONTINUED = (b"\\\n", b"\\\r\n")


def tree(data: bytes, readings: int = READINGS) -> tuple[Node, bool]:
    """Return the root of the tree of a text, and whether every end of a line in it counts.

    After a pipeline of three programs the grammar takes the next line for more words of the
    last one if a redirection, `&&` or `||` follows there, and after two assignments for the
    program that gets them. Such an end of a line is shown to it as `;`; places stay the same.
    """
    root = parse(data)
    if b"\n" not in data:
        return root, True
    lost = _lost(data, root)
    for _ in range(readings - 1):
        if not lost or min(lost) < 0:
            break
        shown = bytearray(data)
        for at in lost:
            shown[at] = ord(";")
        data = bytes(shown)
        root = parse(data)
        lost = _lost(data, root)
    return root, not lost


def guess(script: Script, cwd: str) -> None:
    """Run what a text with errors reads like, beside what the grammar made of it.

    What is found is kept apart: it may be wrong about what is written.
    """
    scope = script.scope
    found, after = scope.found, scope.cwd
    scope.found, scope.cwd = [], cwd
    start, end = script.span
    _roughly(
        script, script.text, (start, start + len(script.text)) if script.exact else (start, end)
    )
    scope.guessed += scope.found
    scope.found, scope.cwd = found, after


def braces(script: Script, node: Node) -> None:
    """Run `{rm,-rf,/}`: without a blank after it a brace begins a word, and no compound."""
    if script.data[node.start_byte + 1 : node.start_byte + 2].isspace():
        return
    rest = script.data[node.start_byte :]
    length = min([at for end in b"\n);|&" if (at := rest.find(end)) >= 0] or [len(rest)])
    stop = node.start_byte + length
    text = script.reader.raw(node.start_byte, stop)
    _roughly(script, text, script.place(node.start_byte, stop))


def _lost(data: bytes, root: Node) -> list[int]:
    """Return the blanks at which lines end inside of what is on one line; -1: there is no blank."""
    found = []
    todo = [root]
    while todo:
        node = todo.pop()
        before, one_line = None, node.type in _ONE_LINE
        for child in node.children:
            if data.find(b"\n", child.start_byte, child.end_byte) >= 0:
                todo.append(child)
            if one_line and child.type != "comment":
                if before is not None and before.type != "heredoc_redirect":
                    found += _ending(data, before.end_byte, child.start_byte)
                before = child
    return found


def _ending(data: bytes, start: int, end: int) -> list[int]:
    """Return the blank from which a line ends between two words, if it does."""
    if data.find(b"\n", start, end) < 0:
        return []
    while long := next((len(one) for one in _CONTINUED if data.startswith(one, start)), 0):
        start += long
    gap = data[start:end]
    for one in _CONTINUED:
        gap = gap.replace(one, b"")
    # Before a comment the blank is taken: a mark behind it would be part of the comment.
    if b"\n" not in gap and b"#" not in gap:
        return []
    return [start if gap[:1].isspace() else -1]


def _roughly(script: Script, text: str, span: tuple[int, int]) -> None:
    from gitcoord.domain.guardrails.running import execute
    from gitcoord.domain.guardrails.scan import rough

    for one in rough(text):
        start, end = span
        if end - start == len(text):
            start, end = start + one.start, start + one.end
        execute(script, one._replace(start=start, end=end, cwd=script.scope.cwd))
