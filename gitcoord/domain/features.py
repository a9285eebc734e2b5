"""Features: what several tasks and a branch are about, and which keys it claims until it ends.

A claim holds nothing: it says early what will be touched, so that overlaps are seen before work
begins. Promises that an id names one feature for as long as it is remembered, and that a pause
lasts until it is lifted, whatever becomes of who paused. Not here: how features stand to each
other (`feasibility`), and how their work lands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from gitcoord.domain.feasibility import Claims, Feasibility, claims_of
from gitcoord.domain.key_index import near, stored, term, wanted
from gitcoord.domain.names import checked_name
from gitcoord.domain.operation import Context
from gitcoord.domain.record import Record
from gitcoord.domain.tasks import feature_of
from gitcoord.domain.time import Time
from gitcoord.errors import (
    FeatureNotFound,
    FeatureTaken,
    InvalidValue,
    LimitReached,
    NoActiveFeature,
)

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State

Status = Literal["active", "paused", "completed", "cancelled"]
Ended = Literal["completed", "cancelled"]
ENDED: tuple[Ended, ...] = ("completed", "cancelled")

#: Most keys that one feature claims, and most bytes of its metadata as JSON.
CLAIMS_LIMIT = 500
METADATA_LIMIT = 16_384
#: Longest name of a branch, in characters.
BRANCH_LIMIT = 200
#: What git forbids in the name of a branch (git-check-ref-format), and a leading "-".
_NO_BRANCH = re.compile(
    r"[\x00-\x20\x7f-\x9f~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|^@$|^[-/]|/$|\.$|(^|/)\.|\.lock(/|$)"
)


class Feature(Record, frozen=True, kw_only=True):
    """One feature, from its registration to its end."""

    table = "features"

    #: As tasks name it.
    id: str
    title: str = ""
    branch: str = ""
    #: Canonical keys. `slots` are those of which nobody else may want any part.
    claims: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    #: 1 is merged first.
    priority: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5
    status: Status = "active"
    metadata: dict[str, Any] = {}
    #: Who has registered it; the session is empty for a person.
    agent: str = ""
    session: str = ""
    created_at: Time
    updated_at: Time
    paused_at: Time = ""
    paused_by: str = ""
    paused_session: str = ""
    pause_reason: str = ""
    ended_at: Time = ""
    ended_by: str = ""
    end_reason: str = ""

    @property
    def name(self) -> str:
        """The feature's id."""
        return self.id

    @property
    def archived(self) -> bool:
        """Whether it was completed or cancelled."""
        return self.status in ENDED

    @property
    def order(self) -> str:
        """Text by which features sort: most urgent first, then oldest."""
        return f"{self.priority:02d}:{self.created_at}:{self.id}"

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its order, branch, pause and claims; or its end."""
        if self.archived:
            yield f"end:{self.ended_at}:{self.id}"
            return
        yield f"order:{self.order}"
        if self.branch:
            yield f"branch:{self.branch}"
        if self.status == "paused":
            yield f"pause:{self.id}"
        for text in dict.fromkeys((*self.claims, *self.slots)):
            yield term(text)


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """Another feature that claims some of the same."""

    feature: str
    title: str
    branch: str
    agent: str
    status: Status
    priority: int
    feasibility: Feasibility
    #: Keys of the one that asks, and of the other, that overlap.
    overlapping_keys: tuple[str, ...] = ()
    their_keys: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a feature, or one that may become one, stands to all that are open."""

    feature: str
    feasibility: Feasibility
    #: Its claims that count, and how many of them overlap those of others.
    claims: int
    overlapping: int
    #: By the others' priority, then age.
    conflicts: list[Conflict] = []


def named(settings: Settings, text: str) -> str:
    """Return a feature's id in its canonical form. Raises `InvalidKey`, `InvalidValue`."""
    if not text.strip():
        raise InvalidValue("a feature needs an id")
    return checked_name(feature_of(settings, text), "feature")


def feature_by(state: State, text: str) -> Feature:
    """Return the feature of that id, open or ended. Raises `FeatureNotFound`, `InvalidKey`."""
    name = named(state.settings, text)
    found = state.get(Feature, name)
    if found is None:
        raise FeatureNotFound(f"there is no feature {name}", feature=name)
    return found


def open_feature(state: State, text: str) -> Feature:
    """Return the feature of that id, active or paused. Raises `NoActiveFeature`, `InvalidKey`."""
    name = named(state.settings, text)
    found = state.get(Feature, name)
    if found is None:
        raise NoActiveFeature(f"there is no feature {name}", feature=name)
    if found.archived:
        raise NoActiveFeature(
            f"feature {name} was {found.status} by {found.ended_by} at {found.ended_at}",
            feature=name,
            status=found.status,
        )
    return found


def check_owner(feature: Feature, context: Context) -> None:
    """Raise `FeatureTaken` unless the agent that registered it acts, or a person."""
    if context.session is None or (feature.agent and context.agent == feature.agent):
        return
    raise FeatureTaken(
        f"{feature.agent or 'a person'} has registered feature {feature.id}",
        hint=f"Ask {feature.agent} (`gitcoord message send`), or a person.",
        feature=feature.id,
        agent=feature.agent,
        session=feature.session,
    )


def open_features(state: State) -> Iterator[Feature]:
    """Yield the features that are active or paused: by priority, then age."""
    return state.scan(Feature, "order:")


def claims_by(settings: Settings, feature: Feature) -> Claims:
    """Return what a feature claims, as it counts."""
    return claims_of(settings, feature.id, feature.claims, feature.slots)


def meeting(state: State, texts: Iterable[str], *, but: str = "") -> list[Feature]:
    """Return the open features that may claim some of these canonical keys, in their order.

    That two want something of one slot counts, too. The feature `but` is left out.
    """
    keys = [stored(text) for text in texts]
    slots = [wanted(state.settings, text) for text in state.settings.exclusive_slots]
    found = {one.id: one for key in (*keys, *slots) for one in near(state, Feature, key)}
    return sorted((one for one in found.values() if one.id != but), key=lambda one: one.order)


def checked_keys(settings: Settings, texts: Iterable[str], what: str) -> tuple[str, ...]:
    """Return canonical keys, each once, in their order.

    Raises `InvalidKey`, `UnknownNamespace` and `LimitReached`.
    """
    found = tuple(dict.fromkeys(wanted(settings, text).text for text in texts))
    if len(found) > CLAIMS_LIMIT:
        raise LimitReached(
            f"a feature has at most {CLAIMS_LIMIT} {what}",
            hint="Claim a directory or a glob.",
            count=len(found),
        )
    return found


def checked_branch(text: str) -> str:
    """Return the name of a branch, or "". Raises `InvalidValue` for what git takes for none."""
    name = text.removeprefix("refs/heads/")
    if len(name) > BRANCH_LIMIT or _NO_BRANCH.search(name):
        raise InvalidValue(f"not the name of a branch: {text[:80]!r}", branch=text[:80])
    return name


def merged(before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return metadata with what is new, without what is null. Raises `InvalidValue`."""
    found = {name: value for name, value in (before | new).items() if value is not None}
    size = len(msgspec.json.encode(found))
    if size > METADATA_LIMIT:
        raise InvalidValue(f"metadata of {size} bytes, at most {METADATA_LIMIT}", bytes=size)
    return found
