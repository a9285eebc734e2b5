"""What checks have against a change, and what nobody knows of them: nothing was changed."""

from __future__ import annotations

from gitcoord.errors.family import Refused


class VerificationFailed(Refused):
    """A check of this commit has failed."""

    code = "verification_failed"
    remedy = "Run `gitcoord verify show COMMIT`, mend it and commit."


class VerificationMissing(Refused):
    """A check that this commit has to pass has not passed yet."""

    code = "verification_missing"
    remedy = "Run `gitcoord verify run COMMIT`."


class VerificationNotFound(Refused):
    """Nothing is known of this commit: no check of it has run."""

    code = "verification_not_found"
    remedy = "Run `gitcoord verify run COMMIT`."


class VerifyPolicyNotFound(Refused):
    """There is no policy of verification with this name."""

    code = "verify_policy_not_found"
    remedy = "Run `gitcoord verify policy list`."
