"""Lists of pipelines as a shell reads them, whatever the grammar nests into what.

`a && b | c > x` is [[a], [b, c > x]]: a redirection is that of one program, and `|` binds
more than `&&`. The grammar hangs a redirection on the whole list, what follows `<<E` into
the here-document, and the rest of a longer pipeline with its `&&` into the pipeline. The
order of the parts is right in all of them, and order is all that is needed.
Not here: what a part does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tree_sitter import Node


class Part(NamedTuple):
    """One program of a pipeline, with what the grammar hangs elsewhere."""

    #: None: there are only redirections.
    body: Node | None
    #: Each, and whether `<` in it was `<<<`.
    redirects: list[tuple[Node, bool]]
    #: More words, which stand after a here-document's mark.
    words: list[Node]


_NESTS = frozenset({"list", "pipeline", "redirected_statement"})
_ENDS = frozenset({"&&", "||"})
_BETWEEN = frozenset({"&&", "||", "|", "|&"})
REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
#: What is no part of a list: comments, and what is a here-document's own.
_OWN = frozenset(
    {"comment", "<<", "<<-", "file_descriptor", "heredoc_start", "heredoc_body", "heredoc_end"}
)


def chains(node: Node) -> list[list[Part]]:
    """Return the pipelines of a list, a pipeline or a redirected statement, in their order."""
    found: list[list[Part]] = [[]]
    part, marked = None, -1
    todo = [(node.type, node)]
    while todo:
        kind, one = todo.pop()
        if kind in _NESTS:
            todo += _held(one)
        elif kind in _BETWEEN:
            part = None
            if kind in _ENDS:
                found.append([])
        elif kind in REDIRECTS:
            part = part or _begun(found, None)
            part.redirects.append((one, one.start_byte == marked))
            if kind == "heredoc_redirect":
                todo += _held(one)
        elif kind == "ERROR" and one.text == b"<<":
            # `> x <<< y`: after a redirection the grammar knows no here-string.
            marked = one.end_byte
        elif part is None or kind == "ERROR":
            part = _begun(found, one)
        else:
            part.words.append(one)
    return found


def _held(node: Node) -> list[tuple[str, Node]]:
    nodes = reversed(node.children)
    return [(kind, child) for child in nodes if (kind := child.type) not in _OWN]


def _begun(found: list[list[Part]], body: Node | None) -> Part:
    part = Part(body, [], [])
    found[-1].append(part)
    return part
