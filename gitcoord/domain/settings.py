"""What all who share a ledger must agree on: `settings.json`.

Every field has a default, which is part of the format. Times are seconds.
Wrong values are refused by `changed`, so that a stored settings file is right
by construction; taste of one clone or one branch does not belong here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gitcoord.domain.risk import RISKY, RiskyPath
from gitcoord.errors import InvalidValue, UnknownSetting

Positive = Annotated[float, msgspec.Meta(gt=0, le=31_536_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Large = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000_000)]
Restraining = Literal["off", "warn", "pause", "ask"]


class Area(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named part of the repository that a session can declare to work in."""

    name: str
    patterns: tuple[str, ...] = ()
    description: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The shared settings of one ledger."""

    #: Branch on which work counts as landed; empty: the repository's default branch.
    target_branch: str = ""
    lock_ttl: Positive = 1800.0
    lock_ttl_min: Positive = 1.0
    lock_ttl_max: Positive = 28800.0
    claim_ttl: Positive = 1800.0
    #: How long a waiting session may be silent before it loses its place.
    waiter_ttl: Positive = 30.0
    beat_interval: Positive = 30.0
    beat_ttl: Positive = 120.0
    #: How long after its end somebody else's lease still counts.
    clock_tolerance: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    conflict_mode: Literal["warn", "block"] = "warn"
    #: Lock key prefixes beside the built-in ones, without the colon.
    namespaces: tuple[str, ...] = ()
    case_folding: bool = False
    #: Keys that are never locked (patterns) and keys that are only ever shared.
    ignore: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    areas: tuple[Area, ...] = ()
    #: Keys of which only one feature at a time may claim any part.
    exclusive_slots: tuple[str, ...] = ("db:migration-slot",)
    #: Share of a feature's claims above which it waits for another one that overlaps them.
    sequential_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    #: Tasks that one session may hold at a time; 0: any number.
    tasks_per_session: Count = 0
    #: What a dead session's tasks become: pending again, or only marked as stale.
    stale_tasks: Literal["requeue", "mark"] = "requeue"
    #: Trust level, 0 to 4, of agents whose profile says no other.
    agent_trust: Annotated[int, msgspec.Meta(ge=0, le=4)] = 2
    #: What decides whether a session may do something: trust levels, or Cedar policies.
    policy_engine: Literal["native", "cedar"] = "native"
    #: Whether what guardrails would ask about becomes a request that a person approves.
    approvals: Literal["off", "on"] = "off"
    #: How long a request waits for a decision, and an approval for its use.
    approval_ttl: Positive = 3600.0
    #: How queued branches become part of their target where nothing else is asked for.
    merge_method: Literal["merge", "squash", "rebase"] = "merge"
    #: Entries of the merge queue that land together, and landings that one may fail before it
    #: is ejected.
    merge_batch: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    merge_attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    #: How long the check or landing of an entry is nobody else's turn.
    merge_lease: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 120.0
    #: Risk of a change, 1 to 100, from where on a person has to approve its landing; 0: never.
    risk_approval: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    #: Paths whose change is risky, with points for each.
    risky_paths: tuple[RiskyPath, ...] = RISKY
    #: Seconds that the command of a check may take where its policy says no other.
    verify_timeout: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 600.0
    #: How many commits' results are kept, the newest.
    verifications_kept: Count = 500
    when_unreachable: Literal["warn", "deny"] = "warn"
    ops_kept: Positive = 604_800.0
    #: How many changes are kept, the newest, and for how long.
    changes_kept: Count = 500
    changes_age: Positive = 1_209_600.0
    #: The life of a message.
    messages_kept: Positive = 604_800.0
    violations_kept: Count = 500
    #: How many network accesses are kept, the newest, and for how long.
    accesses_kept: Count = 500
    accesses_age: Positive = 1_209_600.0
    #: Seconds in which a memory comes to count half; 0: age does not matter. The default is the
    #: decay of 0.1 a day that Agent Coordinator has.
    memory_half_life: Annotated[float, msgspec.Meta(ge=0, le=31_536_000)] = 598_879.0
    #: Bytes of the working memory of one session, names and texts together.
    working_memory: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = 16_384
    #: What is done about a session that uses up a cap, or again as much; the caps hold then.
    spending_action: Restraining = "off"
    #: US dollars, tokens and requests that one session may use; 0: any number.
    spending_cap: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 10.0
    spending_tokens: Large = 20_000_000
    spending_requests: Large = 2_000
    #: What is done about a session that makes more than `rate_limit` requests a minute (0: any).
    rate_action: Restraining = "off"
    rate_limit: Count = 60
    #: A session is stuck after so many errors of one kind in a row, so many of the same call,
    #: so many seconds of work without progress; 0: that is not looked at.
    stuck_errors: Count = 5
    stuck_repeats: Count = 10
    stuck_after: Annotated[float, msgspec.Meta(ge=0, le=31_536_000)] = 1800.0
    #: "owner/name" at GitHub; empty: as the URL of the ledger's remote says.
    github_repository: str = ""
    #: What a label that asks for a lock begins with, and the label that makes an issue a task.
    github_lock_label: Annotated[str, msgspec.Meta(min_length=1, max_length=30)] = "locked:"
    github_task_label: Annotated[str, msgspec.Meta(min_length=1, max_length=50)] = "agent-task"
    #: Branches that are somebody's work: `*`, `{agent}` and `{task}` stand for parts of a name.
    github_branches: tuple[str, ...] = (
        "agent/{agent}/{task}", "claude/*", "codex/*", "copilot/*", "jules/*",
    )  # fmt: skip
    #: How long what a label or a branch holds lasts beyond the last look at GitHub.
    github_label_ttl: Positive = 28800.0
    github_branch_ttl: Positive = 14400.0
    #: Accounts of apps that may give commands like people with write permission.
    github_bots: tuple[str, ...] = ()
    #: Whether the pull request of a handed over entry is merged there when nothing is in its way.
    github_merge: bool = False
    #: Whether each task that is not from GitHub gets an issue there.
    github_issues: bool = False
    #: The branch that gets a page with the state of things; empty: none.
    github_status_branch: str = ""
    #: Pushes a minute at which what nobody waits for is delayed; 0: never.
    push_budget: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0

    def changed(self, name: str, value: Any) -> Settings:
        """Return the settings with one of them replaced.

        Raises `UnknownSetting` with a suggestion, and `InvalidValue`.
        """
        if name not in self.__struct_fields__:
            raise unknown(name, self.__struct_fields__)
        raw = msgspec.to_builtins(self) | {name: value}
        try:
            new = msgspec.convert(raw, Settings, strict=False)
        except msgspec.ValidationError as wrong:
            raise InvalidValue(f"{name}: {wrong}") from None
        if not new.lock_ttl_min <= new.lock_ttl <= new.lock_ttl_max:
            raise InvalidValue(
                "lock_ttl must lie between lock_ttl_min and lock_ttl_max",
                lock_ttl=new.lock_ttl,
                lock_ttl_min=new.lock_ttl_min,
                lock_ttl_max=new.lock_ttl_max,
            )
        if new.beat_ttl < 2 * new.beat_interval:
            raise InvalidValue("beat_ttl must be at least twice beat_interval")
        return new


def remote_defaults(host: str = "") -> dict[str, Any]:
    """Return what a ledger at a git host begins with where nothing else is chosen.

    `host` is the name of the host. Signs of life cost pushes there and clocks differ. The
    budget is what GitHub advises for one repository:
    https://docs.github.com/en/repositories/creating-and-managing-repositories/repository-limits
    """
    github = ("." + host.lower().rstrip(".")).endswith(".github.com")
    return {
        "beat_interval": 60.0,
        "beat_ttl": 300.0,
        "clock_tolerance": 30.0,
        "waiter_ttl": 120.0,
        "push_budget": 6 if github else 0,
    }


def unknown(name: str, known: tuple[str, ...]) -> UnknownSetting:
    """Return the refusal of a setting that does not exist, with the nearest one that does."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
    return UnknownSetting(f"there is no setting {name!r}", hint=hint, setting=name)
