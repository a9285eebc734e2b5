"""What stands between queued work and its target branch: the target was not moved."""

from __future__ import annotations

from gitcoord.errors.family import Contended, Refused, Unavailable


class MergeNotFound(Refused):
    """There is no such entry in the merge queue."""

    code = "merge_not_found"
    remedy = "Run `gitcoord merge list --all`."


class MergeTaken(Refused):
    """Another agent has queued it."""

    code = "merge_taken"


class NotReady(Refused):
    """The entry cannot land now."""

    code = "not_ready"


class MergeConflict(Refused):
    """The branch cannot be merged with its target."""

    code = "merge_conflict"


class NothingToLand(Refused):
    """The branch has nothing that its target has not."""

    code = "nothing_to_land"


class BranchMissing(Refused):
    """There is no such branch."""

    code = "branch_missing"


class BranchMoved(Refused):
    """The branch has other commits than those that were queued."""

    code = "branch_moved"
    remedy = "Queue it again: `gitcoord merge enqueue`."


class BranchRewound(Refused):
    """The branch no longer has the commits that were queued."""

    code = "branch_rewound"
    remedy = "Queue it again: `gitcoord merge enqueue`."


class UnrelatedHistories(Refused):
    """The branch and its target have no commit in common."""

    code = "unrelated_histories"


class TargetDirty(Refused):
    """The target is checked out in a worktree that has changes of its own."""

    code = "target_dirty"


class TargetMoved(Contended):
    """The target was moved meanwhile."""

    code = "target_moved"


class LandingBusy(Contended):
    """Somebody else is checking or landing it."""

    code = "landing_busy"


class GitTooOld(Unavailable):
    """The installed git cannot do this."""

    code = "git_too_old"
