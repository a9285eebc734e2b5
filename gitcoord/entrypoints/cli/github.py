"""`gitcoord github`: what GitHub asks of the ledger, and what it is shown of it.

For workflows, cron and people; the service does the same as soon as GitHub tells it. Not here:
any rule of it (`mirror/`), who may enter (`forge_access`), or the words (`github_told`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitcoord.entrypoints import workflow
from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.failures import EXIT_CODES
from gitcoord.entrypoints.cli.github_event import heard, pull_request, same_repository
from gitcoord.errors import (
    AccessDenied,
    ForgeBusy,
    ForgeRefused,
    GitcoordError,
    HostRefused,
    NotInitialised,
    Refused,
    UsageError,
)

if TYPE_CHECKING:
    from gitcoord.mirror.mirror import Mirror, Outcome

T = TypeVar("T")

#: Seconds that a command waits in all where GitHub wants time; a workflow's run is paid for.
WAIT = 180.0
#: Seconds for which deliveries that no service has taken are sent again; GitHub keeps 3 days.
MISSED = 3 * 86_400
#: What a workflow has to be granted for all of it.
GRANTS = "permissions: contents, issues, pull-requests and checks: write, statuses: read"
FORK = (
    "a pull request from a fork: the token of this run may only read. Nothing that it asks for "
    "is decided here; a run by schedule or by hand does it"
)

#: What keeps us out of the ledger, or of what has to be asked at GitHub.
_DENIED = (AccessDenied, HostRefused, ForgeRefused)


@click.group()
def github() -> None:
    """Take part from GitHub: labels, branches, issues, comments, checks."""


@github.command(
    "event",
    epilog="Examples: gitcoord github event | "
    "gitcoord github event --name issues --file event.json",
)
@click.option("--name", metavar="EVENT", help="The event (default: GITHUB_EVENT_NAME).")
@click.option("--file", "path", metavar="FILE", help="Its payload (default: GITHUB_EVENT_PATH).")
@command
def event_(desk: Desk, name: str | None, path: str | None) -> int:
    """Do what an event of GitHub asks for, decided by the ledger, and answer there.

    What the event says is a hint of what to look at: what is done follows from what is there.
    So an event may come twice, late or not at all. One that says nothing to us does nothing.
    Exit code 3: GitHub would not have something that it was to show.
    """
    from gitcoord.mirror.subjects import subjects

    event = heard(desk.environ, name, path)
    found = subjects(event.name, event.payload)
    mirror, hosted = _mirror(desk, event.payload.get("repository"))
    same_repository(event, hosted)
    forked = event.forked
    told: dict[str, Any] = {"event": event.name}
    if not found:
        _show(desk, told, None, forked=False)
        return 0
    try:
        outcome = _patiently(desk, lambda: mirror.look(found))
    except _DENIED as denied:
        if not forked:
            _name_grants(desk, denied)
            raise
        _show(desk, told | {"denied": denied.as_dict()}, None, forked=True)
        return 0
    return _show(desk, told, outcome, forked=forked)


@github.command(epilog="Example: gitcoord github sync --json")
@click.option("--redeliver", is_flag=True, help="Let GitHub send again what no service has taken.")
@command
def sync(desk: Desk, redeliver: bool) -> int:
    """Look at everything, and bring the ledger and GitHub in line: after a pause, or by schedule.

    With --redeliver webhooks that failed in the last three days are sent again, too; that needs
    administration rights. Exit code 3: GitHub would not have something that it was to show.
    """
    from gitcoord.domain.time import from_epoch
    from gitcoord.mirror.hooks import Hooks
    from gitcoord.mirror.subjects import Everything

    mirror, hosted = _mirror(desk)
    told: dict[str, Any] = {}
    if redeliver:
        hooks = Hooks(mirror.forge.api, hosted)
        told["redelivered"] = hooks.redeliver(from_epoch(time.time() - MISSED))._asdict()
    try:
        outcome = _patiently(desk, lambda: mirror.look([Everything()], others=10_000))
    except _DENIED as denied:
        _name_grants(desk, denied)
        raise
    return _show(desk, told, outcome, forked=False)


@github.command(epilog="Example: gitcoord github check 12 || echo 'not now'")
@click.argument("number", required=False, type=click.IntRange(1), metavar="[NUMBER]")
@command
def check(desk: Desk, number: int | None) -> int:
    """Say whether a pull request changes what another session holds; exit code 3 if it does.

    Without NUMBER it is that of the workflow's event. Only reads, at GitHub and in the ledger,
    so that a token which may only read is enough.
    """
    from gitcoord.entrypoints.cli.github_told import blockers, standing

    if number is None:
        number = pull_request(heard(desk.environ, None, None))
    mirror, _ = _mirror(desk)
    if desk.house.wire is not None:
        # What is not known must not look free.
        desk.house.wire.refresh()
    asked = number
    verdict = _patiently(desk, lambda: mirror.judge(asked))
    if verdict is None:
        raise UsageError(f"#{number} is no pull request")
    found, lines = standing(number, verdict), blockers(verdict)
    said = lines or [f"nobody else holds what #{number} changes ({verdict.paths} paths)"]
    if workflow.running(desk.environ):
        from gitcoord.mirror.status import comment

        workflow.tell(
            desk.environ,
            free=str(verdict.ok).lower(),
            blocked=json.dumps(found["blocked"]),
        )
        workflow.summarise(desk.environ, comment(verdict))
        _annotate(desk, "error", lines)
    desk.show(found, lambda: said)
    return 0 if verdict.ok else EXIT_CODES[Refused]


@github.command(
    epilog="Example: gitcoord github setup --webhook https://coord.example.org/webhook/github"
)
@click.option("--webhook", metavar="URL", help="Where the service takes webhooks, if there is one.")
@click.option("--check", is_flag=True, help="Only say what is missing; exit code 3 if anything.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def setup(desk: Desk, webhook: str | None, check: bool, yes: bool) -> int:
    """Make labels, a workflow file and, with --webhook, the webhook. Shows them first.

    The secret of the webhook is GITCOORD_WEBHOOK_SECRET, the first where there are several.
    """
    from gitcoord.entrypoints.cli.github_setup import set_up

    mirror, hosted = _mirror(desk)
    return set_up(desk, mirror.forge, hosted, webhook=webhook, check=check, yes=yes)


def _mirror(desk: Desk, told: Any = None) -> tuple[Mirror, str]:
    """Return the mirror and its repository; what an event has told of that is not asked for."""
    from gitcoord.entrypoints.forge_access import access, repository, with_git

    let_in = access(desk.environ)
    desk.environ = with_git(desk.repository, desk.environ)
    try:
        name = repository(desk.house, desk.environ)
    except NotInitialised as none:
        hint = "Run `gitcoord init --remote origin` once, in a clone that may push."
        raise NotInitialised(none.message, hint=hint) from none
    whole = isinstance(told, dict) and {"full_name", "default_branch", "private"} <= told.keys()
    described = told if whole and str(told["full_name"]).lower() == name.lower() else None
    return desk.house.mirror(let_in, name, described), name


def _name_grants(desk: Desk, denied: GitcoordError) -> None:
    """Let an error say in a workflow what that has to be granted."""
    if workflow.running(desk.environ):
        denied.hint = f"Give the job {GRANTS}."


def _patiently(desk: Desk, look: Callable[[], T]) -> T:
    """Look, and again when GitHub wants a little time."""
    end = time.monotonic() + WAIT
    while True:
        try:
            return look()
        except ForgeBusy as busy:
            wait = float(busy.details.get("retry_after", 60.0))
            if time.monotonic() + wait > end:
                raise
            desk.note(f"waiting: {busy.message}")
            time.sleep(wait)


def _show(desk: Desk, told: dict[str, Any], outcome: Outcome | None, *, forked: bool) -> int:
    """Tell what a look came to; return the exit code."""
    from gitcoord.entrypoints.cli.github_told import decided, document, looked, summary

    refused = outcome.refused if outcome else ()
    lines: list[str] = []
    if outcome is not None:
        lines = decided(desk.house, outcome)
        said = [*lines, looked(outcome)]
    elif forked:
        said = [FORK]
    else:
        said = ["this event asks for nothing"]
    if "redelivered" in told:
        again = told["redelivered"]
        said.append(f"{again['missed']} deliveries had failed, {again['again']} are sent again")
    if workflow.running(desk.environ):
        changed = outcome is not None and outcome.before != outcome.after
        workflow.tell(
            desk.environ,
            looked=str(outcome is not None).lower(),
            changed=str(changed).lower(),
            refused=str(len(refused)),
        )
        if outcome is not None and (lines or changed):
            workflow.summarise(desk.environ, summary(outcome, lines))
        if forked and (refused or outcome is None):
            _annotate(desk, "warning", [FORK])
        elif refused:
            why = [f"GitHub would not: {error.message}" for error in refused]
            _annotate(desk, "error", [*why, f"Give the job {GRANTS}."])
    desk.show(told | document(outcome), lambda: said)
    return EXIT_CODES[Refused] if refused and not forked else 0


def _annotate(desk: Desk, level: workflow.Level, lines: Sequence[str]) -> None:
    if not desk.json:
        for line in lines:
            click.echo(workflow.annotation(level, line))
