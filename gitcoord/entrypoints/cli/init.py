"""`gitcoord init`: give a repository its ledger."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.errors import AlreadyInitialised, InvalidConfig, UsageError

if TYPE_CHECKING:
    from gitcoord.storage.worktree import Checkout

#: What to do once there is a ledger.
NEXT = (
    ("gitcoord session start --name NAME", "check in"),
    ("gitcoord lock acquire 'src/**'", "keep others off what you edit"),
    ("gitcoord task add 'First task'", "fill the queue, then: gitcoord task next"),
    ("gitcoord status", "see who works here"),
)


@click.command(epilog="Example: gitcoord init --set lock_ttl=1h --set conflict_mode=block")
@click.option("--set", "chosen", multiple=True, metavar="KEY=VALUE", help="A first setting.")
@click.option("--write-config", is_flag=True, help="Also write a .gitcoord.yaml to edit.")
@command
def init(desk: Desk, chosen: Sequence[str], write_config: bool) -> None:
    """Begin the ledger of this repository, under refs/coord/.

    The first settings are those of .gitcoord.yaml at the root of the worktree, what git
    knows (default branch, case of file names), and --set. Nothing is written outside of the
    git directory unless you ask for it. Where there is a ledger, nothing changes.
    """
    from gitcoord.domain.configure import Begin, Configured
    from gitcoord.entrypoints.cli.facts import person
    from gitcoord.entrypoints.project_file import FILE, seeds
    from gitcoord.ledger.ledger import STATE

    house = desk.house
    if house.ledger.exists():
        if chosen or write_config:
            raise AlreadyInitialised(
                hint="Change settings with `gitcoord config --shared KEY VALUE`."
            )
        _tell(desk, created=False, ref=STATE)
        return
    found = detected(desk.checkout)
    asked, told = seeds(house.repository.worktree), _pairs(chosen)
    written = _sample_path(desk, FILE) if write_config else None
    try:
        answer = house.coordinator.begin(Begin(settings=found | asked | told), person(desk))
    except AlreadyInitialised:
        # Another process was faster; for who asked for nothing that is just as well.
        if chosen or write_config:
            raise
        _tell(desk, created=False, ref=STATE)
        return
    except UsageError as wrong:
        if asked and wrong.code in ("invalid_value", "invalid_key", "unknown_namespace"):
            raise InvalidConfig(
                f"{wrong.message} (from {' and '.join([FILE, *(['--set'] if told else [])])})",
                hint=wrong.hint,
            ) from wrong
        raise
    assert isinstance(answer, Configured)
    if written:
        _write_sample(written, str(answer.settings.target_branch))
    _tell(desk, created=True, ref=STATE)


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


def _sample_path(desk: Desk, name: str) -> str:
    root = desk.house.repository.worktree
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


def _tell(desk: Desk, *, created: bool, ref: str) -> None:
    house = desk.house
    place = house.repository.common_dir
    head = house.ledger.head()
    with house.ledger.state(head) as state:
        settings, seq = state.settings, state.meta.seq
    width = max(len(line) for line, _ in NEXT)
    desk.show(
        {
            "created": created,
            "ledger": {"ref": ref, "head": head, "seq": seq, "git_dir": place},
            "settings": settings,
        },
        lambda: [
            f"the ledger of {place} is {ref}"
            if created
            else f"there is a ledger already ({ref}); nothing was changed",
            *(["next:"] if created else ()),
            *(f"  {line.ljust(width)}  {what}" for line, what in NEXT if created),
        ],
    )
