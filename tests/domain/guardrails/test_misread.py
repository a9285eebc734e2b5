"""A text of several lines is read as its lines are, whatever the grammar makes of them."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from tree_sitter import Node

from gitcoord.domain.guardrails import misread
from gitcoord.domain.guardrails.chain import chains
from tests.domain.guardrails.score import judged
from tests.domain.guardrails.test_properties import DANGEROUS, HARMLESS, REDEFINED, stops

#: What stands alone on lines of scripts, in every form that begins or ends in another way.
STATEMENTS = (
    "a", "a | b c", "a | b | c d", "a |& b |& c d", "a | b | c", "a |\nb |\nc d", "a | b | c \\\n d",
    "a && b", "a || b || c d", "a && b | c | d e", "a | b | c d && e f", "a | b && c d", "a && b &&\nc d",
    "a; b | c | d", "a | b | c d;", "a | b | c d &", "! a | b | c d", "time a | b | c d",
    "(a | b | c)", "a | (b) | c d", "a | b | (c d)", "a | { b; } | c d", "{ a | b | c d; }",
    "a | while read x; do b; done | c d", "a | b | while read x; do c d; done",
    "for i in 1 2; do a | b | c d; done", "if a | b | c d; then e f; fi", "until a | b | c d; do e; done",
    "case $x in y) a | b | c d;; esac", "f() { a | b | c d; }", "a | b | ((x))", "a | unset x | c",
    "x=1", "x=1 y=2", "x=1 c d", "a | b | x=1", "a | x=1 b | c d", "x=$(a | b | c d)", "export X=1",
    "[[ -f x ]]", "[[ -f x ]] && a b", "test -f x || a b", "a | b | c $d", "a | b | c $(d)",
    "a | b | c 'x\ny' d", "diff <(a | b | c d) <(e)", "a | tee >(b | c d) | e f",
    ">f", "a >f", "a <f", "a >f | b | c d", "a | b | c d 2>&1 >f", "a <<<s", "a <<<s | b | c d",
    "a | b | c d <<<s", "a <<E\nx\nE", "a <<E | b | c d\nx\nE", "a | b | c <<E\nx\nE", "a <<E && b\nx\nE",
    "a <<E >f\nx\nE", "a >f <<E\nx\nE", "a <<-E\n\tx\n\tE", "a <<'E' | b\nx y\nE",
    "a | b | c d # note", "# note", "sudo a | b | c d", "unset x",
)  # fmt: skip
#: What lines stand in, up to their beginning and from their end.
AROUND = (
    ("", ""), ("(\n", "\n)"), ("{\n", "\n}"), ("if x; then\n", "\nfi"), ("if\n", "\nthen :; fi"),
    ("if x; then\n:\nelse\n", "\nfi"), ("while x; do\n", "\ndone > out"), ("f() {\n", "\n}\nf"),
    ("x=$(\n", "\n)"), ('echo "$(\n', '\n)" z'), ("case $x in\ny)\n", "\n;;\nesac"),
    ("a && {\n", "\n}"), ("{\n", "\n} | b | c"), ("a | b | {\n", "\n}"),
)  # fmt: skip
ENDS = ("\n", "\n\n", " \n ", " # note\n", " # note \\\n", "\n# note\n", "\r\n")
#: Which of them holds which others is judged by their order (`chain.py`).
_NESTS = {"program", "list", "pipeline", "redirected_statement", "comment"}


def pieces(text: str, at: int = 0) -> set[tuple[str, int, int]]:
    """Return the kind and the place of each part of a text that begins at a byte."""
    root, whole = misread.tree(text.encode())
    assert whole
    assert not root.has_error
    found, todo = set(), [root]
    while todo:
        node = todo.pop()
        todo += node.named_children
        if node.type not in _NESTS:
            found.add((node.type, at + node.start_byte, at + node.end_byte))
    return found


def edges(text: str) -> list[tuple[str, int, int]] | None:
    """Return the kind and place of each statement of a text; None: the grammar does not know it."""
    root, whole = misread.tree(text.encode("utf-8", "replace"))
    assert whole
    if root.has_error:
        return None
    return [(one.type, one.start_byte, one.end_byte) for one in root.named_children]


def hard(texts: list[str]) -> list[str]:
    """Return the texts that have what is easily misread, or what another line could change."""
    return [text for text in texts if text.count("|") > 1 or "<<" in text or "()" in text]


def test_lines_that_stand_below_each_other_are_read_as_if_each_stood_alone() -> None:
    alone = {one: pieces(one) for one in STATEMENTS}
    for first, second in product(STATEMENTS, repeat=2):
        at = len(first) + 1
        moved = {(kind, start + at, end + at) for kind, start, end in alone[second]}
        assert pieces(f"{first}\n{second}") == alone[first] | moved, (first, second)


def test_lines_inside_of_something_are_read_as_if_each_stood_alone() -> None:
    random = Random(3)
    for _ in range(1_500):
        lines = random.choices(STATEMENTS, k=random.randint(2, 4))
        (text, end), breaks = random.choice(AROUND), random.choice(ENDS)
        wanted = set()
        for line in lines:
            wanted |= pieces(line, len(text))
            # A comment would be one more line of a here-document.
            text += line + ("\n" if line.endswith("E") else breaks)
        assert wanted <= pieces(text.rstrip("\r\n ") + end), text


def test_any_two_texts_of_the_corpus_meet_where_the_line_ends() -> None:
    known = {one: found for one in (*DANGEROUS, *HARMLESS) if (found := edges(one)) is not None}
    assert len(known) > 500
    for pair in product(DANGEROUS, HARMLESS):
        if not known.keys() >= set(pair):
            continue
        for first, second in (pair, pair[::-1]):
            at = len(first.encode("utf-8", "replace")) + 1
            moved = [(kind, start + at, end + at) for kind, start, end in known[second]]
            assert edges(f"{first}\n{second}") == known[first] + moved, (first, second)


def test_a_harmless_text_that_is_hard_to_read_excuses_no_dangerous_one() -> None:
    missed = set()
    for bad, good in product(hard(DANGEROUS), hard(HARMLESS)):
        if not stops(f"{good}\n{bad}"):
            missed.add((good, bad))
        if not stops(f"{bad}\n{good}"):
            missed.add((bad, good))
    assert missed == REDEFINED


def test_three_texts_are_stopped_if_one_of_them_is() -> None:
    random = Random(5)
    for _ in range(700):
        lines = [random.choice(DANGEROUS), *random.choices([*DANGEROUS, *HARMLESS], k=2)]
        random.shuffle(lines)
        redefined = any(lines.count(bad) and lines.count(good) for bad, good in REDEFINED)
        assert stops("\n".join(lines)) or redefined, lines


def test_places_of_findings_are_those_in_the_text_as_it_was_written() -> None:
    text = "ls | sort | uniq # those\nrm -rf / > log\nls"
    (one,) = judged(text).findings
    assert (one.part, text[one.start : one.end]) == ("rm -rf / > log", "rm -rf / > log")


def test_a_line_that_is_still_lost_after_the_last_reading_is_read_roughly() -> None:
    data = b"a | b | c\nd > e"
    assert misread.tree(data)[1]
    assert not misread.tree(data, 1)[1]
    assert misread.tree(b"a | b | c \\\n d > e", 1)[1]
    # Where there is no blank for a mark, a comment follows a word over two lines.
    text = "a | b | c\\\n# note\nrm -rf / > e"
    assert not misread.tree(text.encode())[1]
    assert judged(text).action == "block"


def parts(text: str) -> list[list[str]]:
    """Return the programs of each pipeline of a text, with the marks of what hangs on them."""
    root: Node = misread.tree(text.encode())[0]

    def shown(node: Node | None) -> str:
        return "" if node is None else text[node.start_byte : node.end_byte].partition("\n")[0]

    return [
        [
            " ".join(
                [
                    shown(one.body),
                    *(shown(node)[:3] for node, _ in one.redirects),
                    *map(shown, one.words),
                ]
            )
            for one in chain
        ]
        for chain in chains(root.named_children[0])
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a && b | c >x", [["a"], ["b", "c >x"]]),
        ("a | b | c && d || e", [["a", "b", "c"], ["d"], ["e"]]),
        ("a | b | c && d <<E\nx\nE", [["a", "b", "c"], ["d <<E"]]),
        ("a <<E | b | c && d\nx\nE", [["a <<E", "b", "c"], ["d"]]),
        ("a && b <<E >x && c d | e\nx\nE", [["a"], ["b <<E >x"], ["c d", "e"]]),
        ("a | b <<E c\nx\nE", [["a", "b <<E c"]]),
        (">x >y", [[" >x >y"]]),
        ("a >x <<<y", [["a >x <y"]]),
        ("a | # note\nb >x", [["a", "b >x"]]),
    ],
)
def test_lists_are_put_together_by_the_order_of_their_parts(
    text: str, wanted: list[list[str]]
) -> None:
    assert parts(text) == wanted
