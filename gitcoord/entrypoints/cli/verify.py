"""`gitcoord verify`: check a commit by the policies of its paths, and show what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, command, reading
from gitcoord.entrypoints.cli.verify_policy import policy
from gitcoord.errors import InvalidConfig, InvalidValue, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.verification import Result, Standing, Verification
    from gitcoord.landing.executors import CheckRuns


@click.group()
def verify() -> None:
    """Check commits before they land: policies say which checks which paths need.

    A result counts for the content that was checked, and is used again for the same content.
    """


class Found(NamedTuple):
    """A commit of this repository, and what it changes."""

    commit: str
    tree: str
    base: str
    paths: tuple[str, ...]
    lines: int
    branch: str


@verify.command(epilog="Examples: gitcoord verify run | gitcoord verify run feat/login --again")
@click.argument("revision", metavar="[COMMIT]", default="HEAD")
@click.option("--base", metavar="COMMIT", help="What it is compared with (default: the target).")
@click.option("--again", is_flag=True, help="Also what has passed or failed before.")
@acting
@command
def run(desk: Desk, revision: str, base: str | None, again: bool) -> None:
    """Run the checks that a commit (default: HEAD) needs and that are not known yet.

    Commands run here, each in a worktree of its own; GitHub is asked for check runs; a person is
    asked for an approval. Exit code 3: one has failed, or is still waited for.
    """
    from gitcoord.domain.verification import refusal_of
    from gitcoord.entrypoints.cli.patience import unwinding

    found = change_of(desk, revision, base)
    with unwinding():
        standing, record = checked(desk, found, again=again)
    refusal = refusal_of(standing, found.commit)
    if refusal is not None:
        for result in record.results if record else ():
            desk.note("\n".join(_result(result, output=True)))
        raise refusal
    desk.show(
        {"standing": standing, "verification": record},
        lambda: [f"{found.commit[:10]}: {standing.text}", *_results(record)],
    )


@verify.command(epilog="Examples: gitcoord verify show | gitcoord verify show --all")
@click.argument("revision", metavar="[COMMIT]", default="HEAD")
@click.option("--base", metavar="COMMIT", help="What it is compared with (default: the target).")
@click.option("--all", "everything", is_flag=True, help="The newest results of all commits.")
@reading
def show(desk: Desk, revision: str, base: str | None, everything: bool) -> None:
    """Show what a commit (default: HEAD) needs, what is known of it, and its risk."""
    if everything:
        _show_newest(desk)
        return
    if desk.checkout.resolve(revision) is None:
        _show_elsewhere(desk, revision)
        return
    from gitcoord.domain.verification import Verification, known_of, need, risk_of, standing

    found = change_of(desk, revision, base)
    with desk.state() as state:
        needs = need(state, found.paths)
        stands = standing(state, found.tree, found.paths, person=True)
        record = state.get(Verification, found.commit)
        results = known_of(state, found.tree, needs)
        risk = risk_of(
            state, found.paths, now=desk.now(state), lines=found.lines, branch=found.branch,
            session=desk.perhaps or "", agent=record.agent if record else "",
        )  # fmt: skip
    tier = "nothing" if needs.tier is None else f"tier {needs.tier}"
    desk.show(
        {
            "commit": found.commit, "tree": found.tree, "need": needs, "standing": stands,
            "risk": risk, "results": results,
        },
        lambda: [
            f"{found.commit[:10]}: {stands.text}",
            f"  needs {tier}; {len(found.paths)} paths",
            f"  risk {risk.score} of 100" + (", a person approves" if risk.person else ""),
            *(f"    {reason}" for reason in risk.reasons),
            *(line for one in results for line in _result(one, output=True)),
        ],
    )  # fmt: skip


def change_of(desk: Desk, revision: str, base: str | None) -> Found:
    """Return a commit and what it changes since the target. Raises `InvalidValue`."""
    from gitcoord.storage.landing import changed_lines, changed_paths

    checkout = desk.checkout
    commit = checkout.resolve(revision)
    if commit is None:
        raise InvalidValue(f"there is no commit {revision!r} here", commit=revision)
    with desk.state() as state:
        setting = state.settings.target_branch
    target = checkout.resolve(base) if base else None
    if base and target is None:
        raise InvalidValue(f"there is no commit {base!r} here", commit=base)
    if target is None:
        branch = checkout.target(setting)
        if branch is None:
            raise UsageError("there is no target branch", hint="Name a commit with --base.")
        target = branch.oid
    name = checkout.branch() if revision == "HEAD" else revision
    tree = checkout.run("rev-parse", f"{commit}^{{tree}}")[1].decode("ascii").strip()
    return Found(
        commit,
        tree,
        target,
        changed_paths(checkout, target, commit),
        changed_lines(checkout, target, commit),
        name if checkout.resolve(f"refs/heads/{name}") else "",
    )


def checked(
    desk: Desk, found: Found, *, again: bool = False
) -> tuple[Standing, Verification | None]:
    """Run what a commit needs and has not passed yet; return how it stands, and what is known.

    Raises what keeps us from git or the ledger.
    """
    from gitcoord.domain.verification import Verification
    from gitcoord.domain.verify_policies import policies
    from gitcoord.landing.executors import verify as verified

    session = desk.asker()
    with desk.state() as state:
        asks = any(one.executor == "github" and one.enabled for one in policies(state))
    standing = verified(
        desk.house.coordinator,
        desk.checkout,
        commit=found.commit,
        tree=found.tree,
        base=found.base,
        paths=found.paths,
        session=session,
        agent=desk.named_for(session),
        environ=desk.environ,
        lines=found.lines,
        branch=found.branch,
        check_runs=check_runs(desk) if asks else None,
        person=True,
        again=again,
    )
    with desk.state() as state:
        return standing, state.get(Verification, found.commit)


def check_runs(desk: Desk) -> CheckRuns | None:
    """Return how GitHub is asked for check runs; None, said on the side, where nobody may."""
    from gitcoord.entrypoints import forge_access

    try:
        let_in = forge_access.access(desk.environ)
        name = forge_access.repository(desk.house, desk.environ)
    except InvalidConfig as lacking:
        desk.note(f"GitHub is not asked: {lacking.message}")
        return None
    return desk.house.forge(let_in, name).runs


def _show_elsewhere(desk: Desk, commit: str) -> None:
    """Show what is known of a commit that this clone has not got."""
    from gitcoord.domain.verification import verification_by

    with desk.state() as state:
        found = verification_by(state, commit)
    desk.show(
        {"commit": found.commit, "tree": found.tree, "verification": found},
        lambda: [_line(found), *(x for one in found.results for x in _result(one, output=True))],
    )


def _show_newest(desk: Desk) -> None:
    from gitcoord.domain.verification import newest

    with desk.state() as state:
        found = newest(state)
    desk.show(
        {"verifications": found},
        lambda: (
            [line for one in found for line in (_line(one), *_results(one))]
            or "no commit was checked"
        ),
    )


def _line(found: Verification) -> str:
    from gitcoord.entrypoints.cli.render import plain

    parts = (found.commit[:10], found.branch, f"risk {found.risk}", found.agent)
    return plain("  ".join(filter(None, parts)))


def _results(found: Verification | None) -> list[str]:
    return [line for one in (found.results if found else ()) for line in _result(one)]


def _result(result: Result, *, output: bool = False) -> list[str]:
    """Return a result as lines; with `output` what a command wrote where it has not passed."""
    from gitcoord.entrypoints.cli.render import plain

    parts = (result.policy, result.status, result.reason, result.url)
    lines = ["  " + "  ".join(filter(None, parts))]
    if output and result.status != "passed":
        lines += [f"    {line}" for line in result.output.splitlines()]
    return [plain(line) for line in lines]


verify.add_command(policy)
