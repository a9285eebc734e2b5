"""What was learned before that an agent should know for the task it has now, in few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.entrypoints.cli.render import ago
from gitcoord.errors import Unavailable

if TYPE_CHECKING:
    from gitcoord.domain.memories import Memory
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time
    from gitcoord.entrypoints.cli.desk import Desk

#: Memories that are shown, those that are looked at to find them, and characters of each line.
SHOWN, LOOKED, LINE = 3, 10, 200


def lessons(desk: Desk, state: State, now: Time, holder: str) -> list[str]:
    """Return a line for each of the few memories that fit the holder's tasks, the best first.

    Opens no index where nobody has remembered anything, or there is no task. Where the texts
    cannot be searched at this moment there are none, and that is noted.
    """
    from gitcoord.domain.tasks import held_by

    tasks = held_by(state, holder)
    if not tasks or not state.holds("memories"):
        return []
    from gitcoord.domain.recall import Query, related
    from gitcoord.ledger.recalling import recalled

    text = "\n".join(f"{task.title}\n{task.description}" for task in tasks)
    try:
        found = recalled(desk.house.ledger, desk.house.home, Query(text=text, limit=LOOKED))
    except Unavailable as trouble:
        desk.note(f"cannot look for what was learned: {trouble.message}")
        return []
    fitting = [one.memory for one in found if related(one.memory, text)]
    return [_line(one, now) for one in fitting[:SHOWN]]


def _line(memory: Memory, now: Time) -> str:
    lesson = f" -> {'; '.join(memory.lessons)}" if memory.lessons else ""
    said = " ".join(f"{memory.summary}{lesson}".split())
    who = f"Learned ({memory.type}, {memory.agent}, {ago(now, memory.at)}, {memory.id}): "
    room = LINE - len(who)
    return who + (said if len(said) <= room else f"{said[: room - 3]}...")
