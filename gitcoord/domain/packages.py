"""Work-package files: one feature cut into packages that agents can work on side by side.

The form of such a file, as data. Not here: reading one (`package_file`), whose scopes overlap
(`side_by_side`), and what becomes of it in the ledger (`plans`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

#: Most packages of one file.
PACKAGES_LIMIT = 500

Path = Annotated[str, Meta(min_length=1, max_length=512)]
Paths = tuple[Path, ...]
Id = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Word = Annotated[str, Meta(min_length=1, max_length=200)]
Words = tuple[Word, ...]
Priority = Annotated[int, Meta(ge=1, le=10)]
Minutes = Annotated[int, Meta(ge=1, le=525_600)]
LockMinutes = Annotated[int, Meta(ge=1, le=480)]
Retries = Annotated[int, Meta(ge=0, le=999)]
Trust = Annotated[int, Meta(ge=0, le=4)]
Revision = Annotated[int, Meta(ge=1, le=1_000_000)]
Tier = Literal["A", "B", "C"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file."""


class Feature(_Part, frozen=True, kw_only=True):
    """What the packages are for, and which plan this is."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
    title: Annotated[str, Meta(max_length=200)] = ""
    plan_revision: Revision
    created_by: str = ""
    created_at: str = ""


class OpenApi(_Part, frozen=True, kw_only=True):
    """The contract as files."""

    primary: Path
    files: Annotated[Paths, Meta(min_length=1)]


class Contracts(_Part, frozen=True, kw_only=True):
    """What the packages have agreed on; the revision grows when that changes."""

    revision: Revision
    openapi: OpenApi | None = None
    generated: dict[str, Path] = {}
    mocks: dict[str, Any] = {}
    cdc: dict[str, Any] = {}


class Defaults(_Part, frozen=True, kw_only=True):
    """What holds for packages that say nothing else."""

    priority: Priority = 5
    lock_ttl_minutes: LockMinutes = 120
    timeout_minutes: Minutes = 60
    retry_budget: Retries = 1
    verification_tier_required: Tier = "A"
    min_trust_level: Trust = 2


class Locks(_Part, frozen=True, kw_only=True):
    """What is locked while somebody works on a package."""

    files: Paths = ()
    keys: Paths = ()
    ttl_minutes: LockMinutes | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""


class Scope(_Part, frozen=True, kw_only=True):
    """Patterns of files: what a package may change and read, and what it may not in any case."""

    write_allow: Paths
    read_allow: Annotated[Paths, Meta(min_length=1)] = ("**",)
    deny: Paths = ()


class Worktree(_Part, frozen=True, kw_only=True):
    """Where a package is worked on."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    mode: Literal["isolated", "shared"] = "isolated"


class Evidence(_Part, frozen=True, kw_only=True):
    """What shows that a step was done."""

    artifacts: Paths = ()
    result_keys: Words = ()


class Checks(_Part, frozen=True, kw_only=True):
    """What a CI service is to have said."""

    provider: Literal["github", "other"] = "github"
    workflow: str = ""
    required_checks: Words = ()


class Step(_Part, frozen=True, kw_only=True):
    """One step of the verification."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    kind: Literal["command", "ci", "manual"]
    command: str = ""
    cwd: str = ""
    env: dict[str, str] = {}
    expect_exit_code: int = 0
    ci: Checks | None = None
    manual_instructions: str = ""
    evidence: Evidence


class Verification(_Part, frozen=True, kw_only=True):
    """How it is shown that a package is done."""

    tier_required: Tier | None = None
    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]


class Outputs(_Part, frozen=True, kw_only=True):
    """What a package's result holds."""

    result_keys: Annotated[Words, Meta(min_length=1)]
    artifacts: Paths = ()


class WorkPackage(_Part, frozen=True, kw_only=True):
    """One package: a task with its scope."""

    package_id: Id
    title: Annotated[str, Meta(max_length=120)] = ""
    task_type: Annotated[str, Meta(min_length=1, max_length=40)]
    description: Annotated[str, Meta(min_length=1, max_length=4000)]
    role: Annotated[str, Meta(max_length=60)] = ""
    archetype: Annotated[str, Meta(max_length=60)] = ""
    priority: Priority | None = None
    depends_on: tuple[Id, ...] = ()
    locks: Locks = Locks()
    scope: Scope
    worktree: Worktree | None = None
    timeout_minutes: Minutes | None = None
    retry_budget: Retries | None = None
    min_trust_level: Trust | None = None
    verification: Verification | None = None
    metadata: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    outputs: Outputs | None = None

    @property
    def integrates(self) -> bool:
        """Whether it joins the others, and so comes after all of them."""
        return self.package_id == "wp-integration" or self.task_type in ("integration", "integrate")


class WorkPackages(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file."""

    feature: Feature
    contracts: Contracts
    defaults: Defaults
    packages: tuple[WorkPackage, ...]
