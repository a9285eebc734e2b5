"""Redirections and here-documents: where a command writes, and the text that it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.domain.guardrails.command import Redirect
from gitcoord.domain.guardrails.marks import plain, tilde

if TYPE_CHECKING:
    from tree_sitter import Node

    from gitcoord.domain.guardrails.chain import Part
    from gitcoord.domain.guardrails.command import Flow
    from gitcoord.domain.guardrails.shell import Script
    from gitcoord.domain.guardrails.words import Reader


def file(script: Script, node: Node) -> tuple[Redirect, list[Node]]:
    """Return a redirection, and nodes that the grammar took for further targets."""
    reader = script.reader
    targets = node.children_by_field_name("destination")
    operator = next((c.type for c in node.children if not c.is_named), ">")
    start, end = script.place(node.start_byte, node.end_byte)
    if not targets:
        return Redirect(operator, "", start, end), []
    groups = reader.groups(targets)
    target = plain(tilde(groups[0][0]))
    if targets[0].type == "number" or (operator.endswith("&") and target.isdigit()):
        target = ""
    more = [one for one in targets if one.start_byte >= groups[0][3]]
    return Redirect(operator, target, start, end), more


def applied(script: Script, part: Part, flow: Flow) -> tuple[Flow, list[list[Node]]]:
    """Return what goes into a part of a pipeline after its redirections, and more words of it.

    Of several that it reads from, the last one counts.
    """
    redirects, more = list(flow.redirects), [part.words] if part.words else []
    for node, string in part.redirects:
        if node.type == "heredoc_redirect":
            flow = flow._replace(stdin=document(script.reader, node))
        elif node.type == "herestring_redirect":
            flow = flow._replace(stdin=here_string(script.reader, node))
        else:
            one, rest = file(script, node)
            more += [rest] if rest else []
            if string:
                flow = flow._replace(stdin=f"{one.target}\n")
                continue
            redirects.append(one)
            if one.operator == "<":
                flow = flow._replace(stdin=script.content(one.target))
    return flow._replace(redirects=tuple(redirects)), more


def here_string(reader: Reader, node: Node) -> str:
    """Return the text of a here-string."""
    return "".join(plain(tilde(reader.marked(one))) for one in node.named_children) + "\n"


def document(reader: Reader, node: Node) -> str:
    """Return the text of a here-document."""
    text, literal = "", False
    for child in node.named_children:
        if child.type == "heredoc_start":
            said = reader.raw(child.start_byte, child.end_byte)
            literal = any(char in said for char in "'\"\\")
        elif child.type == "heredoc_body":
            text = _body(reader, child, literal)
    return text


def _body(reader: Reader, node: Node, literal: bool) -> str:
    if literal:
        return reader.raw(node.start_byte, node.end_byte)
    parts, at = [], node.start_byte
    for child in node.named_children:
        if child.type == "heredoc_content":
            continue
        parts.append(reader.raw(at, child.start_byte))
        parts.append(plain(reader.marked(child)))
        at = child.end_byte
    parts.append(reader.raw(at, node.end_byte))
    return "".join(parts)
