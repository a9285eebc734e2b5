"""`gitcoord github`: what GitHub asks of the ledger, and what it is shown of it.

For workflows, cron and people; the service does the same as soon as GitHub tells it. Not here:
any rule of it (`mirror/`), or who may enter (`forge_access`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.errors import ForgeBusy, InvalidFile, UsageError

if TYPE_CHECKING:
    from gitcoord.mirror.mirror import Mirror, Outcome
    from gitcoord.mirror.subjects import Subject

#: Seconds that a command waits in all where GitHub wants time; a workflow's run is paid for.
WAIT = 180.0
#: Seconds for which deliveries that no service has taken are sent again; GitHub keeps 3 days.
MISSED = 3 * 86_400


@click.group()
def github() -> None:
    """Take part from GitHub: labels, branches, issues, comments, checks."""


@github.command(
    epilog="Example, in a workflow: gitcoord github event. "
    "By hand: gitcoord github event --name issues --file event.json"
)
@click.option("--name", metavar="EVENT", help="The event (default: GITHUB_EVENT_NAME).")
@click.option("--file", "path", metavar="FILE", help="Its payload (default: GITHUB_EVENT_PATH).")
@command
def event(desk: Desk, name: str | None, path: str | None) -> None:
    """Do what an event of GitHub asks for, decided by the ledger, and answer there.

    What the event says is a hint of what to look at: what is done follows from what is there.
    So an event may come twice, late or not at all. One that says nothing to us does nothing.
    """
    from gitcoord.mirror.subjects import repository, subjects

    name = name or desk.environ.get("GITHUB_EVENT_NAME")
    path = path or desk.environ.get("GITHUB_EVENT_PATH")
    if not name or not path:
        raise UsageError("which event? Give --name and --file, or run it in a workflow")
    payload = _payload(path)
    found = subjects(name, payload)
    asked = repository(payload)
    mirror, hosted = _mirror(desk)
    if asked and asked != hosted.lower():
        raise UsageError(
            f"the event is of {asked}, the ledger belongs to {hosted}",
            hint="Run `gitcoord config --shared github_repository OWNER/NAME`.",
        )
    outcome = _patiently(lambda: mirror.look(found)) if found else None
    _show(desk, {"event": name}, outcome, found)


@github.command(epilog="Example: gitcoord github sync --json")
@click.option("--redeliver", is_flag=True, help="Let GitHub send again what no service has taken.")
@command
def sync(desk: Desk, redeliver: bool) -> None:
    """Look at everything, and bring the ledger and GitHub in line: after a pause, or by schedule.

    With --redeliver webhooks that failed in the last three days are sent again, too; that needs
    administration rights.
    """
    from gitcoord.domain.time import from_epoch
    from gitcoord.mirror.hooks import Hooks
    from gitcoord.mirror.subjects import Everything

    mirror, hosted = _mirror(desk)
    told: dict[str, Any] = {}
    if redeliver:
        hooks = Hooks(mirror.forge.api, hosted)
        told["redelivered"] = hooks.redeliver(from_epoch(time.time() - MISSED))._asdict()
    outcome = _patiently(lambda: mirror.look([Everything()], others=10_000))
    _show(desk, told, outcome, [Everything()])


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


def _mirror(desk: Desk) -> tuple[Mirror, str]:
    from gitcoord.entrypoints.forge_access import access, repository

    name = repository(desk.house, desk.environ)
    return desk.house.mirror(access(desk.environ), name), name


def _payload(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as source:
            found = json.load(source)
    except (OSError, ValueError) as wrong:
        raise InvalidFile(f"{path} holds no event: {wrong}", path=path) from wrong
    if not isinstance(found, dict):
        raise InvalidFile(f"{path} holds no event", path=path)
    return found


def _patiently(look: Callable[[], Outcome]) -> Outcome:
    """Look, and again when GitHub wants a little time."""
    end = time.monotonic() + WAIT
    while True:
        try:
            return look()
        except ForgeBusy as busy:
            wait = float(busy.details.get("retry_after", 60.0))
            if time.monotonic() + wait > end:
                raise
            time.sleep(wait)


def _show(desk: Desk, told: dict[str, Any], outcome: Outcome | None, found: list[Subject]) -> None:
    looked = outcome is not None
    document = told | {
        "looked": looked,
        "threads": outcome.threads if outcome else (),
        "branches": outcome.branches if outcome else (),
        "comments": outcome.comments if outcome else (),
        "ledger": _ledger(outcome) if outcome else None,
        "effects": outcome.effects if outcome else 0,
        "refused": [error.as_dict() for error in outcome.refused] if outcome else [],
    }
    if outcome is None:
        desk.show(document, "this event asks for nothing")
        return
    told_of = (outcome.threads, outcome.branches, outcome.comments)
    threads, branches, comments = map(len, told_of)
    lines = [f"looked at {threads} threads, {branches} branches, {comments} comments"]
    if outcome.before == outcome.after:
        lines.append("the ledger has not changed")
    else:
        moved = _ledger(outcome)
        lines.append(f"ledger {moved['before']} -> {moved['after']}")
    lines += [f"GitHub would not: {error.message}" for error in outcome.refused]
    if "redelivered" in told:
        again = told["redelivered"]
        lines.append(f"{again['missed']} deliveries had failed, {again['again']} are sent again")
    desk.show(document, lambda: lines)


def _ledger(outcome: Outcome) -> dict[str, str]:
    before, after = outcome.before, outcome.after
    return {"before": f"{before[0]}.{before[1]}", "after": f"{after[0]}.{after[1]}"}
