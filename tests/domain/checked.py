"""Policies and results for tests of verification."""

from __future__ import annotations

from typing import Any

from gitcoord.domain.verify_policies import SetVerifyPolicy, VerifyPolicy, digest_of
from gitcoord.domain.verifying import RecordVerification, ResultDraft
from tests.domain.world import World

COMMIT, TREE, OTHER = "a" * 40, "b" * 40, "c" * 40


def policy(world: World, name: str = "unit", **said: Any) -> VerifyPolicy:
    """Store a policy and return it; by default one with a command for `src/**`."""
    if not {"command", "checks", "tier"} & said.keys():
        said["command"] = ("make", name)
    said.setdefault("include", ("src/**",))
    found: VerifyPolicy = world.run(SetVerifyPolicy(name=name, **said), None).policy
    return found


def result(of: VerifyPolicy, status: Any = "passed", **said: Any) -> ResultDraft:
    """Return what came of a policy as it is now."""
    fields = {"executor": of.executor, "tier": of.tier} | said
    return ResultDraft(policy=of.name, digest=digest_of(of), status=status, **fields)


def noted(*results: ResultDraft, commit: str = COMMIT, tree: str = TREE, **said: Any) -> Any:
    """Return the wish to note results."""
    return RecordVerification(commit=commit, tree=tree, results=results, **said)
