"""What check runs at GitHub have said of queued commits, noted for whoever lands them.

Results are kept for the very commit that was queued, by policy. Only what has come to an end is
noted, and that such a check runs again; whoever waits for others looks by itself. Not here: what
is asked of a change (`domain.verification`) and how checks are read (`checks`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from gitcoord.domain.check_runs import Judgement, judged
from gitcoord.domain.merges import Merge, listed
from gitcoord.domain.verification import SETTLED, Need, Result, Verification, need, risk_of
from gitcoord.domain.verify_policies import VerifyPolicy, digest_of
from gitcoord.domain.verifying import RecordVerification, ResultDraft
from gitcoord.errors import ForgeRefused, GitcoordError

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.mirror.desk import Desk
    from gitcoord.mirror.forge import Forge


def note(
    desk: Desk, forge: Forge, heads: Container[str] | None = None
) -> tuple[GitcoordError, ...]:
    """Note what check runs say of queued commits; None: of all of them.

    Where no policy lets GitHub check anything, GitHub is not asked. Returns what it refused to
    tell; then nothing is noted of that commit, since what is not seen may have failed.
    """
    with desk.look() as look:
        entries = list(listed(look.state)) if _asked(look.state) else []
    refused: dict[str, GitcoordError] = {}
    for entry in entries:
        if heads is None or entry.head in heads:
            try:
                _note(desk, forge, entry)
            except ForgeRefused as refusal:
                refused.setdefault(refusal.message, refusal)
    return tuple(refused.values())


def _asked(state: State) -> bool:
    return any(one.executor == "github" for one in state.scan(VerifyPolicy, "enabled:"))


def _note(desk: Desk, forge: Forge, entry: Merge) -> None:
    paths = entry.paths or _changed(forge, entry)
    with desk.look() as look:
        needed = need(look.state, paths, wide=entry.wide)
        known = look.state.get(Verification, entry.head)
    policies = [one for one in needed.policies if one.executor == "github"]
    tree = forge.tree(entry.head) if policies else ""
    if not tree:
        return
    runs = forge.runs(entry.head)
    before = {one.digest: one for one in (known.results if known else ())}
    said = [(one, judged(runs, one.checks)) for one in policies]
    news = [_draft(x, found) for x, found in said if _new(found, before.get(digest_of(x)))]
    if news:
        desk.run(_record(desk, entry, tree, paths, needed, news))


def _changed(forge: Forge, entry: Merge) -> tuple[str, ...]:
    """Return what a commit changes that nobody has checked yet."""
    seen = forge.comparison(entry.target, entry.head)
    return () if seen is None else seen.paths


def _new(found: Judgement, before: Result | None) -> bool:
    if before is None:
        return found.status in SETTLED
    if found.status not in SETTLED:
        return before.status in SETTLED
    return (found.status, found.reason, found.url) != (before.status, before.reason, before.url)


def _draft(policy: VerifyPolicy, found: Judgement) -> ResultDraft:
    return ResultDraft(
        policy=policy.name,
        digest=digest_of(policy),
        status=found.status,
        executor="github",
        tier=policy.tier,
        reason=found.reason,
        url=found.url,
    )


def _record(
    desk: Desk,
    entry: Merge,
    tree: str,
    paths: Sequence[str],
    needed: Need,
    results: Sequence[ResultDraft],
) -> RecordVerification:
    with desk.look() as look:
        risk = risk_of(
            look.state, paths, now=look.now, wide=entry.wide, lines=entry.lines,
            session=entry.session, agent=entry.agent, branch=entry.branch,
        )  # fmt: skip
    return RecordVerification(
        commit=entry.head,
        tree=tree,
        paths=tuple(paths),
        path_count=len(paths),
        tier=needed.tier,
        risk=risk.score,
        branch=entry.branch,
        results=tuple(results),
    )
