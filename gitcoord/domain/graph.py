"""Graphs of tasks: cycles, waves, and pictures as text and as Graphviz DOT.

Pure functions of what they are given; edges point from a task to those it
depends on. Nothing is loaded from a ledger here and nothing is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitcoord.domain.tasks import Task

#: Fill colours of DOT nodes by status; names of https://graphviz.org/doc/info/colors.html
COLOURS = {
    "pending": "white",
    "assigned": "lightyellow",
    "in_progress": "lightblue",
    "blocked": "orange",
    "completed": "palegreen",
    "failed": "salmon",
    "cancelled": "lightgrey",
}


def cycle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one cycle, its first node again at the end, or an empty list.

    What is only pointed at counts as a node without edges.
    """
    done: set[str] = set()
    for start in edges:
        path: dict[str, Iterable[str]] = {}
        trail = [] if start in done else [start]
        while trail:
            node = trail[-1]
            if node not in path:
                path[node] = iter(edges.get(node, ()))
            following = next((n for n in path[node] if n not in done), None)
            if following is None:
                done.add(trail.pop())
                del path[node]
            elif following in path:
                return [*trail[trail.index(following) :], following]
            else:
                trail.append(following)
    return []


def waves(
    edges: Mapping[str, Sequence[str]], known: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return for each node the length of its longest path of dependencies.

    `known` holds the waves of nodes outside `edges`; other nodes outside do not
    count. The edges must be free of cycles.
    """
    found = dict(known or {})
    pending = [node for node in edges if node not in found]
    while pending:
        node = pending[-1]
        missing = [n for n in edges[node] if n in edges and n not in found]
        if missing:
            pending.extend(missing)
        else:
            found[pending.pop()] = max((found[n] + 1 for n in edges[node] if n in found), default=0)
    return {node: found[node] for node in edges}


def reached(edges: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return for each node all that it depends on, also through others.

    All nodes are in `edges`, which must be free of cycles.
    """
    found: dict[str, set[str]] = {}
    pending = list(edges)
    while pending:
        name = pending[-1]
        missing = [one for one in edges[name] if one not in found]
        if missing:
            pending += missing
            continue
        pending.pop()
        found[name] = {*edges[name], *(far for one in edges[name] for far in found[one])}
    return found


def text_graph(tasks: Iterable[Task]) -> str:
    """Return the tasks wave by wave, each with what it waits for; empty without tasks."""
    known = {task.id: task for task in tasks}
    found = waves({task.id: task.depends_on for task in known.values()})
    lines: list[str] = []
    wave = -1
    for task in sorted(known.values(), key=lambda t: (found[t.id], t.order)):
        if found[task.id] != wave:
            wave = found[task.id]
            lines.append(f"wave {wave}")
        line = f"  {task.id}  [{task.status}]  P{task.priority}  {task.title}"
        if task.agent:
            line += f"  ({task.agent})"
        after = [_after(name, known) for name in task.depends_on]
        lines.append(line + (f"  <- {', '.join(after)}" if after else ""))
    return "\n".join(lines) + "\n" if lines else ""


def dot(tasks: Iterable[Task]) -> str:
    """Return the tasks as a Graphviz digraph, dependencies pointing to their dependants.

    Children stand in a cluster of their parent; a dependency that is not among
    the tasks is a dashed node. Language: https://graphviz.org/doc/info/lang.html
    """
    known = {task.id: task for task in sorted(tasks, key=lambda t: t.order)}
    families: defaultdict[str, list[Task]] = defaultdict(list)
    for task in known.values():
        families[task.parent].append(task)
    lines = ["digraph tasks {", "  rankdir=LR;", "  node [shape=box, style=filled];"]
    for parent, children in sorted(families.items()):
        inner = [_node(task) for task in children]
        if parent:
            title = known[parent].title if parent in known else parent
            lines.append(f"  subgraph {_quoted('cluster_' + parent)} {{")
            lines.append(f"    label={_quoted(title)};")
            lines += [f"    {line}" for line in inner]
            lines.append("  }")
        else:
            lines += [f"  {line}" for line in inner]
    pairs = [(name, task.id) for task in known.values() for name in task.depends_on]
    for name in sorted({name for name, _ in pairs if name not in known}):
        lines.append(f"  {_quoted(name)} [style=dashed];")
    lines += [f"  {_quoted(name)} -> {_quoted(dependant)};" for name, dependant in pairs]
    return "\n".join([*lines, "}"]) + "\n"


def _after(name: str, known: Mapping[str, Task]) -> str:
    status = known[name].status if name in known else ""
    return f"{name} ({status})" if status in ("failed", "cancelled") else name


def _node(task: Task) -> str:
    label = _quoted(f"{task.id}\n{task.title}\n{task.status} P{task.priority}")
    return f"{_quoted(task.id)} [label={label}, fillcolor={COLOURS[task.status]}];"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
