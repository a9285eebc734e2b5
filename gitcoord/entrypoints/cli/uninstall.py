"""`gitcoord uninstall`: leave nothing behind in this repository."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from gitcoord.bootstrap import LOCAL, open_house
from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.setups_left import left, lines
from gitcoord.errors import (
    Damaged,
    GitFailed,
    InvalidUrl,
    NotInitialised,
    Refused,
    Unavailable,
    UsageError,
)
from gitcoord.ledger import written
from gitcoord.storage.witness import MOVED

#: The folder in which the ledger of a git host is followed.
MIRROR = "ledger.git"


@click.command(epilog="Example: gitcoord uninstall --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Really remove the ledger and this clone's files.")
@click.option("--force", is_flag=True, help="Also while sessions are live.")
@command
def uninstall(desk: Desk, dry_run: bool, yes: bool, force: bool) -> None:
    """Remove refs/coord/*, this clone's gitcoord files, its coord.* settings and set-ups.

    A ledger at a git host stays there for the others. Worktrees and branches of agents are
    yours and stay. Keep the records with `gitcoord export` first.
    """
    if not (dry_run or yes):
        raise UsageError(
            "this removes the ledger with its whole history",
            hint="Run `gitcoord uninstall --dry-run` to see what goes, then pass --yes.",
        )
    desk.seeks = False
    live, kept = _live(desk), _kept(desk)
    # What is at a git host serves others; only what is here goes.
    if (far := desk.__dict__.pop("house", None)) is not None:
        far.close()
    house = desk.__dict__["house"] = open_house(desk.directory, desk.environ, remote=LOCAL)
    refs = {
        ref: oid
        for prefix in ("refs/coord/", MOVED)
        for ref, oid in house.store.list_refs(prefix).items()
    }
    settings = _settings(desk)
    common = house.repository.common_dir
    files = _files(common, house.home)
    if live and not (force or dry_run):
        raise Refused(
            f"{len(live)} sessions are live: {', '.join(live[:5])}",
            hint="End them, or pass --force.",
            sessions=live,
        )
    setups = left(desk, undo=not dry_run)
    if not dry_run:
        house.close()
        _remove(desk, refs, settings)
        _clear(common, files, house.home)
        desk.__dict__.pop("house", None)
    word = "would remove" if dry_run else "removed"
    desk.show(
        {
            "dry_run": dry_run,
            "refs": sorted(refs),
            "files": files,
            "settings": settings,
            "setups": [one._asdict() for one in setups],
        },
        lambda: (
            [
                *(f"{word} {ref}" for ref in sorted(refs)),
                *(f"{word} {os.path.join(common, name)}" for name in files),
                *(f"{word} setting {name}" for name in settings),
                *lines(setups, word),
                *([f"the ledger at {kept} stays for the others"] if kept else ()),
            ]
            or "there is nothing of gitcoord here"
        ),
    )


def _live(desk: Desk) -> list[str]:
    """Return the live sessions of the ledger, of one at a git host those of this machine."""
    from gitcoord.domain.sessions import Session

    try:
        with desk.state() as state:
            return [
                session.id
                for session in state.find(Session, "live")
                if desk.house.wire is None or session.machine == desk.house.ledger.machine
            ]
    except (Damaged, NotInitialised, InvalidUrl, Unavailable):
        # A ledger that cannot be read must still be removable.
        return []


def _kept(desk: Desk) -> str:
    """Return the URL of the git host that keeps the ledger, empty for a local one."""
    try:
        wire = desk.house.wire
    except InvalidUrl:
        return ""
    return "" if wire is None else wire.host.address.shown


def _settings(desk: Desk) -> list[str]:
    from gitcoord.storage.gitproc import Git

    git = Git(desk.house.repository, desk.environ)
    _, out = git.run(
        "config", "--local", "-z", "--name-only", "--get-regexp", r"^coord\.", accept=(0, 1)
    )
    return sorted({name for name in out.decode("utf-8", "replace").split("\0") if name})


def _remove(desk: Desk, refs: dict[str, str], settings: list[str]) -> None:
    from gitcoord.storage import lockfiles
    from gitcoord.storage.gitproc import Git
    from gitcoord.storage.swap import still_held

    git = Git(desk.house.repository, desk.environ)
    for ref, oid in refs.items():
        code, _, complaint = git.start("update-ref", "-d", ref, oid).finish()
        if code == 0:
            continue
        if "but expected" in complaint:
            raise GitFailed(f"{ref} has just been moved by somebody; run the command again")
        if held := lockfiles.in_the_way(desk.house.repository, [ref]):
            raise still_held(held)
        raise GitFailed(f"git update-ref: {complaint}", ref=ref)
    for name in settings:
        git.run("config", "--local", "--unset-all", name, accept=(0, 5))


def _files(common: str, home: str) -> list[str]:
    """Return gitcoord's files in the git directory, relative to it."""
    from gitcoord.storage.linked import OWNER_FILE

    found = []
    for folder, below, names in os.walk(home):
        found += [os.path.join(folder, name) for name in names]
        if MIRROR in below:
            # A git directory with thousands of files, all of them ours.
            found.append(os.path.join(folder, MIRROR))
            below.remove(MIRROR)
    linked = os.path.join(common, "worktrees")
    places = os.listdir(linked) if os.path.isdir(linked) else ()
    for folder in (common, *(os.path.join(linked, name) for name in places)):
        owned = (os.path.join(folder, name) for name in (OWNER_FILE, *written.FILES))
        found += [path for path in owned if os.path.isfile(path)]
    return sorted(os.path.relpath(path, common) for path in found)


def _clear(common: str, files: list[str], home: str) -> None:
    """Remove the files, the folder of this clone, and the folders that git leaves of refs."""
    import shutil

    for path in (os.path.join(common, name) for name in files):
        if not os.path.isdir(path):
            with suppress(FileNotFoundError):
                os.remove(path)
    if os.path.isdir(home):
        shutil.rmtree(home)
    for top in ("refs", os.path.join("logs", "refs")):
        for folder, _, _ in os.walk(os.path.join(common, top, "coord"), topdown=False):
            # Whatever is not empty is somebody else's.
            with suppress(OSError):
                os.rmdir(folder)
