"""`gitcoord init`: give a repository its ledger, here or at a git host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gitcoord.bootstrap import LOCAL, House, open_house
from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.errors import AlreadyInitialised, InvalidConfig, Unavailable, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.storage.worktree import Checkout

#: What to do once there is a ledger.
NEXT = (
    ("gitcoord session start --name NAME", "check in"),
    ("gitcoord lock acquire 'src/**'", "keep others off what you edit"),
    ("gitcoord task add 'First task'", "fill the queue, then: gitcoord task next"),
    ("gitcoord status", "see who works here"),
)


class First(NamedTuple):
    """What a new ledger is to begin with."""

    #: Settings that `--set` names.
    told: dict[str, Any]
    #: Whether a sample of the project file is wanted.
    sample: bool

    @property
    def asked(self) -> bool:
        """Whether only a new ledger will do."""
        return bool(self.told or self.sample)


@click.command(
    epilog="Examples: gitcoord init --set lock_ttl=1h | gitcoord init --remote origin | "
    "gitcoord init --remote git@example.org:team/private-ledger.git"
)
@click.option("--remote", metavar="NAME|URL", help="Let this git host decide, for all clones.")
@click.option("--move", is_flag=True, help="Publish the local ledger at the remote, as it is.")
@click.option("--leave", is_flag=True, help="Leave the local ledger here, even with open records.")
@click.option("--set", "chosen", multiple=True, metavar="KEY=VALUE", help="A first setting.")
@click.option("--write-config", is_flag=True, help="Also write a .gitcoord.yaml to edit.")
@command
def init(
    desk: Desk,
    remote: str | None,
    move: bool,
    leave: bool,
    chosen: Sequence[str],
    write_config: bool,
) -> None:
    """Begin the ledger of this repository, under refs/coord/, or use that of its remote.

    Without --remote it is kept in this repository, for all its worktrees, unless origin has
    one already; with it at that git host, for all clones and machines. Whoever can read the
    repository there can read the ledger.

    The first settings are those of .gitcoord.yaml at the root of the worktree, what git
    knows (default branch, case of file names), and --set. Nothing is written outside of the
    git directory unless you ask for it. Where there is a ledger, nothing changes.
    """
    desk.seeks = False
    first = First(_pairs(chosen), write_config)
    if move and leave:
        raise UsageError("--move takes the local ledger along, --leave does not; choose one")
    target = remote or _elsewhere(desk)
    if target not in (None, LOCAL):
        from gitcoord.entrypoints.cli.joining import Choice, join

        assert target is not None
        # What the configuration says already needs no second yes.
        settled = remote is None and desk.house.wire is not None
        done = join(desk, target, first, Choice(move, leave, settled))
        tell(desk, created=done.begun, moved=done.moved)
        return
    if move or leave:
        raise UsageError("--move and --leave are about a ledger at --remote")
    if remote == LOCAL:
        from gitcoord.entrypoints.cli.discovery import remember

        desk.__dict__["house"] = open_house(desk.directory, desk.environ, remote=LOCAL)
        created = begin(desk, first)
        remember(desk.house.repository, LOCAL)
    else:
        created = begin(desk, first)
    tell(desk, created=created)


def begin(desk: Desk, first: First, before: dict[str, Any] | None = None) -> bool:
    """Begin the ledger of the desk's house; False where there is one, or another was faster.

    `before`: settings that give way to what git knows and to what is asked for. Raises
    `AlreadyInitialised` when something is asked of a new ledger, and what is wrong with it.
    """
    from gitcoord.domain.configure import Begin
    from gitcoord.entrypoints.cli.facts import person
    from gitcoord.entrypoints.project_file import FILE, seeds

    house = desk.house
    if house.ledger.exists():
        if first.asked:
            raise AlreadyInitialised(
                hint="Change settings with `gitcoord config --shared KEY VALUE`."
            )
        return False
    asked = seeds(house.repository.worktree)
    settings = (before or {}) | detected(desk.checkout) | asked | first.told
    path = _sample_path(house, FILE) if first.sample else None
    try:
        house.coordinator.begin(Begin(settings=settings), person(desk))
    except AlreadyInitialised:
        # Another process was faster; for who asked for nothing that is just as well.
        if first.asked:
            raise
        return False
    except UsageError as wrong:
        if asked and wrong.code in ("invalid_value", "invalid_key", "unknown_namespace"):
            places = f"{FILE} and --set" if first.told else FILE
            raise InvalidConfig(f"{wrong.message} (from {places})", hint=wrong.hint) from wrong
        raise
    if path:
        _write_sample(path, str(_settings(house).target_branch))
    return True


def detected(checkout: Checkout) -> dict[str, Any]:
    """Return the settings that git knows: the branch to land on, and the case of names."""
    target = checkout.target()
    folded = checkout.run("config", "--type=bool", "--get", "core.ignorecase", accept=(0, 1))[1]
    found: dict[str, Any] = {}
    if target is not None:
        found["target_branch"] = target.name.removeprefix("origin/")
    if folded.strip() == b"true":
        found["case_folding"] = True
    return found


def _elsewhere(desk: Desk) -> str | None:
    """Return the remote that this clone is to use though nobody names one here.

    That is what its configuration says; else, where it has no ledger, a remote that has one.
    """
    from gitcoord.entrypoints.settings import resolve
    from gitcoord.storage.wire import reach

    house = desk.house
    if house.wire is not None:
        return desk.environ.get("GITCOORD_REMOTE") or house.repository.remote
    if desk.chosen(house) or house.ledger.exists():
        return None
    wished = resolve(house.repository, desk.environ).values.remote
    if wished:
        return wished
    candidate = reach.candidate(house.repository)
    if candidate is None:
        return None
    there = open_house(desk.directory, desk.environ, remote=candidate)
    try:
        assert there.wire is not None
        return candidate if there.wire.host.has(reach.STATE) else None
    except Unavailable as trouble:
        desk.note(
            f"{candidate} could not be asked whether it has a ledger, so this one is local: "
            f"{trouble.message}"
        )
        return None
    finally:
        there.close()


def _pairs(chosen: Sequence[str]) -> dict[str, Any]:
    from gitcoord.domain.settings import Settings
    from gitcoord.entrypoints.settings import SHARED, plain, refuse

    found = {}
    for word in chosen:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--set {word}: write it as KEY=VALUE")
        if name not in SHARED:
            refuse(name, SHARED, "--set")
        found[name] = plain(Settings, name, value)
    return found


def _sample_path(house: House, name: str) -> str:
    root = house.repository.worktree
    if root is None:
        raise UsageError(f"there is no worktree to write {name} to")
    path = os.path.join(root, name)
    if os.path.lexists(path):
        raise UsageError(f"{name} is there already; it is left alone")
    return path


def _write_sample(path: str, target: str) -> None:
    from gitcoord.entrypoints.project_file import SAMPLE

    with open(path, "x", encoding="utf-8") as file:
        file.write(SAMPLE.format(target=target or '""'))


def _settings(house: House) -> Settings:
    with house.ledger.state() as state:
        return state.settings


def tell(desk: Desk, *, created: bool, moved: bool = False) -> None:
    """Show the ledger of the desk's house, and what has become of it."""
    from gitcoord.entrypoints.cli.arbiter import named
    from gitcoord.ledger.ledger import STATE

    house = desk.house
    place = house.repository.common_dir
    head = house.ledger.head()
    with house.ledger.state(head) as state:
        settings, seq = state.settings, state.meta.seq
    remote = None if house.wire is None else named(house)
    url = None if house.wire is None else house.wire.host.address.shown
    where = f"the ledger of {place} is {STATE}" + (f" at {remote}" if remote else "")
    width = max(len(line) for line, _ in NEXT)
    if moved:
        said = [f"{where}; it was moved there with its whole history"]
    elif created:
        said = [where, "next:", *(f"  {line.ljust(width)}  {what}" for line, what in NEXT)]
    elif remote:
        said = [f"{where}; that one is used"]
    else:
        said = [f"there is a ledger already ({STATE}); nothing was changed"]
    desk.show(
        {
            "created": created,
            "moved": moved,
            "ledger": {
                "ref": STATE,
                "head": head,
                "seq": seq,
                "git_dir": place,
                "remote": remote,
                "url": url,
            },
            "settings": settings,
        },
        lambda: said,
    )
