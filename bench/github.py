"""What comes from GitHub: deliveries a second, and what a day of agents asks of GitHub's limits.

The rows; what they measure is in `forge.py`, which needs what only the `test` extra brings.
"""

from __future__ import annotations

from functools import partial

from bench.ratio import Measured, Row, Target
from bench.scratch import Scratch

#: Agents, and what each does in a day of eight hours.
AGENTS, TASKS = 20, 3
#: Requests that GitHub allows in an hour to a workflow's token, and to an app or a person.
OF_WORKFLOWS, OF_PEOPLE = 1_000, 5_000


def _deliveries(scratch: Scratch) -> Measured:
    from bench import forge

    return forge.deliveries(scratch)


def _day(scratch: Scratch, *, remembers: bool, limit: int) -> Measured:
    from bench import forge

    return forge.day(scratch, remembers, limit)


ROWS: tuple[Row, ...] = (
    Row(
        "github-deliveries",
        "signed deliveries of 10 kB that a service with one processor takes in a second",
        Target(50, least=True),
        "-",
        _deliveries,
        unit="/s",
    ),
    Row(
        "github-day-service",
        f"a day of {AGENTS} agents with {TASKS} pull requests each: requests of the service in the "
        "busiest hour, of those that GitHub allows to an app",
        Target(1),
        f"{OF_PEOPLE:,} an hour",
        partial(_day, remembers=True, limit=OF_PEOPLE),
    ),
    Row(
        "github-day-actions",
        "the same with workflows alone, each of which remembers nothing",
        Target(1),
        f"{OF_WORKFLOWS:,} an hour",
        partial(_day, remembers=False, limit=OF_WORKFLOWS),
    ),
)
