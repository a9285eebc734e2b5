"""What the grammar of bash misreads, and what is read instead.

Not here: the grammar, and the walk over what it understands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

    from gitcoord.domain.guardrails.shell import Script


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


def parted(data: bytes, nodes: list[Node]) -> tuple[list[Node], list[Node]]:
    """Return the words before the last end of a line between words, and those after it.

    After a pipeline of three the grammar takes the next line for more words of the last program
    if a redirection follows.
    """
    for at in range(len(nodes) - 1, 0, -1):
        gap = data[nodes[at - 1].end_byte : nodes[at].start_byte]
        if b"\n" in gap and b"\n" in gap.replace(b"\\\n", b""):
            return nodes[:at], nodes[at:]
    return [], nodes


def _roughly(script: Script, text: str, span: tuple[int, int]) -> None:
    from gitcoord.domain.guardrails.running import execute
    from gitcoord.domain.guardrails.scan import rough

    for one in rough(text):
        start, end = span
        if end - start == len(text):
            start, end = start + one.start, start + one.end
        execute(script, one._replace(start=start, end=end, cwd=script.scope.cwd))
