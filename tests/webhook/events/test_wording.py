"""Events in words: every type has some, of fields that there are, and nothing in them bites."""

from __future__ import annotations

import json
from collections.abc import Callable
from string import Formatter
from typing import Any

import msgspec
import pytest

from gitcoord.domain.approvals import Subject
from gitcoord.domain.approving import DecideApproval, RequestApproval, UseApproval
from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.compact import Compact
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.conflicts import ChangeScope
from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.escalations import RaiseEscalation, Raising, ResolveEscalation
from gitcoord.domain.event import TYPES, Event
from gitcoord.domain.handoffs import WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks, RenewLocks
from gitcoord.domain.merge_landing import BeginLanding, LandMerges
from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.merge_setbacks import HandOver
from gitcoord.domain.merges import Finding
from gitcoord.domain.merging import CheckMerges, EjectMerge, RecordCheck, RemoveMerge
from gitcoord.domain.messages import SendMessage
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.pausing import PauseSession, ResumeSession
from gitcoord.domain.plans import AddPlan
from gitcoord.domain.registering import (
    DeregisterFeature,
    PauseFeature,
    RegisterFeature,
    ResumeFeature,
)
from gitcoord.domain.sessions import Session
from gitcoord.domain.side_by_side import Package
from gitcoord.domain.signals import ReportSignals, Signals
from gitcoord.domain.sweep import LapseLeases, SuspectSession, SweepSession
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.unlanded import DropMarks, MarkDraft
from gitcoord.domain.usage import ReportUsage, Usage
from gitcoord.domain.verify_policies import RemoveVerifyPolicy
from gitcoord.domain.violations import RecordViolations, ViolationDraft
from gitcoord.errors import InvalidValue
from tests.domain.checked import noted, policy, result
from tests.domain.telling import Watch
from tests.domain.world import World
from webhook.events.wording import LONGEST, WORDS, said, written

#: What only a ledger's own beginning, restoration and staleness tell.
ELSEWHERE = {"ledger.began", "ledger.restored", "session.cleared", "task.stale", "message.heard"}
#: The target as it is, what it becomes, and the tree of that.
MAIN, NEXT, TREE = "a" * 40, "b" * 40, "c" * 40


def line(run: Callable[..., Any]) -> None:
    """Let entries of a merge queue end in every way."""
    for number, name in enumerate(("lands", "blocked", "handed", "thrown", "removed")):
        head = f"{number:040x}"
        run(EnqueueMerge(id=f"q-{name}", branch=name, head=head, target="main"), "s-ada")
        if name not in ("thrown", "removed"):
            begun = run(CheckMerges(ids=(f"q-{name}",)), "s-ada").run
            found = Finding(name="mergeable", passed=name != "blocked", text="conflicts with main")
            wish = RecordCheck(id=f"q-{name}", run=begun, against=MAIN, tree=TREE,
                               findings=(found,), paths=(f"{name}.py",))  # fmt: skip
            run(wish, "s-ada")
    begin = BeginLanding(ids=("q-lands",), expect=MAIN, result=NEXT, tree=TREE)
    run(begin, "s-ada")
    run(LandMerges(ids=("q-lands",), result=NEXT), "s-ada")
    run(HandOver(ids=("q-handed",), reason="main is protected"), "s-ada")
    run(EjectMerge(id="q-thrown", reason="it breaks the build"), "s-ada")
    run(RemoveMerge(id="q-removed", reason="not needed"), "s-ada")


