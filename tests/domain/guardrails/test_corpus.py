"""The corpus: each command gets the verdict that its table says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from gitcoord.domain.guardrails.catalogue import RULES
from tests.domain.guardrails.blind import BLIND
from tests.domain.guardrails.blind_second import BLIND_SECOND
from tests.domain.guardrails.corpus import OWN, Row
from tests.domain.guardrails.known import FALSE_ALARMS, GRADES, MISSES
from tests.domain.guardrails.score import judged, plain, score

DOCUMENT = Path(__file__).parents[3] / "docs" / "guardrails.md"
PARTS: dict[str, tuple[Row, ...]] = {"own": OWN, "first": BLIND, "second": BLIND_SECOND}


@pytest.mark.parametrize("row", OWN, ids=[row[0][:40] for row in OWN])
def test_a_command_of_our_own_gets_its_verdict(row: Row) -> None:
    text, wanted, why = row
    verdict = judged(text)
    assert plain(verdict.action) == plain(wanted), (why, verdict.findings)


def test_the_blind_parts_differ_from_the_rules_only_where_it_is_written_down() -> None:
    first, second = score(BLIND), score(BLIND_SECOND)
    assert {*first.misses, *second.misses} == set(MISSES)
    assert {*first.false_alarms, *second.false_alarms} == set(FALSE_ALARMS)
    assert {**first.grades, **second.grades} == GRADES


@pytest.mark.parametrize("part", PARTS)
def test_no_command_stands_twice_in_a_part_and_each_has_a_reason(part: str) -> None:
    rows = PARTS[part]
    assert [text for text, count in Counter(row[0] for row in rows).items() if count > 1] == []
    assert {row[1] for row in rows} <= {"block", "ask", "warn", "log", "allow"}
    assert all(row[2].strip() for row in rows)


def test_every_built_in_rule_is_met_by_some_command() -> None:
    met = {one.rule for rows in PARTS.values() for row in rows for one in judged(row[0]).findings}
    # What is too long is tested where limits are.
    assert set(RULES) - met == {"too_long"}


def test_what_is_allowed_is_at_least_a_third_so_that_false_alarms_show() -> None:
    for rows in PARTS.values():
        assert sum(plain(row[1]) == "allow" for row in rows) >= len(rows) * 0.3


def test_the_document_has_the_figures_of_each_part() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    names = {"own": "own", "first": "blind, first", "second": "blind, second, now"}
    for part, rows in PARTS.items():
        found = score(rows)
        wanted = [len(rows), *map(len, found)]
        line = re.search(rf"^\| {names[part]} +\|(.*)\|$", text, re.MULTILINE)
        assert line is not None
        assert [int(cell) for cell in line[1].split("|")] == wanted


def test_the_document_names_each_known_miss_and_false_alarm() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for table in (MISSES, FALSE_ALARMS):
        for command in table:
            assert f"`{command}`" in text


def test_the_table_of_rules_in_the_document_is_that_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` +\| (\w+) +\| (\w+) +\| (\d|-) +\| `(.+?)` +\|$", text, re.MULTILINE
    )
    assert [row[:4] for row in rows] == [
        (rule.name, rule.category, rule.severity, "-" if rule.bypass is None else str(rule.bypass))
        for rule in RULES.values()
    ]
    for name, _, severity, _, example in rows:
        if name == "too_long":
            continue
        found = {one.rule: one.severity for one in judged(example.replace("\\|", "|")).findings}
        assert found.get(name) == severity, (name, example)
