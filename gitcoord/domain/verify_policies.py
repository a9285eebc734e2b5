"""Policies of verification: which paths a check is about, and what has to be done for them.

Promises that `include` minus `exclude` decides alone, by the overlap rule of lock keys, and that a
stored policy says all that its executor needs. Not here: what came of a check (`verification`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import FILE
from gitcoord.domain.names import checked_name, checked_names, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.overlap import matches
from gitcoord.domain.record import Record, Seconds
from gitcoord.domain.time import Time
from gitcoord.errors import InvalidValue, VerifyPolicyNotFound

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State

#: `inline`: a command here and now; `github`: check runs there; `person`: somebody approves.
Executor = Literal["inline", "github", "person"]
Tier = Annotated[int, msgspec.Meta(ge=0, le=4)]

TIERS: tuple[str, ...] = ("STATIC", "UNIT", "INTEGRATION", "SYSTEM", "MANUAL")
#: Tier that a person decides, and the only one.
MANUAL = 4
#: Who checks a tier where neither a command nor check runs are named.
EXECUTORS: tuple[Executor, ...] = ("inline", "github", "inline", "inline", "person")
#: Most policies, patterns of one, and words of a command.
POLICIES_LIMIT = 200
PATTERNS_LIMIT = 100
WORDS_LIMIT = 200
#: Shortest and longest time for a command, in seconds.
TIMEOUT_RANGE = (1.0, 86_400.0)

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
#: Variables that hold what nobody may see who can write a file of the repository.
_SECRET = re.compile(
    r"tokens?[0-9]*(_|$)|secret|passw|passphrase|pwd|credential"
    r"|(^|_)(pass|pat|auth)(_|$)|(^|_)(api|access|private|signing)?_?key(_|$)|^gitcoord_",
    re.IGNORECASE,
)


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


def policy_of(state: State, name: str) -> VerifyPolicy:
    """Return the policy of that name. Raises `VerifyPolicyNotFound`."""
    found = state.get(VerifyPolicy, name)
    if found is None:
        raise VerifyPolicyNotFound(
            f"there is no policy of verification {name[:100]!r}", policy=name[:100]
        )
    return found


class VerifyPolicyChanged(Answer, frozen=True, kw_only=True):
    """The policy as it is now; None where there is none of that name any more."""

    policy: VerifyPolicy | None = None


class SetVerifyPolicy(Operation, frozen=True, kw_only=True):
    """Make a policy, or change what is named of one; the rest of it stays."""

    tag = "verification.policy_set"
    answer = VerifyPolicyChanged
    sessionless: ClassVar[bool] = True

    name: str
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    tier: int | None = None
    #: None: as what is named says, else as the tier says.
    executor: Executor | None = None
    command: tuple[str, ...] | None = None
    shell: str | None = None
    checks: tuple[str, ...] | None = None
    timeout: float | None = None
    env: tuple[str, ...] | None = None
    enabled: bool | None = None
    description: str | None = None

    def apply(self, state: State, context: Context) -> VerifyPolicyChanged:
        """Store the policy. Raises `InvalidValue`, `InvalidKey` and `UnknownNamespace`."""
        name = checked_name(self.name, "policy")
        before = state.get(VerifyPolicy, name)
        if before is None and sum(1 for _ in state.all(VerifyPolicy)) >= POLICIES_LIMIT:
            raise InvalidValue(f"there are {POLICIES_LIMIT} policies, which is the most")
        start = before or VerifyPolicy(
            name=name, include=("**",), timeout=state.settings.verify_timeout
        )
        after = msgspec.structs.replace(start, **self._said(state.settings, before))
        _check(after)
        if after != before:
            after = msgspec.structs.replace(after, at=context.now, by=context.agent)
            state.put(after)
        return VerifyPolicyChanged(policy=after)

    def _said(self, settings: Settings, before: VerifyPolicy | None) -> dict[str, object]:
        said: dict[str, object] = {
            field: value
            for field in ("tier", "command", "shell", "timeout", "enabled", "description")
            if (value := getattr(self, field)) is not None
        }
        for field in ("include", "exclude"):
            if (patterns := getattr(self, field)) is not None:
                said[field] = _patterns(settings, patterns)
        for field in ("checks", "env"):
            if (names := getattr(self, field)) is not None:
                said[field] = checked_names(names, field)
        executor = self.executor or self._executor(before)
        said["executor"] = executor
        # What belonged to how it was checked before goes with that.
        if executor != "inline" or self.shell:
            said.setdefault("command", ())
        if executor != "inline" or self.command:
            said.setdefault("shell", "")
        if executor != "github":
            said.setdefault("checks", ())
        return said

    def _executor(self, before: VerifyPolicy | None) -> Executor:
        """Return who checks, by what is named, else as before, else as the tier says."""
        if self.command or self.shell:
            return "inline"
        if self.checks:
            return "github"
        if self.tier == MANUAL or before is None:
            tier = self.tier or 0
            return EXECUTORS[tier] if tier in range(len(TIERS)) else "inline"
        return before.executor

    def subject(self, answer: VerifyPolicyChanged, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"verification: {agent or 'somebody'} sets the policy {self.name}")


class RemoveVerifyPolicy(Operation, frozen=True, kw_only=True):
    """Remove a policy; what is known by it stays, and asks for nothing any more."""

    tag = "verification.policy_remove"
    answer = VerifyPolicyChanged
    sessionless: ClassVar[bool] = True

    name: str

    def apply(self, state: State, context: Context) -> VerifyPolicyChanged:
        """Remove it. Raises `VerifyPolicyNotFound`."""
        state.remove(policy_of(state, self.name))
        return VerifyPolicyChanged()

    def subject(self, answer: VerifyPolicyChanged, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"verification: {agent or 'somebody'} removes the policy {self.name}")


def _patterns(settings: Settings, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return patterns of paths in canonical form, each once."""
    if len(patterns) > PATTERNS_LIMIT:
        raise InvalidValue(f"a policy has at most {PATTERNS_LIMIT} patterns", count=len(patterns))
    keys = [wanted(settings, text) for text in patterns]
    for key in keys:
        if key.namespace != FILE:
            raise InvalidValue(f"a policy is about paths, not {key.text}", pattern=key.text)
    return tuple(dict.fromkeys(key.text for key in keys))


