"""Verification: which paths need which checks, and what came of the last commits."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import join
from typing import TYPE_CHECKING, Any

from gitcoord.domain.verification import BAD, Verification, newest
from gitcoord.domain.verify_policies import TIERS, VerifyPolicy, policies
from webhook.dashboard.past import sight

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Commits that are shown.
COMMITS = 30


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows."""
    with sight(asking) as seen:
        return {
            "policies": [(one, does(one)) for one in policies(seen.state)],
            "tiers": TIERS,
            "commits": [(one, standing(one)) for one in newest(seen.state, COMMITS)],
            "more": max(0, seen.state.count(Verification, "at:") - COMMITS),
            "runs_checks": asking.caller.project.runs_checks,
            "now": seen.now,
            "live": True,
        }


def does(policy: VerifyPolicy) -> str:
    """Return in words what has to be done for a policy, beside who does it."""
    if policy.executor == "github":
        return ", ".join(policy.checks) or "all check runs"
    return policy.shell or join(policy.command)


def standing(found: Verification) -> str:
    """Return the state in which the results of a commit are together."""
    outcomes = {one.status for one in found.results}
    if outcomes & BAD:
        return "failed"
    if not outcomes:
        return "not_needed"
    return "passed" if outcomes <= {"passed"} else "running" if "running" in outcomes else "pending"
