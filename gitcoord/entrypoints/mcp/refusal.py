"""How a tool says no: words that a model can act on, and the same as structured content.

It names the code, who is in the way, until when, and what to do next with the tools of this
server rather than with commands. Not here: what is refused.
"""

from __future__ import annotations

from typing import Any

from gitcoord.entrypoints import originals
from gitcoord.entrypoints.cli.failures import encoded
from gitcoord.errors import GitcoordError

#: Code -> what to do next, where the error's own hint is for people at a command line.
NEXT: dict[str, str] = {
    "lock_held": "Work on something else, or call acquire_lock with wait_seconds to queue for it.",
    "queued_behind": "Work on something else, or call acquire_lock with wait_seconds.",
    "wait_timed_out": "Work on something else; check_locks says who holds it now.",
    "lock_not_found_or_not_owner": "Call check_locks to see who holds it.",
    "session_ended": "Call the tool again: that checks in anew. What was lost is named here.",
    "session_not_found": "Call the tool again: that checks in anew.",
    "session_paused": "Tell your person why, and wait until a person resumes this session.",
    "session_required": "Call register_session.",
    "claim_failed": "Call get_work for a task that can be claimed.",
    "paused": "Call get_work for a task of another feature.",
    "not_assigned": "Call get_task to see who holds it.",
    "task_not_found": "Call list_tasks.",
    "scope_conflict": "Declare another area or other files with register_session.",
    "recipient_not_found": "Call discover_agents for those who are here.",
    "recipient_ambiguous": "Name one of the sessions as recipient.",
    "message_not_found": "Call read_messages.",
    "memory_not_found": "Call recall for those that there are.",
    "feature_not_found": "Call list_active_features.",
    "feature_not_found_or_not_active": "Call list_active_features.",
    "feature_not_active": "Register it under another id.",
    "feature_taken": "Ask its agent with send_message, or your person.",
    "approval_not_found": "Call request_approval.",
    "approval_required": "Call request_approval, and wait for a person.",
    "own_approval": "Another person has to decide it.",
    "merge_not_found": "Call get_merge_queue.",
    "merge_taken": "Ask its agent with send_message, or your person.",
    "not_ready": "Mend what is named here, commit it, and call enqueue_merge again.",
    "merge_conflict": "Merge the target into your branch, solve the conflicts, call enqueue_merge.",
    "nothing_to_land": "Commit your work to the branch first; if it is all in the target, go on.",
    "branch_missing": "Push or create the branch, then queue it.",
    "branch_moved": "Call enqueue_merge again, so that what you have added is checked.",
    "branch_rewound": "Call enqueue_merge again, so that what it is now is checked.",
    "unrelated_histories": "Begin your branch from the target; this one has nothing in common.",
    "target_dirty": "Ask whoever works in that worktree to commit or to put the changes aside.",
    "verification_missing": "Call verify_changes, then land_merge again.",
    "verification_failed": "Mend what the checks found, commit it, and call enqueue_merge again.",
    "target_moved": "Try it again: it is checked against what the target is now.",
    "landing_busy": "Wait until the time that is named, or work on something else.",
    "git_too_old": "Tell your person: a newer git is needed.",
    "contended": "Call the tool again.",
    "operation_not_permitted": "Do something else; get_my_profile says what you may do.",
    "insufficient_trust_level": "Ask your person to do it, or to assign you another profile.",
    "resource_limit_exceeded": "Give back what you hold, write a handoff, and tell your person.",
    "agent_suspended": "Stop working and tell your person; you may still read and end_session.",
    "policy_denied": "Do something else; check_policy says which policy is in the way.",
    "policy_load_error": "Tell your person: the policies of the ledger cannot be read.",
    "cedar_evaluation_error": "Tell your person: a policy of the ledger fails.",
    "domain_blocked": "Do without it, or ask your person for a network rule.",
}

#: The same for a session that a person has ended.
KILLED = "A person has ended it. Stop working and tell them; a new conversation begins anew."

#: Most conflicts that the text names; the structured content has all.
NAMED = 5


def structured(error: GitcoordError, notes: list[str]) -> dict[str, Any]:
    """Return the refusal as the structured content of a result."""
    body = error.as_dict()
    if error.code in NEXT:
        body["hint"] = KILLED if body.get("status") == "killed" else NEXT[error.code]
    found = originals.refusal(error) | {"error": body}
    return found | {"notes": notes} if notes else found


def text(body: dict[str, Any]) -> str:
    """Return the refusal in words."""
    error = body["error"]
    lines = [f"{error['code']}: {error['message']}"]
    conflicts = [one for one in error.get("conflicts", ()) if isinstance(one, dict)]
    lines += [_conflict(one) for one in conflicts[:NAMED]]
    if len(conflicts) > NAMED:
        lines.append(f"... and {len(conflicts) - NAMED} more")
    word = "lost" if error["code"] == "session_ended" else "not yours"
    for lost in error.get("lost", ()):
        if isinstance(lost, dict) and lost.get("key"):
            lines.append(f"{word}: {lost['key']}{_holder(lost.get('held_by'))}")
    if error.get("hint"):
        lines.append(f"Next: {error['hint']}")
    return "\n".join([*lines, *(f"Note: {note}" for note in body.get("notes", ()))])


def plain(body: dict[str, Any]) -> str:
    """Return an answer as the text block beside its structured content: the same, as JSON."""
    return encoded(body)


def _conflict(one: dict[str, Any]) -> str:
    keys = one.get("key") or one.get("keys") or one.get("overlapping_files") or ()
    what = keys if isinstance(keys, str) else ", ".join(map(str, keys))
    line = f"{what or 'the same area'} is held by {one.get('agent', 'somebody')}"
    if one.get("session"):
        line += f" (session {one['session']})"
    if one.get("expires_at"):
        line += f" until {one['expires_at']} unless renewed"
    return line + (f": {one['reason']}" if one.get("reason") else "")


def _holder(held: Any) -> str:
    found = held[0] if isinstance(held, list) and held else held
    return f", now held by {found['agent']}" if isinstance(found, dict) and "agent" in found else ""
