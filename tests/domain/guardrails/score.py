"""How the rules do on a part of the corpus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gitcoord.domain.guardrails.judge import Verdict, judge_command
from gitcoord.domain.guardrails.policy import DEFAULT
from tests.domain.guardrails.corpus import Row

#: Where the agent of the corpus works.
WORK = "/srv/acme/agent-x-t-1"
HOME = "/home/u"
STOPS = frozenset({"block", "ask"})


class Score(NamedTuple):
    """The commands on which the verdict is not the expected one -> what it is."""

    #: Dangerous and let through; harmless or to be warned of and stopped; of another severity.
    misses: dict[str, str]
    false_alarms: dict[str, str]
    grades: dict[str, str]


def judged(text: str) -> Verdict:
    """Return the verdict on a command where the agent of the corpus works."""
    return judge_command(text, DEFAULT, cwd=WORK, root=WORK, home=HOME)


def plain(action: str) -> str:
    """Return the action; what is only noted is allowed."""
    return "allow" if action == "log" else action


def score(rows: Iterable[Row]) -> Score:
    """Return where the rules and a part of the corpus differ."""
    found = Score({}, {}, {})
    for text, wanted, _ in rows:
        action = judged(text).action
        if plain(action) == plain(wanted):
            continue
        if (wanted in STOPS) == (action in STOPS):
            found.grades[text] = action
        else:
            (found.misses if wanted in STOPS else found.false_alarms)[text] = action
    return found
