"""What stands between a wish and a person's consent to it: nothing was changed."""

from __future__ import annotations

from gitcoord.errors.family import Refused


class ApprovalNotFound(Refused):
    """There is no such request for approval."""

    code = "approval_not_found"
    remedy = "Run `gitcoord approval list --all`."


class ApprovalClosed(Refused):
    """The request is not there, was decided, or its time is over."""

    code = "approval_not_found_or_already_reviewed"
    remedy = "Run `gitcoord approval list`."


class ApprovalRequired(Refused):
    """A person has to approve this first."""

    code = "approval_required"


class OwnApproval(Refused):
    """Nobody approves what they have asked for themselves."""

    code = "own_approval"
    remedy = "Another person has to decide it."
