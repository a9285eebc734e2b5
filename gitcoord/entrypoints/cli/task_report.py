"""`gitcoord task report`: hand in the result of a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitcoord.entrypoints.cli.completion import task_ids
from gitcoord.entrypoints.cli.desk import Desk, acting, command

if TYPE_CHECKING:
    from gitcoord.domain.results import Reported


@click.command(epilog="Example: gitcoord task report t-4k2m8x7q1z --file result.json")
@click.argument("id", shell_complete=task_ids)
@click.option("--file", required=True, metavar="RESULT.json", help="JSON or YAML; - is stdin.")
@click.option("--keep-locks", is_flag=True, help="Keep the keys of the claim.")
@acting
@command
def report(desk: Desk, id: str, file: str, keep_locks: bool) -> None:
    """Hand in the result of a package, and end the attempt with it.

    One of an older plan or of older contracts is refused, and so are files outside the scope.
    """
    from gitcoord.domain.results import Reported
    from gitcoord.entrypoints.cli.facts import task_marks
    from gitcoord.entrypoints.cli.marked import read_marked
    from gitcoord.entrypoints.results import report_of
    from gitcoord.errors import InvalidFile
    from gitcoord.ledger.request import fresh_id

    data = read_marked(file, desk.directory).data
    if not isinstance(data, dict):
        raise InvalidFile(f"{file}: a result is a mapping of fields to values", file=file)
    marks = () if keep_locks else task_marks(desk, id)
    wish = report_of(id, data, fresh_id, release_locks=not keep_locks, marks=marks)
    answer = desk.do(wish, Reported)
    desk.show(
        {
            "task": answer.task,
            "released": answer.released,
            "unlanded": answer.unlanded,
            "ready": answer.ready,
            "escalations": answer.escalations,
            "retried": answer.retried,
        },
        lambda: _lines(answer),
    )


def _lines(answer: Reported) -> list[str]:
    task = answer.task
    return [
        f"{task.id} is {task.status}{' again' if answer.retried else ''}  {task.title}",
        *(f"  released {key}" for key in answer.released),
        *(f"  escalation {one.id} ({one.action}): {one.summary}" for one in answer.escalations),
        *(f"  now ready: {name}" for name in answer.ready),
    ]
