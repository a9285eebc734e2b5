"""The commands that move a task from one status to another.

One table: the word, what it says about itself, and which options it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gitcoord.entrypoints.cli.completion import task_ids
from gitcoord.entrypoints.cli.desk import Desk, acting, command
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


class Way(NamedTuple):
    """One command that moves a task."""

    help: str
    example: str
    options: tuple[str, ...] = ()


OPTIONS: dict[str, Callable[[Any], Any]] = {
    "reason": click.option("--reason", default="", help="Why; it stays with the task."),
    "result": click.option("--result", "--summary", default="", help="What came of it."),
    "error": click.option("--error", default="", help="What went wrong."),
    "error_code": click.option("--error-code", default="", help="A word for programs."),
    "files": click.option("--file", "files", multiple=True, metavar="PATH", help="A changed file."),
    "keep_locks": click.option("--keep-locks", is_flag=True, help="Keep the keys of the claim."),
    "push": click.option("--push", is_flag=True, help="Land the branch in the same step."),
}

MOVES: dict[str, Way] = {
    "start": Way(
        "Say that work on a claimed or blocked task goes on.", "start t-4k2m8x7q1z", ("reason",)
    ),
    "block": Way(
        "Say that it cannot go on, and why. The claim stays.",
        "block t-4k2m8x7q1z --reason 'needs the schema'",
        ("reason",),
    ),
    "complete": Way(
        "Finish a task; its claim and its locks end with it.",
        "complete t-4k2m8x7q1z --result 'login fixed' --file src/auth/login.py",
        ("result", "reason", "files", "keep_locks", "push"),
    ),
    "fail": Way(
        "End this attempt; `retry` opens the next one.",
        "fail t-4k2m8x7q1z --error 'tests hang'",
        ("error", "error_code", "reason", "files", "keep_locks"),
    ),
    "cancel": Way(
        "Give a task up for good. Anybody may.",
        "cancel t-4k2m8x7q1z --reason 'no longer needed'",
        ("reason", "error_code"),
    ),
    "release": Way(
        "Give a task back to the queue.",
        "release t-4k2m8x7q1z --reason 'not my field'",
        ("reason", "keep_locks"),
    ),
}

#: The word after the deed.
DONE = {
    "start": "started",
    "block": "blocked",
    "complete": "completed",
    "fail": "failed",
    "cancel": "cancelled",
    "release": "released",
}


def add_to(group: click.Group) -> None:
    """Add a command for each move, and `retry`."""
    for move, way in MOVES.items():
        group.add_command(_command(move, way))
    group.add_command(retry)


def _command(move: str, way: Way) -> click.Command:
    def body(desk: Desk, id: str | None, **said: Any) -> None:
        _move(desk, move, id or _only_task(desk, move), **said)

    body.__doc__ = way.help
    made: Any = acting(command(body))
    for option in reversed(way.options):
        made = OPTIONS[option](made)
    made = click.argument("id", required=False, shell_complete=task_ids)(made)
    return click.command(move, help=way.help, epilog=f"Example: gitcoord task {way.example}")(made)


def _only_task(desk: Desk, move: str) -> str:
    """Return the one task that the acting session holds. Raises `UsageError`."""
    from gitcoord.domain.tasks import held_by

    with desk.state() as state:
        mine = [task.id for task in held_by(state, desk.holder)]
    if len(mine) == 1:
        return mine[0]
    held = f"it holds {', '.join(mine)}" if mine else "this session holds none"
    raise UsageError(f"which task? {held}", hint=f"Run `gitcoord task {move} ID`.", tasks=mine)


def _move(
    desk: Desk, move: str, id: str, *, push: bool = False, keep_locks: bool = False, **said: Any
) -> None:
    from gitcoord.domain.task_moves import Moved, MoveTask
    from gitcoord.entrypoints.cli.facts import task_marks

    pushed = _pushed(desk) if push else None
    if "files" in said:
        said["files"] = tuple(said["files"])
    frees = not (keep_locks or move in ("start", "block"))
    # What is pushed to the branch on which work counts as landed leaves nothing behind.
    lands = pushed is not None and pushed["branch"] == _target(desk)
    marks = task_marks(desk, id) if frees and not lands else ()
    wish = MoveTask(id=id, move=move, release_locks=not keep_locks, marks=marks, **said)  # type: ignore[arg-type]
    if pushed is None:
        answer = desk.do(wish, Moved)
    else:
        from gitcoord.storage.worktree import Checkout

        session, agent = desk.holder, desk.person
        # The hooks that this push runs have to know who acts, however that was found here.
        place = Checkout(desk.repository, {**desk.environ, "GITCOORD_SESSION": session})
        answer = desk.house.land(wish, Moved, place, session=session, agent=agent)
    desk.show(
        {
            "task": answer.task,
            "released": answer.released,
            "unlanded": answer.unlanded,
            "ready": answer.ready,
        }
        | ({"pushed": pushed} if pushed else {}),
        lambda: [
            f"{DONE[move]} {answer.task.id}  {answer.task.title}",
            *([f"  pushed {pushed['branch']} to {pushed['remote']} with it"] if pushed else ()),
            *(f"  released {key}" for key in answer.released),
            *(f"  unlanded: {one.key} on {one.branch}" for one in answer.unlanded),
            *(f"  now ready: {name}" for name in answer.ready),
        ],
    )


def _pushed(desk: Desk) -> dict[str, str]:
    """Return the branch that a push from here moves, and at which remote."""
    if desk.house.wire is None:
        raise UsageError(
            "--push needs a ledger at a git host: there the branch and the ledger land together",
            hint="This ledger is local: merge or push the branch yourself, then complete the task.",
        )
    remote, checkout = desk.house.remote, desk.checkout
    code, name, _ = checkout.told("rev-parse", "--abbrev-ref", "@{push}")
    follows, prefix = name.decode("utf-8", "surrogateescape").strip(), f"{remote}/"
    known = code == 0 and follows.startswith(prefix)
    branch = follows.removeprefix(prefix) if known else checkout.branch()
    return {"branch": branch, "remote": remote, "head": checkout.resolve("HEAD") or ""}


def _target(desk: Desk) -> str:
    with desk.state() as state:
        setting = state.settings.target_branch
    found = None if setting else desk.checkout.target()
    return setting or ("" if found is None else found.name.removeprefix("origin/"))


@click.command(epilog="Example: gitcoord task retry t-4k2m8x7q1z --reason 'flaky network'")
@click.argument("id", shell_complete=task_ids)
@click.option("--reason", default="", help="Why it will work this time.")
@click.option("--deadline", default="", metavar="TIME", help="A new deadline.")
@click.option("--max-attempts", type=int, default=0, help="A new limit of attempts.")
@acting
@command
def retry(desk: Desk, id: str, reason: str, deadline: str, max_attempts: int) -> None:
    """Put a failed task back into the queue as a new attempt."""
    from gitcoord.domain.task_moves import Retried, RetryTask

    wish = RetryTask(id=id, reason=reason, deadline=deadline, max_attempts=max_attempts)
    answer = desk.do(wish, Retried)
    desk.show({"task": answer.task}, f"{answer.task.id} is pending again")
