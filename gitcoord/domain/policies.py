"""Policies: texts in Cedar that decide, instead of trust levels, what sessions may do.

They are in force where the setting `policy_engine` is `cedar`. Some are there without being
stored and say what the levels say; one that is stored under the same name replaces it. Promises
that a policy which does not fit the schema is never stored. Not here: how they are evaluated
(`cedar`), and the levels (`rights`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.record import Record
from gitcoord.domain.time import Time
from gitcoord.errors import InvalidPolicy, InvalidValue, PolicyNotFound

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Priority = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class Policy(Record, frozen=True, kw_only=True):
    """One policy: one or more statements of Cedar."""

    table = "policies"

    name: str
    text: str
    description: str = ""
    #: Place in the list, the lowest first. In Cedar a forbid beats every permit, wherever it is.
    priority: Priority = 100
    enabled: bool = True
    at: Time = ""
    by: str = ""

    def terms(self) -> Iterable[str]:
        """Return whether it is in force."""
        yield "enabled" if self.enabled else "disabled"


_DEFAULTS = {
    "reads": 'permit(principal, action in Action::"read", resource);',
    "departures": 'permit(principal, action in Action::"leave", resource);',
    "presence": (
        'permit(principal, action in Action::"presence", resource)\n'
        "when { principal.trust_level >= 1 };"
    ),
    "claims": (
        'permit(principal, action in Action::"claim", resource)\n'
        "when { principal.trust_level >= 1 };"
    ),
    "writes": (
        'permit(principal, action in Action::"write", resource)\n'
        "when { principal.trust_level >= 2 };"
    ),
    "administration": (
        'permit(principal, action in Action::"admin", resource)\n'
        "when { principal.trust_level >= 3 };"
    ),
    "government": (
        'permit(principal, action in Action::"govern", resource)\n'
        "when { principal.trust_level >= 4 };"
    ),
    "network": (
        'permit(principal, action == Action::"network_access", resource)\n'
        "when { principal.trust_level >= 1 && resource.allowed };"
    ),
    "suspended": (
        "forbid(principal, action, resource) when { principal.trust_level == 0 }\n"
        'unless { action in [Action::"read", Action::"leave"] };'
    ),
}

#: The policies that are there without being stored.
BUILT_IN: dict[str, Policy] = {
    name: Policy(name=name, text=f'@id("{name}")\n{text}', description="built in")
    for name, text in _DEFAULTS.items()
}


def every(state: State) -> list[Policy]:
    """Return all policies by priority and name, also those that are switched off."""
    stored = {one.name: one for one in state.all(Policy)}
    return sorted((BUILT_IN | stored).values(), key=lambda one: (one.priority, one.name))


def in_force(state: State) -> list[Policy]:
    """Return the policies that decide."""
    return [one for one in every(state) if one.enabled]


def policy_of(state: State, name: str) -> Policy:
    """Return the policy of that name. Raises `PolicyNotFound`."""
    found = state.get(Policy, name) or BUILT_IN.get(name)
    if found is None:
        raise PolicyNotFound(f"there is no policy {name[:100]!r}", policy=name[:100])
    return found


class PolicyChanged(Answer, frozen=True, kw_only=True):
    """The policy as it is now; None where there is none of that name any more."""

    policy: Policy | None = None


class SetPolicy(Operation, frozen=True, kw_only=True):
    """Make a policy, or change what is named of one."""

    tag = "policy.set"
    answer = PolicyChanged
    sessionless: ClassVar[bool] = True

    name: str
    text: str | None = None
    description: str | None = None
    priority: int | None = None
    enabled: bool | None = None

    def apply(self, state: State, context: Context) -> PolicyChanged:
        """Store the policy.

        Raises `InvalidPolicy` with what is wrong in it, `InvalidValue`, and
        `PolicyEngineMissing` where nobody can tell.
        """
        name = checked_name(self.name, "policy")
        before = state.get(Policy, name) or BUILT_IN.get(name)
        if before is None and self.text is None:
            raise InvalidValue(f"policy {name} needs a text", policy=name)
        said = {
            field: value
            for field in ("text", "description", "priority", "enabled")
            if (value := getattr(self, field)) is not None
        }
        after = msgspec.structs.replace(before or Policy(name=name, text=""), **said)
        if not 0 <= after.priority <= 1000:
            raise InvalidValue("a priority lies between 0 and 1000", priority=after.priority)
        if before is None or after.text != before.text:
            _refuse_wrong(after)
        if after != before:
            after = msgspec.structs.replace(after, at=context.now, by=context.agent)
            state.put(after)
        return PolicyChanged(policy=after)

    def subject(self, answer: PolicyChanged, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"policy: {agent or 'somebody'} sets {self.name}")


class RemovePolicy(Operation, frozen=True, kw_only=True):
    """Remove a stored policy; a built-in one of that name is there again."""

    tag = "policy.remove"
    answer = PolicyChanged
    sessionless: ClassVar[bool] = True

    name: str

    def apply(self, state: State, context: Context) -> PolicyChanged:
        """Remove it. Raises `PolicyNotFound`."""
        stored = state.get(Policy, self.name)
        if stored is None:
            built_in = " (a built-in one can only be switched off)" if self.name in BUILT_IN else ""
            raise PolicyNotFound(
                f"no policy {self.name[:100]!r} is stored{built_in}", policy=self.name[:100]
            )
        state.remove(stored)
        return PolicyChanged(policy=BUILT_IN.get(self.name))

    def subject(self, answer: PolicyChanged, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"policy: {agent or 'somebody'} removes {self.name}")


def _refuse_wrong(policy: Policy) -> None:
    from gitcoord.domain.cedar import errors_of

    errors = errors_of(policy.text)
    if errors:
        raise InvalidPolicy(
            f"policy {policy.name}: {errors[0]}",
            hint="`gitcoord policy validate FILE` says more; `--schema` shows what there is.",
            policy=policy.name,
            errors=errors,
        )
