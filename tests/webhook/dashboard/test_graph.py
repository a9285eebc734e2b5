"""The picture of the graph, and how pages put numbers and times."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.tasks import Task
from gitcoord.domain.time import EPOCH, plus
from webhook.dashboard import words
from webhook.dashboard.graph import HEIGHT, WIDTH, drawn
from webhook.dashboard.render import breaks, prose
from webhook.dashboard.tasks import lane


def task(id: str, *needs: str) -> Task:
    return Task(id=id, title=f"Task {id} " * 9, depends_on=needs, created_at=EPOCH)


@given(st.lists(st.lists(st.integers(0, 14), max_size=4), max_size=15))
def test_whoever_waits_stands_right_of_what_it_waits_for_and_boxes_do_not_touch(
    needs: list[list[int]],
) -> None:
    tasks = [
        task(f"t{at}", *(f"t{one}" for one in sorted(set(wanted)) if one < at))
        for at, wanted in enumerate(needs)
    ]
    picture = drawn(tasks, lane)
    place = {box.task.id: box for box in picture.boxes}
    assert set(place) == {one.id for one in tasks}
    assert len(picture.arrows) == sum(len(one.depends_on) for one in tasks)
    for one in tasks:
        for first in one.depends_on:
            assert place[first].x + WIDTH < place[one.id].x
    for box in picture.boxes:
        assert 0 <= box.x <= picture.width - WIDTH
        assert 0 <= box.y <= picture.height - HEIGHT
        assert len(box.title) <= 28
    spots = {(box.x, box.y) for box in picture.boxes}
    assert len(spots) == len(tasks)


def test_what_is_joined_stands_on_one_line_where_it_can() -> None:
    tasks = [task("a"), task("b"), task("c", "b"), task("d", "a")]
    place = {box.task.id: box.y for box in drawn(tasks, lane).boxes}
    assert place["a"] == place["d"]
    assert place["b"] == place["c"]


def test_dependencies_on_tasks_outside_of_the_picture_are_left_out() -> None:
    assert drawn([task("a", "elsewhere")], lane).arrows == []
    assert drawn([], lane).boxes == []


def test_a_lane_follows_from_status_and_what_is_waited_for() -> None:
    one = task("a")
    assert lane(one) == "ready"
    assert lane(msgspec.structs.replace(one, waiting_for=("b",))) == "waiting"
    assert lane(msgspec.structs.replace(one, status="blocked")) == "blocked"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "now"), (-0.9, "now"), (59, "in 59 s"), (-61, "1 min ago"), (7200, "in 2 h"),
     (-86_399, "23 h ago"), (-86_400 * 3, "3 d ago")],
)  # fmt: skip
def test_relative_times(seconds: float, said: str) -> None:
    now = "2026-01-31T12:00:00.000Z"
    assert words.relative(plus(now, seconds), now) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(None, words.UNKNOWN), (0, "0"), (950, "950"), (48_210, "48.2k"), (1_840_000, "1.84M"),
     (999_999, "1M"), (6e9, "6G"), (5e12, "5,000G")],
)  # fmt: skip
def test_counts(number: float | None, said: str) -> None:
    assert words.count(number) == said


def test_a_sentence_of_ours_is_escaped_and_its_commands_are_code() -> None:
    told = prose("run `gitcoord init` in <b>, not `")
    assert told == "Run <code>gitcoord init</code> in &lt;b&gt;, not `"


def test_a_path_may_go_on_in_a_new_line_behind_a_slash_and_is_escaped() -> None:
    assert breaks("src/<b>/x.py") == "src/<wbr>&lt;b&gt;/<wbr>x.py"
    assert breaks("plain") == "plain"


def test_times_within_a_sentence_are_put_as_people_read_them() -> None:
    now = "2026-01-31T12:00:00.000Z"
    text = "bob holds x until 2026-01-31T12:30:05.123Z, then 2026-02-01T08:00:00Z (T8)"
    assert words.timed(text, now) == ("bob holds x until 12:30 UTC, then 2026-02-01 08:00 UTC (T8)")


def test_money_and_nouns() -> None:
    assert words.money(0.4) == "$0.40"
    assert words.money(1204.4) == "$1,204"
    assert words.money(None) == words.UNKNOWN
    assert words.plural(1, "lock") == "1 lock"
    assert words.plural(2, "lock") == "2 locks"
    assert words.noun("lock: ada takes a: b") == ("lock", "ada takes a: b")
    assert words.noun("Something: else") == ("", "Something: else")
    assert words.shape("brand_new").word == "brand new"
