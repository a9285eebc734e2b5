"""`gitcoord verify policy`: which checks which paths need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command, reading
from gitcoord.entrypoints.cli.governing import changed, governing
from gitcoord.entrypoints.cli.words import Words

if TYPE_CHECKING:
    from gitcoord.domain.verify_policies import VerifyPolicy


@click.group()
def policy() -> None:
    """Say which checks which paths need. Changing it is for people, or trust level 4."""


@policy.command(
    cls=Words,
    epilog="Examples: gitcoord verify policy add lint --include 'src/**' -- ruff check . | "
    "gitcoord verify policy add ci --check build --tier 1",
)
@click.argument("name", metavar="POLICY")
@click.argument("words", metavar="[-- COMMAND...]", nargs=-1)
@click.option("--include", multiple=True, metavar="PATTERN...", help="Paths (default: all).")
@click.option("--exclude", multiple=True, metavar="PATTERN...", help="Of these, not those.")
@click.option("--tier", type=int, metavar="N",
              help="0 static, 1 unit, 2 integration, 3 system, 4 a person.")  # fmt: skip
@click.option("--shell", metavar="LINE", help="A line for sh, instead of COMMAND.")
@click.option("--check", "checks", multiple=True, metavar="NAME...", help="Check runs at GitHub.")
@click.option("--executor", type=click.Choice(("inline", "github", "person")),
              help="Who checks (default: as COMMAND, --check or the tier say).")  # fmt: skip
@click.option("--timeout", metavar="TIME", help="How long it may take (default: verify_timeout).")
@click.option("--env", multiple=True, metavar="NAME...", help="Variables that it may see.")
@click.option("--description", metavar="TEXT")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it is in force.")
@governing
@command
def add(desk: Desk, name: str, words: Sequence[str], person: bool, **said: Any) -> None:
    """Make a policy, or change what is named of one.

    All policies about a path of a change have to pass before it lands.
    """
    from gitcoord.domain.time import parse_duration
    from gitcoord.domain.verify_policies import SetVerifyPolicy, VerifyPolicyChanged

    if said["timeout"] is not None:
        said["timeout"] = parse_duration(said["timeout"])
    for field in ("include", "exclude", "checks", "env"):
        said[field] = tuple(said[field]) or None
    wish = SetVerifyPolicy(name=name, command=tuple(words) or None, **said)
    found = changed(desk, wish, VerifyPolicyChanged, person).policy
    assert found is not None
    desk.show({"policy": found}, f"policy {name}: tier {found.tier}, {_does(found)}")


@policy.command("list", epilog="Example: gitcoord verify policy list")
@reading
def list_(desk: Desk) -> None:
    """List the policies by tier, also those that are switched off."""
    from gitcoord.domain.verify_policies import TIERS, policies
    from gitcoord.entrypoints.cli.render import table

    with desk.state() as state:
        found = policies(state)
    rows = [
        (
            one.name, f"{one.tier} {TIERS[one.tier]}", "" if one.enabled else "off",
            " ".join(one.include), " ".join(one.exclude), _does(one),
        )
        for one in found
    ]  # fmt: skip
    columns = ("policy", "tier", "", "include", "exclude", "check")
    desk.show({"policies": found}, lambda: table(columns, rows, "no policy asks for a check"))


@policy.command(epilog="Example: gitcoord verify policy remove lint")
@click.argument("name", metavar="POLICY")
@governing
@command
def remove(desk: Desk, name: str, person: bool) -> None:
    """Remove a policy; its results are kept and ask for nothing any more."""
    from gitcoord.domain.verify_policies import RemoveVerifyPolicy, VerifyPolicyChanged

    changed(desk, RemoveVerifyPolicy(name=name), VerifyPolicyChanged, person)
    desk.show({"removed": name}, f"policy {name} is removed")


def _does(policy: VerifyPolicy) -> str:
    """Return in words what has to be done for a policy."""
    if policy.executor == "github":
        return f"GitHub: {', '.join(policy.checks) or 'all check runs'}"
    if policy.executor == "person":
        return "a person approves"
    from shlex import join

    return policy.shell or join(policy.command)