def day() -> list[Event]:
    """Return what happens on a day on which everything does."""
    world = World()
    watch, found = Watch(world), []

    def run(operation: Any, session: str | None = None) -> Any:
        answer = world.run(operation, session)
        found.extend(watch.look())
        return answer

    def seen(name: str) -> str:
        return world.get(Session, name).seen_at

    for name in ("s-ada", "s-bob", "s-eve", "s-max"):
        world.session(name, **({"life": "beat"} if name == "s-eve" else {}))
        found.extend(watch.look())
    run(ChangeScope(area="api", files=("src/a.py",)), "s-ada")
    run(ChangeScope(area="api"), "s-bob")
    run(AcquireLocks(keys=("a.py",), reason="fix", ttl=100), "s-ada")
    run(AcquireLocks(keys=("a.py",), wait=60), "s-bob")
    world.pass_time(20)
    run(RenewLocks(), "s-ada")
    mark = MarkDraft(key="a.py", branch="work", head="0" * 40)
    run(ReleaseLocks(keys=("a.py",), marks=(mark,)), "s-ada")
    run(DropMarks(names=tuple(world.shelf.tables["unlanded"])))
    run(TakeOverLocks(keys=("a.py",), reason="gone"), "s-ada")
    run(AcquireLocks(keys=("b.py",), ttl=10), "s-ada")
    world.pass_time(60)
    run(LapseLeases())
    run(AddTasks(tasks=(NewTask(id="t-1", title="build"),)))
    run(ClaimTask(id="t-1"), "s-ada")
    run(MoveTask(id="t-1", move="block", reason="no key"), "s-ada")
    run(MoveTask(id="t-1", move="start"), "s-ada")
    run(MoveTask(id="t-1", move="complete", result="it builds"), "s-ada")
    run(WriteHandoff(id="h-1", summary="half way"), "s-ada")
    run(RecordChanges(changes=(ChangeDraft(path="a.py"),)), "s-ada")
    met = ViolationDraft(rule="no-force", category="git", severity="block", action="blocked")
    run(RecordViolations(violations=(met,)), "s-ada")
    run(SendMessage(id="m-1", text="hello all"), "s-ada")
    run(ReportUsage(usage=Usage(requests=2, input_tokens=9)), "s-ada")
    for errors in (5, 0):
        world.pass_time(1)
        run(ReportSignals(signals=Signals(at=world.now, errors_in_row=errors)), "s-ada")
    for title in ("Log in", "Log in and out"):
        run(RegisterFeature(id="login", title=title, claims=("a.py",)), "s-ada")
    run(PauseFeature(id="login", reason="lunch"), "s-ada")
    run(ResumeFeature(id="login"), "s-ada")
    run(DeregisterFeature(id="login", reason="landed"), "s-ada")
    run(RegisterFeature(id="other"), "s-ada")
    run(DeregisterFeature(id="other", status="cancelled"), "s-ada")
    one = Package(id="api", write=("p/**",))
    draft = NewTask(id="p-1", ref="api", title="Build the API")
    plan = AddPlan(
        feature="f", plan_revision=1, contracts_revision=1, packages=(one,), tasks=(draft,)
    )
    run(plan, "s-ada")
    up = Raising(id="e-1", queued="q-1", kind="PLAN_REVISION_REQUIRED", summary="it grew")
    run(RaiseEscalation(escalation=up, feature="f"), "s-ada")
    run(ResolveEscalation(id="e-1", resolution="it is split"), "s-ada")
    for number, decision in enumerate(("approve", "deny", "approve")):
        about = Subject(kind="command", text=f"make {number}")
        run(RequestApproval(id=f"a-{number}", about=about, ttl=60), "s-ada")
        wish = DecideApproval(id=f"a-{number}", decision=decision, reason="so be it")  # type: ignore[arg-type]
        world.run(wish, None, agent="eve")
        found.extend(watch.look())
    run(UseApproval(about=Subject(kind="command", text="make 0")), "s-ada")
    world.pass_time(60)
    run(LapseLeases())
    unit = policy(world)
    found.extend(watch.look())
    for status in ("running", "pending", "failed", "passed"):
        run(noted(result(unit, status)), "s-ada")
        world.pass_time(1)
    run(RemoveVerifyPolicy(name="unit"))
    line(run)
    run(PauseSession(id="s-ada", reason="lunch"))
    run(ResumeSession(id="s-ada"))
    run(SuspectSession(id="s-eve", beat=0, seen_at=seen("s-eve")))
    run(SweepSession(id="s-eve", beat=0, seen_at=seen("s-eve")))
    run(KillSession(id="s-bob", reason="it loops"))
    run(EndSession(), "s-ada")
    run(ChangeSettings(values={"lock_ttl": 60}))
    world.pass_time(1e7)
    run(Compact())
    return found


def test_every_type_has_words_of_fields_that_it_has() -> None:
    assert set(WORDS) == {*TYPES, "gap"}
    met = {event.type: event.data for event in day()}
    assert set(TYPES) - met.keys() == ELSEWHERE
    for kind, data in met.items():
        sentence, more = WORDS[kind]
        named = {name for _, name, _, _ in Formatter().parse(sentence) if name}
        # A message for one session has no text, one for all no agent that it is for.
        known = data.keys() | ({"to_agent"} if kind == "agent.message" else set())
        assert named | set(more) <= known, kind
        assert "somebody" not in said(kind, data), kind


def test_a_line_says_who_does_what() -> None:
    lines = [said(event.type, event.data) for event in day()]
    for wanted in (
        "ada is active: api \N{MIDDLE DOT} src/a.py",
        "bob works on what others work on: ada",
        "bob waits for a.py",
        "a.py was taken from bob: ada",
        "task t-1 is blocked: build \N{MIDDLE DOT} no key",
        "ada has met rule no-force: blocked",
        "message of ada: hello all",
        "ada is stuck: the same error 5 times in a row",
        "ada is paused: lunch",
        "bob was ended by others: it loops",
        "settings were changed: lock_ttl before 1800.0, after 60.0",
    ):
        assert wanted in lines, lines


def test_what_is_not_known_or_lacking_is_no_reason_to_fail() -> None:
    assert said("lock.stolen", {"key": "a"}) == "lock.stolen"
    assert said("lock.acquired", {}) == "somebody has locked somebody"
    assert said("agent.checkin", {"agent_name": ""}) == "somebody has checked in"


def shown(text: str, project: str = "web") -> str:
    data = {"agent_name": "ada", "text": text}
    body = written("slack", project, msgspec.json.encode({"type": "agent.message", "data": data}))
    found = json.loads(body)
    assert found.keys() == {"text"}
    return str(found["text"])


def test_a_text_of_an_agent_calls_nobody_and_hides_no_link() -> None:
    assert shown("a\nb") == "[web] message of ada: a b"
    said = shown("<!channel> <https://a.example|home> @all [home](https://a.example) & {x}")
    assert "<" not in said
    assert "@all" not in said
    assert "](" not in said
    assert "&lt;!channel&gt;" in said
    assert "&amp; {x}" in said
    assert len(shown("x" * 10_000)) == LONGEST


def test_a_gap_is_told_in_words_too() -> None:
    body = msgspec.json.encode({"id": "1.2.3", "type": "gap", "after": None, "reason": "why"})
    text = json.loads(written("slack", "web", body.decode()))["text"]
    assert text == "[web] events were missed that cannot be told: why"


def test_an_event_is_sent_as_it_is_and_no_other_format_is_known() -> None:
    assert written("event", "web", '{"id": "ä"}') == '{"id": "ä"}'.encode()
    with pytest.raises(InvalidValue):
        written("xml", "web", "{}")