def _check(policy: VerifyPolicy) -> None:
    """Raise `InvalidValue` for a policy that its executor could not follow."""
    inline = policy.executor == "inline"
    words = (*policy.command, policy.shell)
    wrong = (
        (policy.tier not in range(len(TIERS)), "a tier lies between 0 and 4"),
        (not policy.include, "a policy names paths that it is about: --include"),
        (
            (policy.tier == MANUAL) != (policy.executor == "person"),
            "tier 4 is a person's, and what a person decides is tier 4",
        ),
        (
            inline and not (policy.command or policy.shell),
            "say what is run (a command, or a line for a shell), or who else checks",
        ),
        (
            not inline and bool(policy.command or policy.shell),
            "a command belongs to a policy that is checked inline, and only there",
        ),
        (bool(policy.command and policy.shell), "a policy has a command or a line for a shell"),
        (
            policy.executor != "github" and bool(policy.checks),
            "check runs belong to a policy that GitHub checks",
        ),
        (
            len(words) > WORDS_LIMIT or any("\0" in word for word in words),
            f"a command has at most {WORDS_LIMIT} words, and no NUL",
        ),
        (
            not TIMEOUT_RANGE[0] <= policy.timeout <= TIMEOUT_RANGE[1],
            "a command may take 1 second to 1 day",
        ),
    )
    for is_so, words_for_it in wrong:
        if is_so:
            raise InvalidValue(f"policy {policy.name}: {words_for_it}", policy=policy.name)
    for name in policy.env:
        if not _VARIABLE.fullmatch(name):
            raise InvalidValue(f"not the name of a variable: {name!r}", variable=name)
        if _SECRET.search(name):
            raise InvalidValue(
                f"a check does not get to see {name}: who can write a file could read it",
                hint="Let GitHub Actions run what needs a secret (--check).",
                variable=name,
            )
