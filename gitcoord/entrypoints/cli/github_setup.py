"""What `gitcoord github setup` makes: labels, a workflow file, a webhook. Shown, then made."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import click

from gitcoord import __version__
from gitcoord.entrypoints.cli.failures import EXIT_CODES
from gitcoord.errors import InvalidConfig, NotARepository, Refused, UsageError

if TYPE_CHECKING:
    from gitcoord.entrypoints.cli.desk import Desk
    from gitcoord.mirror.github import GitHub

#: Where the workflow lands, and the file of this package that it is.
WORKFLOW = os.path.join(".github", "workflows", "gitcoord.yml")
SOURCE = "gitcoord.yml"
#: What that workflow installs.
PACKAGE = "gitcoord[github]"


class Step(NamedTuple):
    """One thing that is missing or different, and how it is made."""

    what: str
    make: Callable[[], object]


def set_up(
    desk: Desk, forge: GitHub, repository: str, *, webhook: str | None, check: bool, yes: bool
) -> int:
    """Show what is missing and make it when that is agreed; return the exit code."""
    steps = list(_steps(desk, forge, repository, webhook))
    plan = [step.what for step in steps]
    if check or not steps:
        made: list[str] = []
    else:
        if not yes and not _agreed(desk, plan):
            raise UsageError("nothing was made", hint="Run it again with --yes.", plan=plan)
        for step in steps:
            step.make()
        made = plan
    missing = [] if made else plan
    said = [f"made {what}" for what in made] + [f"missing: {what}" for what in missing]
    desk.show(
        {"repository": repository, "made": made, "missing": missing},
        "\n".join(said or ["everything is there"]),
    )
    return EXIT_CODES[Refused] if missing else 0


def workflow() -> str:
    """Return the workflow that lets a repository's GitHub take part without a service.

    It installs the version that has written it.
    """
    text = resources.files("gitcoord.mirror").joinpath(SOURCE).read_text(encoding="utf-8")
    return text.replace(f'"{PACKAGE}"', f'"{PACKAGE}=={__version__}"')


def _steps(desk: Desk, forge: GitHub, repository: str, webhook: str | None) -> Iterator[Step]:
    yield from _labels(desk, forge)
    yield from _workflow(desk)
    if webhook:
        yield from _webhook(desk, forge, repository, webhook)


def _labels(desk: Desk, forge: GitHub) -> Iterator[Step]:
    from gitcoord.mirror.labels import STYLES, Style

    with desk.state() as state:
        task = state.settings.github_task_label
    wanted = {task: Style("0e8a16", "This issue is a task for agents."), **STYLES}
    there = forge.labels()
    for name, style in wanted.items():
        if name not in there:
            yield Step(f"label {name}", partial(forge.make_label, name, *style))


def _workflow(desk: Desk) -> Iterator[Step]:
    root = desk.repository.worktree
    if root is None:
        raise NotARepository("a bare repository has no place for a workflow file")
    path, text = os.path.join(root, WORKFLOW), workflow()
    try:
        with open(path, encoding="utf-8") as source:
            there = source.read()
    except FileNotFoundError:
        there = None
    if there is None:
        yield Step(f"file {WORKFLOW} (commit it yourself)", lambda: _write(path, text))
    elif there != text:
        yield Step(f"file {WORKFLOW}: it differs from ours", lambda: _write(path, text))


def _webhook(desk: Desk, forge: GitHub, repository: str, url: str) -> Iterator[Step]:
    from gitcoord.mirror.hooks import EVENTS, Hooks

    secret = (desk.environ.get("GITCOORD_WEBHOOK_SECRET") or "").split()
    if not secret:
        raise InvalidConfig(
            "a webhook needs a secret", hint="Set GITCOORD_WEBHOOK_SECRET, here and at the service."
        )
    hooks = Hooks(forge.api, repository)
    there = hooks.ours(url)
    complete = [x for x in there if x.get("active") and set(EVENTS) <= set(x.get("events", ()))]
    if not complete:
        yield Step(f"webhook {url}", lambda: hooks.make(url, secret[0]))


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as target:
        target.write(text)


def _agreed(desk: Desk, plan: list[str]) -> bool:
    """Show what would be made and ask whoever sits at the terminal; nobody there is no yes."""
    if desk.json:
        return False
    click.echo("\n".join(plan))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return click.confirm("Make this?")
