"""What is told of features, from the records before and after."""

from __future__ import annotations

import pytest

from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.event import Event
from gitcoord.domain.operation import Operation
from gitcoord.domain.registering import (
    DeregisterFeature,
    PauseFeature,
    RegisterFeature,
    ResumeFeature,
)
from tests.domain.crew import crew
from tests.domain.telling import Watch
from tests.domain.world import World


class Told:
    """A world whose every transaction is told."""

    def __init__(self) -> None:
        self.world: World = crew()
        self.watch = Watch(self.world)

    def run(self, *wishes: Operation, session: str | None = "s-ann") -> list[Event]:
        self.world.run_together(*((wish, session) for wish in wishes))
        return self.watch.look()


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_feature_is_told_from_its_registration_to_its_end(told: Told) -> None:
    (event,) = told.run(RegisterFeature(id="login", claims=("src/a",), title="Log in"))
    assert (event.type, event.about) == ("feature.registered", ("s-ann",))
    assert (event.data["feature_id"], event.data["agent_name"]) == ("login", "ann")
    assert (event.data["claims"], event.data["title"]) == (["src/a"], "Log in")
    (event,) = told.run(RegisterFeature(id="login", claims=("src/b",)))
    assert (event.type, event.data["changed"]) == ("feature.changed", {"claims": ["src/b"]})
    (event,) = told.run(PauseFeature(id="login", reason="wait"), session="s-bob")
    assert (event.type, event.about) == ("feature.paused", ("s-ann", "s-bob"))
    assert (event.data["by"], event.data["reason"]) == ("bob", "wait")
    (event,) = told.run(ResumeFeature(id="login"))
    assert (event.type, event.data["status"]) == ("feature.resumed", "active")
    (event,) = told.run(DeregisterFeature(id="login", reason="landed"))
    assert (event.type, event.data["by"], event.data["reason"]) == (
        "feature.completed", "ann", "landed",
    )  # fmt: skip


def test_what_happens_in_one_transaction_is_told_in_order(told: Told) -> None:
    events = told.run(
        RegisterFeature(id="login", claims=("a",)),
        DeregisterFeature(id="login", status="cancelled"),
    )
    assert [event.type for event in events] == ["feature.registered", "feature.cancelled"]
    assert events[0].data["status"] == "cancelled"


def test_what_is_forgotten_is_told_as_a_compaction(told: Told) -> None:
    told.run(RegisterFeature(id="login"), DeregisterFeature(id="login"))
    told.world.pass_time(100 * DAY)
    (event,) = told.run(Compact(), session=None)
    assert (event.type, event.data["removed"]) == ("ledger.compacted", {"features": 1})
