"""What the rules forbid: nothing was changed."""

from __future__ import annotations

from gitcoord.errors.family import Refused


class LockHeld(Refused):
    """Another session holds an overlapping key."""

    code = "lock_held"


class QueuedBehind(Refused):
    """An earlier session waits for an overlapping key."""

    code = "queued_behind"


class StaleToken(Refused):
    """What was written under a fencing token is overtaken: others were granted the key since."""

    code = "token_stale"


class NotLockHolder(Refused):
    """The lock is not yours, or there is none."""

    code = "lock_not_found_or_not_owner"


class FeaturePaused(Refused):
    """A pause lock stops work on this feature."""

    code = "paused"


class TaskNotFound(Refused):
    """There is no such task."""

    code = "task_not_found"


class NotAssigned(Refused):
    """The task is not claimed by this session."""

    code = "not_assigned"


class ClaimFailed(Refused):
    """The task cannot be claimed now."""

    code = "claim_failed"


class InvalidTransition(Refused):
    """The task cannot make this move from its present status."""

    code = "invalid_transition"


class AttemptsExhausted(Refused):
    """The task has used all its attempts."""

    code = "attempts_exhausted"


class DependencyCycle(Refused):
    """The dependencies form a cycle."""

    code = "dependency_cycle"


class DependencyNotFound(Refused):
    """A dependency names a task that does not exist."""

    code = "dependency_not_found"


class IdTaken(Refused):
    """Something else has this id already."""

    code = "id_taken"


class OperationReused(Refused):
    """This operation id was used before with other arguments."""

    code = "operation_reused"


class SessionNotFound(Refused):
    """There is no such session."""

    code = "session_not_found"


class SessionEnded(Refused):
    """The session has ended; it holds nothing any more."""

    code = "session_ended"
    remedy = "Check in again with `gitcoord session start`."


class SessionPaused(Refused):
    """The session is paused."""

    code = "session_paused"
    remedy = "Run `gitcoord session resume ID`."


class SessionAlive(Refused):
    """The session has shown life; it is not swept."""

    code = "session_alive"


class ScopeConflict(Refused):
    """Another session has declared the same area or overlapping files."""

    code = "scope_conflict"


class RecipientNotFound(Refused):
    """Nobody who is live is called that."""

    code = "recipient_not_found"


class RecipientAmbiguous(Refused):
    """Several live sessions are called that."""

    code = "recipient_ambiguous"


class MessageNotFound(Refused):
    """There is no such message for this session."""

    code = "message_not_found"


class MemoryNotFound(Refused):
    """There is no such memory."""

    code = "memory_not_found"


class LimitReached(Refused):
    """A limit of the ledger is reached."""

    code = "limit_reached"


class RevisionStale(Refused):
    """A plan or result is of a revision that no longer holds."""

    code = "revision_stale"


class AttemptStale(Refused):
    """The result is of another attempt than the one that is under way."""

    code = "attempt_stale"


class ScopeViolation(Refused):
    """Files were changed that are outside of the package's scope."""

    code = "scope_violation"


class EscalationNotFound(Refused):
    """There is no such escalation."""

    code = "escalation_not_found"


class NoPortsAvailable(Refused):
    """No block of ports is free."""

    code = "no_ports_available"


class PositionGone(Refused):
    """What came after this event cannot be told: this chain does not hold it, or not any more."""

    code = "position_gone"
    remedy = "Read the state anew and follow the events from now on."


class WorktreeInUse(Refused):
    """The worktree is dirty or belongs to somebody else; it is left alone."""

    code = "worktree_in_use"


class AlreadyInitialised(Refused):
    """There is a ledger here already; it is left alone."""

    code = "already_initialised"


class Denied(Refused):
    """The check says no."""

    code = "denied"


class BothHaveContent(Refused):
    """The local ledger and the one at the host both have content; neither is overwritten."""

    code = "both_have_content"


class LandingRefused(Refused):
    """The host took neither the branch nor the ledger; nothing was changed."""

    code = "landing_refused"


class ForgeRefused(Refused):
    """GitHub does not allow it."""

    code = "forge_refused"
