"""Network rules: which domains agents may reach.

Rules of a profile come before those for all, then the lowest priority number, then what denies.
What no rule matches is blocked. Some rules are there without being stored; one that is stored
under the same id replaces it. Not here: what was reached (`accesses`), and lists for programs
that enforce this (`network_export`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from gitcoord.domain.hosts import checked_pattern, host_of, matches
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.profiles import canonical, profile_of
from gitcoord.domain.record import Record
from gitcoord.domain.time import Time
from gitcoord.errors import InvalidValue, RuleNotFound

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Action = Literal["allow", "deny"]
Priority = Annotated[int, msgspec.Meta(ge=0, le=1000)]

#: Why something is blocked that no rule is about.
NO_MATCH = "no_matching_policy"
_REASONS: dict[Action, str] = {"allow": "allowed_by_rule", "deny": "denied_by_rule"}


class NetworkRule(Record, frozen=True, kw_only=True):
    """Whether the domains of a pattern may be reached."""

    table = "network"

    id: str
    pattern: str
    action: Action = "allow"
    #: Empty: for every profile.
    profile: str = ""
    #: The lowest counts.
    priority: Priority = 5
    description: str = ""
    enabled: bool = True
    at: Time = ""
    by: str = ""

    @property
    def name(self) -> str:
        """The rule's id."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return the profile that it is for."""
        yield f"profile:{self.profile}"


def _built_in(*patterns: str) -> dict[str, NetworkRule]:
    return {
        id: NetworkRule(id=id, pattern=pattern, priority=10, description="built in")
        for pattern in patterns
        for id in (pattern.replace("*", "any"),)
    }


#: The rules that are there without being stored: source control. Which index of packages is
#: used differs from one house to the next, and is for its people to say.
BUILT_IN: dict[str, NetworkRule] = _built_in(
    "github.com",
    "*.github.com",
    "api.github.com",
    "raw.githubusercontent.com",
    "*.supabase.co",
)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a host may be reached, and by which rule."""

    host: str
    port: int | None = None
    allowed: bool
    #: Empty: no rule is about it.
    rule: str = ""
    pattern: str = ""
    reason: str


def rules(state: State, profile: str = "", *, all_profiles: bool = False) -> list[NetworkRule]:
    """Return the rules that hold for a profile in the order in which they count.

    `all_profiles`: those of all profiles, and those that are switched off.
    """
    stored = {one.id: one for one in state.all(NetworkRule)}
    found = list((BUILT_IN | stored).values())
    if not all_profiles:
        mine = ("", canonical(profile)) if profile else ("",)
        found = [one for one in found if one.enabled and one.profile in mine]
    return sorted(found, key=_order)


def verdict(state: State, profile: str, text: str) -> Verdict:
    """Return whether whoever has that profile may reach a URL or a domain. Raises `InvalidUrl`."""
    host = host_of(text)
    for rule in rules(state, profile):
        if matches(rule.pattern, host):
            return Verdict(
                host=host.name,
                port=host.port,
                allowed=rule.action == "allow",
                rule=rule.id,
                pattern=rule.pattern,
                reason=_REASONS[rule.action],
            )
    return Verdict(host=host.name, port=host.port, allowed=False, reason=NO_MATCH)


class RuleChanged(Answer, frozen=True, kw_only=True):
    """The rule as it is now; None where there is none any more."""

    rule: NetworkRule | None = None


class SetNetworkRule(Operation, frozen=True, kw_only=True):
    """Add a rule, or replace the one with its id."""

    tag = "network.set"
    answer = RuleChanged
    sessionless: ClassVar[bool] = True

    id: str
    pattern: str
    action: Action = "allow"
    profile: str = ""
    priority: int = 5
    description: str = ""
    enabled: bool = True

    def apply(self, state: State, context: Context) -> RuleChanged:
        """Store the rule. Raises `InvalidId`, `InvalidValue` and `ProfileNotFound`."""
        if not 0 <= self.priority <= 1000:
            raise InvalidValue("a priority lies between 0 and 1000", priority=self.priority)
        rule = NetworkRule(
            id=checked_id(self.id, "network rule"),
            pattern=checked_pattern(self.pattern),
            action=self.action,
            profile=profile_of(state, self.profile).name if self.profile else "",
            priority=self.priority,
            description=self.description,
            enabled=self.enabled,
        )
        before = state.get(NetworkRule, rule.id)
        if before is None or rule != msgspec.structs.replace(before, at="", by=""):
            before = msgspec.structs.replace(rule, at=context.now, by=context.agent)
            state.put(before)
        return RuleChanged(rule=before)

    def subject(self, answer: RuleChanged, agent: str) -> str:
        """Return the diary line."""
        whom = f" for {self.profile}" if self.profile else ""
        verb = {"allow": "allows", "deny": "denies"}[self.action]
        return one_line(f"network: {agent or 'somebody'} {verb} {self.pattern}{whom}")


class RemoveNetworkRule(Operation, frozen=True, kw_only=True):
    """Remove a stored rule; a built-in one of that id is there again."""

    tag = "network.remove"
    answer = RuleChanged
    sessionless: ClassVar[bool] = True

    id: str

    def apply(self, state: State, context: Context) -> RuleChanged:
        """Remove it. Raises `RuleNotFound`."""
        stored = state.get(NetworkRule, self.id)
        if stored is None:
            built_in = " (a built-in one can only be switched off)" if self.id in BUILT_IN else ""
            raise RuleNotFound(f"no network rule {self.id!r} is stored{built_in}", id=self.id[:100])
        state.remove(stored)
        return RuleChanged(rule=BUILT_IN.get(self.id))

    def subject(self, answer: RuleChanged, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"network: {agent or 'somebody'} removes rule {self.id}")


def _order(rule: NetworkRule) -> tuple[bool, int, bool, str]:
    return (not rule.profile, rule.priority, rule.action == "allow", rule.id)
