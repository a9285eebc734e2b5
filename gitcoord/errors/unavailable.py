"""What does not answer or cannot be written: nothing was changed, as far as is known."""

from __future__ import annotations

from gitcoord.errors.family import Contended, Unavailable


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


class ProgramMissing(Unavailable):
    """The installed `gitcoord` program is not to be found."""

    code = "program_missing"


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


class SigningFailed(Unavailable):
    """The ledger's commits are to be signed, and this one could not be."""

    code = "signing_failed"


class HostUnreachable(Unavailable):
    """The git host does not answer."""

    code = "host_unreachable"
    remedy = "Check the network and the URL; nothing was changed."


class HostBusy(Unavailable):
    """The git host asks to come back later."""

    code = "host_busy"
    remedy = "Run the same command again in a while; nothing was changed."


class HostRefused(Unavailable):
    """The git host does not take the change."""

    code = "host_refused"
    remedy = "Run `gitcoord doctor --remote` to see what the host allows."


class ForgeBusy(HostBusy):
    """GitHub's limits are reached: nothing more is asked before `retry_after` seconds are over."""

    code = "forge_busy"


class AccessDenied(Unavailable):
    """The git host does not let us in: no credentials, or not the right ones."""

    code = "access_denied"
    remedy = "See that `git push` works here without asking, then run the command again."


class UnreadableAnswer(Unavailable):
    """The git host answered something that is not git's protocol."""

    code = "unreadable_answer"
    remedy = "Check the URL with `gitcoord doctor --remote`."
