"""`gitcoord uninstall`: leave nothing behind in this repository."""

from __future__ import annotations

import os

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.errors import GitFailed, Refused, UsageError


@click.command(epilog="Example: gitcoord uninstall --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Really remove the ledger and this clone's files.")
@click.option("--force", is_flag=True, help="Also while sessions are live.")
@command
def uninstall(desk: Desk, dry_run: bool, yes: bool, force: bool) -> None:
    """Remove refs/coord/*, this clone's gitcoord files and its coord.* settings.

    Worktrees and branches of agents are yours and stay. Keep the records with
    `gitcoord export` first.
    """
    if not (dry_run or yes):
        raise UsageError(
            "this removes the ledger with its whole history",
            hint="Run `gitcoord uninstall --dry-run` to see what goes, then pass --yes.",
        )
    house = desk.house
    refs = house.store.list_refs("refs/coord/")
    settings = _settings(desk)
    files = _files(house.home)
    live = _live(desk) if refs else []
    if live and not (force or dry_run):
        raise Refused(
            f"{len(live)} sessions are live: {', '.join(live[:5])}",
            hint="End them, or pass --force.",
            sessions=live,
        )
    if not dry_run:
        house.close()
        _remove(desk, refs, settings)
        _clear(house.home)
        desk.__dict__.pop("house", None)
    word = "would remove" if dry_run else "removed"
    desk.show(
        {"dry_run": dry_run, "refs": sorted(refs), "files": files, "settings": settings},
        lambda: (
            [
                *(f"{word} {ref}" for ref in sorted(refs)),
                *(f"{word} {house.home}{os.sep}{name}" for name in files),
                *(f"{word} setting {name}" for name in settings),
            ]
            or "there is nothing of gitcoord here"
        ),
    )


def _live(desk: Desk) -> list[str]:
    from gitcoord.domain.sessions import Session
    from gitcoord.errors import Damaged

    try:
        with desk.state() as state:
            return [session.id for session in state.find(Session, "live")]
    except Damaged:
        # A ledger that cannot be read must still be removable.
        return []


def _settings(desk: Desk) -> list[str]:
    from gitcoord.storage.gitproc import Git

    git = Git(desk.house.repository, desk.environ)
    _, out = git.run(
        "config", "--local", "-z", "--name-only", "--get-regexp", r"^coord\.", accept=(0, 1)
    )
    return sorted({name for name in out.decode("utf-8", "replace").split("\0") if name})


def _remove(desk: Desk, refs: dict[str, str], settings: list[str]) -> None:
    from gitcoord.storage.gitproc import Git

    git = Git(desk.house.repository, desk.environ)
    for ref, oid in refs.items():
        code, _ = git.run("update-ref", "-d", ref, oid, accept=(0, 1, 128))
        if code != 0:
            raise GitFailed(f"{ref} has just been moved by somebody; run the command again")
    for name in settings:
        git.run("config", "--local", "--unset-all", name, accept=(0, 5))


def _files(home: str) -> list[str]:
    found = []
    for folder, _, names in os.walk(home):
        found += [os.path.relpath(os.path.join(folder, name), home) for name in names]
    return sorted(found)


def _clear(home: str) -> None:
    import shutil

    if os.path.isdir(home):
        shutil.rmtree(home)
