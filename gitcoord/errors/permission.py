"""What a profile, a policy or a network rule forbids: nothing was changed."""

from __future__ import annotations

from gitcoord.errors.family import Refused, Unavailable, UsageError


class NotPermitted(Refused):
    """The profile of this session does not permit the operation."""

    code = "operation_not_permitted"
    remedy = "Run `gitcoord profile show` to see what is permitted; a person can change it."


class InsufficientTrust(NotPermitted):
    """The operation needs a higher trust level than this session has."""

    code = "insufficient_trust_level"


class ResourceLimitExceeded(NotPermitted):
    """A limit of the session's profile is used up."""

    code = "resource_limit_exceeded"


class AgentSuspended(NotPermitted):
    """The agent has trust level 0: it may read and leave, nothing else."""

    code = "agent_suspended"


class PolicyDenied(NotPermitted):
    """A policy forbids it, or none permits it."""

    code = "policy_denied"


class PolicyLoadFailed(NotPermitted):
    """The policies cannot be read, so that nothing is permitted."""

    code = "policy_load_error"
    remedy = "A person repairs them: `gitcoord policy list`, then `gitcoord policy set`."


class PolicyEvaluationFailed(NotPermitted):
    """The policies could not be evaluated, so that nothing is permitted."""

    code = "cedar_evaluation_error"
    remedy = "A person repairs them: `gitcoord policy list`, then `gitcoord policy set`."


class DomainBlocked(NotPermitted):
    """No network rule allows this domain, or one denies it."""

    code = "domain_blocked"
    remedy = "Run `gitcoord network list`; a person can add a rule with `gitcoord network add`."


class ProfileNotFound(Refused):
    """There is no such profile."""

    code = "profile_not_found"
    remedy = "Run `gitcoord profile list`."


class ProfileInUse(Refused):
    """Agents are assigned to this profile."""

    code = "profile_in_use"


class PolicyNotFound(Refused):
    """There is no such policy."""

    code = "policy_not_found"
    remedy = "Run `gitcoord policy list`."


class RuleNotFound(Refused):
    """There is no such network rule."""

    code = "rule_not_found"
    remedy = "Run `gitcoord network list`."


class InvalidPolicy(UsageError):
    """The policy does not fit the schema."""

    code = "invalid_policy"


class PolicyEngineMissing(Unavailable):
    """The ledger is ruled by Cedar policies and cedarpy is not installed here."""

    code = "policy_engine_missing"
    remedy = "Run `pip install 'gitcoord[cedar]'`, or decide on a machine that has it."
