"""Cycles and waves against brute force, and pictures of small graphs."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.graph import cycle, dot, text_graph, waves
from gitcoord.domain.tasks import Task
from tests.domain.world import START

NODES = st.sampled_from("abcde")
GRAPHS = st.dictionaries(NODES, st.lists(NODES, unique=True, max_size=5))


def task(id: str, *depends_on: str, **fields: Any) -> Task:
    fields = {"title": f"Title {id}", "created_at": START} | fields
    return Task(id=id, depends_on=depends_on, **fields)


def every_cycle(edges: dict[str, list[str]]) -> set[tuple[str, ...]]:
    """Return all simple cycles, found by trying every sequence of nodes."""
    nodes = sorted({*edges, *(n for names in edges.values() for n in names)})
    return {
        walk
        for length in range(1, len(nodes) + 1)
        for walk in permutations(nodes, length)
        if all(b in edges.get(a, ()) for a, b in zip(walk, (*walk[1:], walk[0]), strict=True))
    }


@given(GRAPHS)
def test_a_cycle_is_found_exactly_when_brute_force_finds_one(edges: dict[str, list[str]]) -> None:
    found = cycle(edges)
    expected = every_cycle(edges)
    assert bool(found) == bool(expected)
    if found:
        assert found[0] == found[-1]
        assert tuple(found[:-1]) in expected


def longest(edges: dict[str, list[str]], known: dict[str, int], node: str) -> int:
    if node not in edges:
        return known[node]
    counted = [n for n in edges[node] if n in edges or n in known]
    return max((longest(edges, known, n) + 1 for n in counted), default=0)


@given(GRAPHS, st.dictionaries(st.sampled_from("defg"), st.integers(0, 9)))
def test_a_wave_is_the_longest_path_of_dependencies(
    graph: dict[str, list[str]], known: dict[str, int]
) -> None:
    edges = {n: [m for m in names if m > n] for n, names in graph.items() if n not in known}
    assert waves(edges, known) == {node: longest(edges, known, node) for node in edges}


def test_a_deep_chain_neither_recurses_nor_takes_long() -> None:
    edges = {str(n): [str(n + 1)] for n in range(20_000)}
    assert cycle(edges) == []
    assert waves(edges)["0"] == 19_999
    assert len(cycle(edges | {"20000": ["0"]})) == 20_002


def test_a_text_graph_shows_waves_and_what_each_task_waits_for() -> None:
    tasks = [
        task("t-c", "t-a", "t-x", "t-out", priority=3),
        task("t-a", status="in_progress", agent="ann"),
        task("t-x", status="failed", priority=1),
    ]
    assert text_graph(tasks) == (
        "wave 0\n"
        "  t-x  [failed]  P1  Title t-x\n"
        "  t-a  [in_progress]  P5  Title t-a  (ann)\n"
        "wave 1\n"
        "  t-c  [pending]  P3  Title t-c  <- t-a, t-x (failed), t-out\n"
    )
    assert text_graph([]) == ""


def test_a_dot_graph_has_quoted_nodes_clusters_and_dashed_strangers() -> None:
    tasks = [
        task("t-p", title='Say "hi" \\ bye'),
        task("t-c", "t-p", "t-out", parent="t-p", status="completed"),
        task("t-d", parent="t-gone"),
    ]
    assert dot(tasks) == (
        "digraph tasks {\n"
        "  rankdir=LR;\n"
        "  node [shape=box, style=filled];\n"
        '  "t-p" [label="t-p\\nSay \\"hi\\" \\\\ bye\\npending P5", fillcolor=white];\n'
        '  subgraph "cluster_t-gone" {\n'
        '    label="t-gone";\n'
        '    "t-d" [label="t-d\\nTitle t-d\\npending P5", fillcolor=white];\n'
        "  }\n"
        '  subgraph "cluster_t-p" {\n'
        '    label="Say \\"hi\\" \\\\ bye";\n'
        '    "t-c" [label="t-c\\nTitle t-c\\ncompleted P5", fillcolor=palegreen];\n'
        "  }\n"
        '  "t-out" [style=dashed];\n'
        '  "t-p" -> "t-c";\n'
        '  "t-out" -> "t-c";\n'
        "}\n"
    )
