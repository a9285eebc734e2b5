"""What is told of checks: that one runs, and what came of it; and that a policy is another."""

from __future__ import annotations

from collections.abc import Iterator

from gitcoord.domain.event import Event, Scene, plain, sessions_of
from gitcoord.domain.verification import BAD, Result, Verification
from gitcoord.domain.verify_policies import VerifyPolicy

_POLICY = ("name", "tier", "executor", "include", "exclude", "enabled", "by")


def verifications(scene: Scene) -> Iterator[Event]:
    """Yield each result that is new; commits that are forgotten are not told."""
    for before, after in scene.pairs(Verification):
        if after is None:
            continue
        known = {one.policy: one for one in (before.results if before else ())}
        for result in after.results:
            if result != known.get(result.policy):
                yield _told(after, result)


def policies(scene: Scene) -> Iterator[Event]:
    """Yield each policy that was set or removed."""
    for before, after in scene.pairs(VerifyPolicy):
        if after is not None:
            yield Event("verification.policy_set", plain(after, *_POLICY))
        else:
            yield Event("verification.policy_removed", plain(before, "name"))


def _told(found: Verification, result: Result) -> Event:
    data = plain(
        found, "commit", "tree", "branch", "risk", session_id="session", agent_name="agent"
    ) | plain(result, "policy", "status", "tier", "executor", "exit_code", "reason", "url")
    kind = "failed" if result.status in BAD else _KINDS.get(result.status, result.status)
    return Event(f"verification.{kind}", data, sessions_of(found.session))


_KINDS = {"running": "started", "pending": "waiting", "error": "waiting"}
