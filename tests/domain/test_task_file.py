"""What a task file may hold, and the entry and field that a refusal names."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
import yaml

from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.task_file import tasks_from
from gitcoord.errors import InvalidFile


def read(data: Any) -> list[NewTask]:
    numbers = count(1)
    return tasks_from(data, lambda: f"t-{next(numbers)}")


def test_a_yaml_file_becomes_tasks_in_its_order() -> None:
    text = """
    defaults: {feature: login, priority: low, requires: [python]}
    tasks:
      - title: Schema
        ref: schema
        keys: [db/schema.sql]
        deadline: 2026-02-01T12:00:00Z
      - title: Form
        id: t-form
        priority: critical
        depends_on: [schema]
        not_before: 2026-01-07
    """
    assert read(yaml.safe_load(text)) == [
        NewTask(
            id="t-1",
            title="Schema",
            ref="schema",
            keys=("db/schema.sql",),
            deadline="2026-02-01T12:00:00+00:00",
            feature="login",
            priority="low",
            requires=("python",),
        ),
        NewTask(
            id="t-form",
            title="Form",
            priority="critical",
            depends_on=("schema",),
            not_before="2026-01-07",
            feature="login",
            requires=("python",),
        ),
    ]


def test_a_bare_list_is_enough() -> None:
    assert read([{"title": "One"}, {"title": "Two", "priority": 2}]) == [
        NewTask(id="t-1", title="One"),
        NewTask(id="t-2", title="Two", priority=2),
    ]


@pytest.mark.parametrize(
    ("data", "entry", "field", "message"),
    [
        ("text", 0, "tasks", "there are no tasks in the file"),
        ([], 0, "tasks", "there are no tasks in the file"),
        ({"tasks": {}}, 0, "tasks", "there are no tasks in the file"),
        ({"task": []}, 0, "tasks", "the file is a list of tasks, or has `tasks` and `defaults`"),
        (
            {"tasks": [], "more": 1},
            0,
            "tasks",
            "the file is a list of tasks, or has `tasks` and `defaults`",
        ),
        (
            {"tasks": [], "defaults": [1]},
            0,
            "defaults",
            "`defaults` is a mapping of fields to values",
        ),
        (
            {"tasks": [], "defaults": {"title": "T"}},
            0,
            "title",
            "`defaults` cannot set 'title'",
        ),
        ([{"title": "A"}, "B"], 2, "", "entry 2: a task is a mapping of fields to values"),
        ([{"description": "A"}], 1, "title", "entry 1, title: it has no title"),
        ([{"title": "A", "zzz": 1}], 1, "zzz", "entry 1, zzz: there is no field 'zzz'"),
        ([{"title": 3}], 1, "title", "entry 1, title: Expected `str`, got `int`"),
        (
            [{"title": "A", "depends_on": ["x", 2]}],
            1,
            "depends_on",
            "entry 1, depends_on: Expected `str`, got `int`",
        ),
        (
            [{"title": "A", "keys": "a.py"}],
            1,
            "keys",
            "entry 1, keys: Expected `array`, got `str`",
        ),
        ([{"title": " "}], 1, "title", "entry 1, title: a title has 1 to 255 characters, not 0"),
        (
            [{"title": "A", "priority": "urgent"}],
            1,
            "priority",
            "entry 1, priority: not a priority: 'urgent'",
        ),
        ([{"title": "A", "priority": 0}], 1, "priority", "entry 1, priority: not a priority: 0"),
        ([{"title": "A", "id": "a b"}], 1, "id", "entry 1, id: not the id of a task: 'a b'"),
        (
            [{"title": "A", "deadline": "soon"}],
            1,
            "deadline",
            "entry 1, deadline: not a time: 'soon'",
        ),
        (
            [{"title": "A", "ref": "x"}, {"title": "B", "ref": "x"}],
            2,
            "ref",
            "entry 2, ref: entry 1 is called 'x' already",
        ),
        (
            [{"title": "A", "id": "x"}, {"title": "B", "ref": "x"}],
            2,
            "ref",
            "entry 2, ref: entry 1 is called 'x' already",
        ),
    ],
)
def test_a_refusal_names_the_entry_and_the_field(
    data: Any, entry: int, field: str, message: str
) -> None:
    with pytest.raises(InvalidFile) as refusal:
        read(data)
    assert refusal.value.message == message
    assert refusal.value.details == {"entry": entry, "field": field}


def test_a_misspelt_field_gets_a_suggestion() -> None:
    with pytest.raises(InvalidFile) as refusal:
        read([{"title": "A", "dependson": ["x"]}])
    assert refusal.value.hint == "Did you mean depends_on?"


def test_a_task_may_have_its_id_as_its_name_too() -> None:
    assert read([{"title": "A", "id": "x", "ref": "x"}])[0].ref == "x"
