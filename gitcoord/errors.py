"""Every way gitcoord can say no, as one closed family.

Five families say what the caller can do about it; each leaf has a `code` that
never changes its meaning. Doors map families to exit codes and statuses in a
table of their own. Not here: wording for one door, or any formatting.
"""

from __future__ import annotations

from typing import Any


class GitcoordError(Exception):
    """Something went wrong that gitcoord has no better word for."""

    code = "error"
    #: What to do next where the place that raises knows nothing more exact.
    remedy: str | None = None

    def __init__(
        self, message: str | None = None, *, hint: str | None = None, **details: Any
    ) -> None:
        self.message = message or (self.__doc__ or self.code).strip().splitlines()[0]
        self.hint = hint or self.remedy
        self.details = details
        super().__init__(self.message)

    def as_dict(self) -> dict[str, Any]:
        """Return code, message, hint (if any) and the details, ready for JSON."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.hint:
            body["hint"] = self.hint
        return body | self.details


class UsageError(GitcoordError):
    """The request or the configuration is wrong; nothing was tried."""

    code = "usage"


class Refused(GitcoordError):
    """The rules forbid it; nothing was changed."""

    code = "refused"


class Contended(GitcoordError):
    """Others were faster every time; try again."""

    code = "contended"
    remedy = "Run the same command again."


class Unavailable(GitcoordError):
    """The repository, the disk or the git host does not answer; nothing was changed."""

    code = "unavailable"


class Damaged(GitcoordError):
    """What is stored is missing, rewound, unreadable or from a newer gitcoord."""

    code = "damaged"
    remedy = "Run `gitcoord doctor` to see what is wrong."


class InvalidKey(UsageError):
    """A lock key that cannot name anything in a repository."""

    code = "invalid_key"


class UnknownNamespace(UsageError):
    """The key's prefix is not one of the known namespaces."""

    code = "unknown_namespace"


class TtlOutOfRange(UsageError):
    """The time to live is outside the allowed range."""

    code = "ttl_out_of_range"


class InvalidId(UsageError):
    """The id does not have the form of one."""

    code = "invalid_id"


class InvalidValue(UsageError):
    """A value is of the wrong kind or out of range."""

    code = "invalid_value"


class TextTooLong(UsageError):
    """The text is over the limit of 64 KiB."""

    code = "text_too_long"


class ReasonRequired(UsageError):
    """This needs a reason that others can read."""

    code = "reason_required"


class SummaryRequired(UsageError):
    """A handoff needs a summary."""

    code = "summary_required"


class InvalidConfig(UsageError):
    """The configuration cannot be read or holds a wrong value."""

    code = "invalid_config"


class UnknownSetting(UsageError):
    """There is no setting of that name."""

    code = "unknown_setting"


class InvalidFile(UsageError):
    """The file does not have the expected form."""

    code = "invalid_file"


class NotARepository(UsageError):
    """This is not inside a git repository."""

    code = "not_a_repository"
    remedy = "Change to a git repository, or run `git init` first."


class NotInitialised(UsageError):
    """This repository has no ledger yet."""

    code = "not_initialised"
    remedy = "Run `gitcoord init`."


class SessionRequired(UsageError):
    """Nobody is checked in here."""

    code = "session_required"
    remedy = "Run `gitcoord session start`, or pass --session."


class SessionAmbiguous(UsageError):
    """Several sessions are live here and the command does not say which one acts."""

    code = "session_ambiguous"
    remedy = "Pass --session, or set GITCOORD_SESSION."


class ExtraMissing(UsageError):
    """This command needs an optional part that is not installed."""

    code = "extra_missing"


class UnsupportedRepository(UsageError):
    """The repository uses a format that this engine or the installed git cannot open."""

    code = "unsupported_repository"


class LockHeld(Refused):
    """Another session holds an overlapping key."""

    code = "lock_held"


class QueuedBehind(Refused):
    """An earlier session waits for an overlapping key."""

    code = "queued_behind"


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


class LimitReached(Refused):
    """A limit of the ledger is reached."""

    code = "limit_reached"


class WorktreeInUse(Refused):
    """The worktree is dirty or belongs to somebody else; it is left alone."""

    code = "worktree_in_use"


class AlreadyInitialised(Refused):
    """There is a ledger here already; it is left alone."""

    code = "already_initialised"


class Denied(Refused):
    """The check says no."""

    code = "denied"


class WaitTimedOut(Contended):
    """The keys did not become free in the time given."""

    code = "wait_timed_out"


class OutcomeUnknown(Contended):
    """The answer was lost; the same operation id is safe to send again."""

    code = "outcome_unknown"


class GitMissing(Unavailable):
    """The `git` program is not installed or cannot be started."""

    code = "git_missing"
    remedy = "Install git 2.36 or newer and see that it is on PATH."


class GitFailed(Unavailable):
    """git refused or failed."""

    code = "git_failed"


class ReadOnly(Unavailable):
    """The git directory cannot be written."""

    code = "read_only"


class DiskFull(Unavailable):
    """There is no space left on the disk."""

    code = "disk_full"
    remedy = "Free some space and run the command again; nothing was changed."


class StaleLockFile(Unavailable):
    """A lock file that a killed process left behind is in the way."""

    code = "stale_lock_file"


class LedgerMissing(Damaged):
    """The ledger that this clone has seen is gone."""

    code = "ledger_missing"


class LedgerRewound(Damaged):
    """The ledger is older than, or no descendant of, the one this clone has seen."""

    code = "ledger_rewound"


class CorruptRecord(Damaged):
    """A stored record or object cannot be read."""

    code = "corrupt_record"


class FormatTooNew(Damaged):
    """The ledger was written by a newer gitcoord in a format that this one cannot read."""

    code = "format_too_new"
    remedy = "Upgrade gitcoord."


class WriterTooOld(Damaged):
    """The ledger asks its writers for a newer gitcoord; this one may only read."""

    code = "writer_too_old"
    remedy = "Upgrade gitcoord."


def by_code(body: dict[str, Any]) -> GitcoordError:
    """Return the error that `as_dict` described; an unknown code becomes `GitcoordError`."""
    known = dict(body)
    code, message, hint = known.pop("code"), known.pop("message"), known.pop("hint", None)
    pending: list[type[GitcoordError]] = [GitcoordError]
    while pending:
        kind = pending.pop()
        if kind.code == code:
            return kind(message, hint=hint, **known)
        pending.extend(kind.__subclasses__())
    error = GitcoordError(message, hint=hint, **known)
    error.code = code
    return error
