"""Policies of verification: which paths a check is about, and what has to be done for them.

Promises that `include` minus `exclude` decides alone, by the overlap rule of lock keys. Not here:
what came of a check (`verification`), and how a policy is set (`verifying`).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from gitcoord.domain.key_index import wanted
from gitcoord.domain.overlap import matches
from gitcoord.domain.record import Record, Seconds
from gitcoord.domain.time import Time

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State

#: `inline`: a command here and now; `github`: check runs there; `person`: somebody approves.
Executor = Literal["inline", "github", "person"]
Tier = Annotated[int, msgspec.Meta(ge=0, le=4)]

TIERS: tuple[str, ...] = ("STATIC", "UNIT", "INTEGRATION", "SYSTEM", "MANUAL")
#: Tier that a person decides.
MANUAL = 4


class VerifyPolicy(Record, frozen=True, kw_only=True):
    """What has to pass before changes of certain paths land."""

    table = "verify_policies"

    name: str
    #: Patterns of paths, as in lock keys, in canonical form. `exclude` takes away from `include`.
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    tier: Tier = 0
    executor: Executor = "inline"
    #: For `inline`: program and arguments, or one line for `sh -c` in `shell`.
    command: tuple[str, ...] = ()
    shell: str = ""
    #: For `github`: names of check runs; none: all that the commit has, and at least one.
    checks: tuple[str, ...] = ()
    #: Seconds after which a command is ended.
    timeout: Seconds = 600.0
    #: Names of environment variables that the command may see beside the usual ones.
    env: tuple[str, ...] = ()
    enabled: bool = True
    description: str = ""
    at: Time = ""
    by: str = ""

    def terms(self) -> Iterable[str]:
        """Return whether it is in force, with its place in the order."""
        word = "enabled" if self.enabled else "disabled"
        yield f"{word}:{self.tier}:{self.name}"


def digest_of(policy: VerifyPolicy) -> str:
    """Return by what a result is known to be of what the policy says today: all that it runs.

    Which paths it is about and its tier are no part of that.
    """
    does = (policy.executor, policy.command, policy.shell, policy.checks, policy.timeout)
    return sha256(msgspec.json.encode((*does, policy.env))).hexdigest()[:32]


def applies(policy: VerifyPolicy, settings: Settings, path: str) -> bool:
    """Say whether the policy is about a path: one of `include` matches it, none of `exclude`."""
    fold = settings.case_folding

    def met(patterns: tuple[str, ...]) -> bool:
        return any(matches(wanted(settings, x), path, fold_case=fold) for x in patterns)

    return met(policy.include) and not met(policy.exclude)


def policies(state: State) -> list[VerifyPolicy]:
    """Return all policies by tier and name, also those that are switched off."""
    return sorted(state.all(VerifyPolicy), key=lambda one: (one.tier, one.name))
