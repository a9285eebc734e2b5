"""`gitcoord setup`: connect an agent client, or git itself, with gitcoord.

Nothing is written that was not shown, and nothing without a yes: of a person on a terminal,
or as `--yes`. What a client reads is known to `clients/`; here it is shown and asked.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.failures import EXIT_CODES
from gitcoord.errors import Refused, UsageError

if TYPE_CHECKING:
    from gitcoord.clients.plan import Plan
    from gitcoord.clients.setup import Scope
    from gitcoord.entrypoints.cli.setup_target import Target

GIT = "git"
WRITTEN = ("claude", "codex", "gemini", GIT)
PRINTED = ("cursor", "copilot", "opencode")
#: The setting that says what hooks do about a conflict.
MODE = "hook_mode"


@click.command(epilog="Example: gitcoord setup claude --scope local --mode warn")
@click.argument("client", type=click.Choice([*WRITTEN, *PRINTED]))
@click.option(
    "--scope",
    type=click.Choice(["project", "local", "user"]),
    help="For all who share the repository (default), this clone, or this user everywhere.",
)
@click.option(
    "--mode",
    type=click.Choice(["enforce", "warn", "off"]),
    help="What hooks do about somebody else's lock, in this clone (setting hook_mode).",
)
@click.option("--skills", is_flag=True, help="Also the twelve skills of the workflow.")
@click.option("--check", is_flag=True, help="Only say what is missing; exit code 3 if anything.")
@click.option("--remove", is_flag=True, help="Undo the set-up.")
@click.option("--print", "show", is_flag=True, help="Only print what belongs into which file.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def setup(
    desk: Desk,
    client: str,
    scope: Scope | None,
    mode: str | None,
    skills: bool,
    check: bool,
    remove: bool,
    show: bool,
    yes: bool,
) -> int:
    """Tell an agent client about gitcoord: hooks, MCP server, instructions, a skill.

    The changes are shown first; without a terminal they are made only with --yes. What is
    in the files stays, and --remove brings back the old bytes. `git` sets up its hooks.
    """
    if check + remove + show > 1:
        raise UsageError("--check, --remove and --print are steps of their own")
    if mode and (check or remove or show):
        raise UsageError("--mode goes with a set-up that is written")
    if client in (*PRINTED, GIT) and (scope or skills or mode):
        what = "the hooks of git have" if client == GIT else f"the set-up of {client} has"
        raise UsageError(f"{what} no --scope, no --mode and no --skills")
    if client in PRINTED:
        return _print_only(desk, client, show)
    from gitcoord.entrypoints.cli.setup_target import target as found

    target = found(desk, client, scope, skills)
    if show:
        return _print(desk, client, target.snippets(), (*target.plan().notes, *_plugin(client)))
    again = _again(client, scope, mode, skills, remove)
    if check:
        return _check(desk, target, again)
    plan = target.removal() if remove else target.plan()
    return _carry_out(desk, target, plan, mode, "" if yes else again)


def _carry_out(desk: Desk, target: Target, plan: Plan, mode: str | None, again: str) -> int:
    """Show the plan and make its changes: at once if `again`, what to run later, is empty."""
    from gitcoord.clients.plan import apply, diff
    from gitcoord.entrypoints.cli.setup_target import saved

    text = diff(plan, desk.repository.worktree or "")
    setting = None if mode is None else _setting(desk, mode)
    if not text and setting is None:
        return _show(desk, target, plan, text, [], setting)
    if not desk.json:
        click.echo(text + (f"git config {setting}\n" if setting else ""), nl=False)
    if again and not _agreed(desk):
        raise UsageError(
            "nothing was written",
            hint=f"Run `{again} --yes`.",
            **({"diff": text} if desk.json else {}),
        )
    changed = apply(plan, saved(desk, target.client))
    if mode is not None and setting is not None:
        _configure(desk, mode)
    return _show(desk, target, plan, text, changed, setting)


def _agreed(desk: Desk) -> bool:
    """Ask whoever sits at the terminal; nobody there is no yes."""
    if desk.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return click.confirm("Write this?")


def _show(
    desk: Desk, target: Target, plan: Plan, text: str, changed: list[str], setting: str | None
) -> int:
    from gitcoord.entrypoints.cli.setup_target import about_program

    notes = [*plan.notes, *(() if plan.removes else about_program(desk, target))]
    done = bool(changed or setting)

    def said() -> list[str]:
        if not done:
            word = "undo" if plan.removes else "do"
            return [f"there is nothing to {word}", *notes]
        verb = "undid" if plan.removes else "wrote"
        return [*(f"{verb} {path}" for path in changed), *notes]

    body: dict[str, Any] = {
        "client": target.client,
        "scope": target.scope,
        "changed": changed,
        "setting": setting,
        "diff": text,
        "notes": notes,
    }
    desk.show(body, said)
    return 0


def _check(desk: Desk, target: Target, again: str) -> int:
    from gitcoord.entrypoints.cli.render import table

    lacks = target.lacks()
    rows = [(lack.what, lack.path) for lack in lacks]
    desk.show(
        {
            "client": target.client,
            "scope": target.scope,
            "missing": [{"path": lack.path, "what": lack.what} for lack in lacks],
        },
        lambda: (
            [table(("missing or old", "file"), rows, ""), f"next: Run `{again}`."]
            if rows
            else f"{target.client} is set up ({target.scope})"
        ),
    )
    return EXIT_CODES[Refused] if lacks else 0


def _setting(desk: Desk, mode: str) -> str | None:
    """Return what is set in the configuration of this clone, None where it is so already."""
    from gitcoord.entrypoints.settings import git_key, git_values

    same = git_values(desk.repository, desk.environ).get(MODE) == mode
    return None if same else f"{git_key(MODE)} {mode}"


def _configure(desk: Desk, mode: str) -> None:
    from gitcoord.entrypoints.settings import git_key
    from gitcoord.storage.gitproc import Git

    Git(desk.repository, desk.environ).run("config", "--local", git_key(MODE), mode)


def _plugin(client: str) -> tuple[str, ...]:
    """Return how else a client can be told the same."""
    if client != "claude":
        return ()
    from gitcoord.clients.claude.plugin_folder import MARKET

    install = "`claude plugin install gitcoord@gitcoord`"
    return (f"As a plugin instead: `claude plugin marketplace add {MARKET}`, then {install}.",)


def _print_only(desk: Desk, client: str, show: bool) -> int:
    from gitcoord.clients import snippets
    from gitcoord.clients.program import program

    if not show:
        raise UsageError(
            f"what {client} reads is not written by gitcoord, only printed",
            hint=f"Run `gitcoord setup {client} --print` and enter it by hand.",
        )
    found = snippets.snippets(client, program(desk.environ, shared=False))
    return _print(desk, client, [(one.path, one.text) for one in found], snippets.notes(client))


def _print(desk: Desk, client: str, files: list[tuple[str, str]], notes: tuple[str, ...]) -> int:
    desk.show(
        {
            "client": client,
            "files": [{"path": path, "text": text} for path, text in files],
            "notes": list(notes),
        },
        lambda: [
            *(f"# {note}" for note in notes),
            *(f"\n# {path}\n{text.rstrip()}" for path, text in files),
        ],
    )
    return 0


def _again(client: str, scope: Scope | None, mode: str | None, skills: bool, remove: bool) -> str:
    """Return the command that does what was asked for here."""
    words = {
        f"--scope {scope}": scope,
        f"--mode {mode}": mode,
        "--skills": skills,
        "--remove": remove,
    }
    return " ".join(
        [f"gitcoord setup {client}", *(word for word, wanted in words.items() if wanted)]
    )
