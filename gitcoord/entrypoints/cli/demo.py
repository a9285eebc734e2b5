"""`gitcoord demo`: several agents share a copy of a real repository, and you look on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.render import table
from gitcoord.errors import Refused, UsageError

if TYPE_CHECKING:
    from gitcoord.entrypoints.demo.direct import Scene, Wish
    from gitcoord.entrypoints.demo.stage import Stage
    from gitcoord.entrypoints.demo.verdict import Verdict


@click.command(epilog="Example: gitcoord demo --agents 6 --no-locks")
@click.argument("path", required=False)
@click.option("--agents", type=click.IntRange(1, 8), default=4, show_default=True)
@click.option("--tasks", type=click.IntRange(1, 200), default=20, show_default=True)
@click.option("--locks/--no-locks", default=True, help="Without locks you see what they are for.")
@click.option("--kill/--no-kill", default=True, help="Kill one agent in the middle of a task.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other tasks.")
@click.option(
    "--remote", is_flag=True, help="Agents in clones of their own; the hub, behind HTTP, decides."
)
@click.option(
    "--scratch", metavar="DIR", help="Play in this new folder instead of a temporary one."
)
@command
def demo(desk: Desk, path: str | None, scratch: str | None, remote: bool, **wished: Any) -> int:
    """Play a demonstration on a copy of the repository you are in (or PATH).

    Real agents as real processes check in, claim tasks with overlapping files, lock, edit,
    commit, merge, hand over and check out; one is killed and its task is recovered. Your
    repository is only read.
    """
    import shutil
    import tempfile
    from contextlib import nullcontext

    from gitcoord.entrypoints.demo.direct import Wish, play, times
    from gitcoord.entrypoints.demo.hub import served
    from gitcoord.entrypoints.demo.stage import build

    folder = os.path.abspath(scratch) if scratch else tempfile.mkdtemp(prefix="gitcoord-demo-")
    if scratch:
        try:
            os.makedirs(folder)
        except FileExistsError:
            raise Refused(
                f"{scratch} exists already", hint="Name a folder that does not."
            ) from None
    wish = Wish(**wished)
    try:
        stage = build(path, desk.directory, folder)
        with served(stage) if remote else nullcontext(stage) as stage:
            if not desk.json:
                _opening(stage, wish, times(stage))
            with _view(desk, wish) as show:
                verdict = play(stage, wish, show)
    except UsageError:
        # There is nothing to play, and so nothing to look at.
        shutil.rmtree(folder)
        raise
    desk.show(
        {
            "verdict": verdict._asdict(),
            "hub": stage.hub,
            "origin": stage.origin or None,
            "source": stage.source,
        },
        lambda: _closing(stage, verdict),
    )
    return 1 if verdict.problems else 0


def _opening(stage: Stage, wish: Wish, short: dict[str, float]) -> None:
    killed = ", one of which will be killed" if wish.kill and wish.agents > 1 else ""
    click.echo(f"A scratch copy of {stage.source} is at {stage.hub}.")
    if stage.unserved:
        click.echo(f"It is reached by its path, for {stage.unserved}.")
    elif stage.origin:
        click.echo(f"It is served at {stage.origin} until the end of the play.")
    if stage.origin:
        click.echo("Each agent works in a shallow clone of its own; the hub decides.")
    click.echo(
        f"{wish.agents} agents{killed}, {wish.tasks} tasks on shared files, "
        + ("with locks." if wish.locks else "WITHOUT locks.")
    )
    click.echo(
        f"Short times for the show: a session is dead after {short['beat_ttl']:g} s of silence,\n"
        f"claims and locks live {short['claim_ttl']:g} s.\n"
    )


class _view:  # noqa: N801
    """Live progress: a picture on a terminal, lines elsewhere, nothing with `--json`."""

    def __init__(self, desk: Desk, wish: Wish) -> None:
        self._desk, self._wish = desk, wish
        self._live: Any = None
        self._lines: list[str] = []

    def __enter__(self) -> Callable[[Scene], None]:
        if self._desk.json:
            return lambda scene: None
        if not sys.stdout.isatty():
            return self._print
        from rich.live import Live

        self._live = Live(refresh_per_second=10, transient=True)
        self._live.start()
        return self._draw

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def _print(self, scene: Scene) -> None:
        for line in scene.news:
            click.echo(f"{scene.seconds:5.1f}s  {line}")

    def _draw(self, scene: Scene) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        self._lines = (self._lines + scene.news)[-14:]
        done = scene.statuses.get("completed", 0)
        counts = ", ".join(f"{count} {name}" for name, count in sorted(scene.statuses.items()))
        self._live.update(
            Group(
                *(Text(line, no_wrap=True, overflow="ellipsis") for line in self._lines),
                Text(""),
                ProgressBar(total=self._wish.tasks, completed=done, width=60),
                Text(f"\n{scene.seconds:4.1f}s  {counts}", "dim"),
            )
        )


def _closing(stage: Stage, verdict: Verdict) -> str:
    program = _program()
    together = "double grants" if verdict.locks else "files edited by two at once"
    rows: list[tuple[str, object]] = [
        ("tasks completed", f"{verdict.completed} of {verdict.tasks}"),
        ("commits in the main branch", verdict.landed),
        ("ledger transactions", verdict.transactions),
        ("refused operations", verdict.refusals),
        ("tasks passed over, keys held", verdict.passed_over),
        ("times an agent found nothing free", verdict.waits),
        ("times an agent queued for a key", verdict.queued),
        ("agents killed", verdict.killed),
        ("tasks recovered from the dead", verdict.recovered),
        ("merge conflicts", verdict.conflicts),
        (together, verdict.overlaps),
        ("invariants", "hold" if not verdict.problems else "see the problems below"),
        ("time", f"{verdict.seconds:.1f} s"),
    ]
    lines = ["", table(("what", "count"), rows, ""), ""]
    lines += [f"problem: {one}" for one in verdict.problems]
    lines += [
        "Look at the result:",
        f"  git -C {stage.hub} log --oneline refs/coord/state",
        f"  git -C {stage.hub} show refs/coord/state:meta.json",
        f"  git -C {stage.hub} log --oneline --graph {stage.start[:9]}..{stage.branch}",
        f"  {program} -C {stage.hub} task list --all",
        f"  {program} -C {stage.hub} handoff read --limit 8",
    ]
    other = "--no-locks" if verdict.locks else "--locks"
    way = "--remote " if stage.origin else ""
    lines.append(f"Compare with: {program} demo {way}{other}")
    return "\n".join(lines)


def _program() -> str:
    """Return the word with which the reader can start gitcoord from here."""
    import shutil

    if shutil.which("gitcoord"):
        return "gitcoord"
    return (
        os.path.relpath(sys.argv[0]) if os.path.basename(sys.argv[0]) == "gitcoord" else "gitcoord"
    )
