"""A repository in which much goes on, and the service beside it, for tests of the pages."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import uvicorn

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.approvals import Subject
from gitcoord.domain.approving import DecideApproval, RequestApproval
from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.configure import Begin
from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.escalations import RaiseEscalation, Raising
from gitcoord.domain.handoffs import Facts, WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.messages import SendMessage
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.operation import Operation
from gitcoord.domain.pausing import PauseSession
from gitcoord.domain.plans import AddPlan
from gitcoord.domain.registering import PauseFeature, RegisterFeature
from gitcoord.domain.sessions import StartSession
from gitcoord.domain.side_by_side import Package
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import NoteTask
from gitcoord.domain.usage import ReportUsage, Usage
from gitcoord.entrypoints.listener import listener
from tests.webhook.dashboard.queue import queue
from webhook.app import application
from webhook.keys import Scope
from webhook.running import _Server
from webhook.service import Service, assemble
from webhook.settings import Settings


class Ledger:
    """A repository's ledger, on which sessions act."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.house: House = open_house(place, os.environ)

    def begun(self) -> Ledger:
        self.house.coordinator.begin(Begin(), "test")
        return self

    def do(self, operation: Operation, session: str | None = None, agent: str = "") -> Any:
        return self.house.coordinator.do(operation, operation.answer, session=session, agent=agent)

    def enter(self, id: str, agent: str, **said: Any) -> str:
        self.do(StartSession(id=id, agent=agent, **said))
        return id

    def head(self) -> str:
        return self.house.ledger.head()

    def close(self) -> None:
        self.house.close()


def populate(ledger: Ledger) -> None:
    """Let six agents work, collide, wait, write to each other, and leave."""
    do, enter = ledger.do, ledger.enter
    enter("s-ada4tz81x", "ada", area="auth", files=("src/auth/**", "tests/auth/**"),
          client="claude-code", branch="feat/passkeys", machine="lena-laptop",
          worktree="worktrees/passkeys", capabilities=("python", "sql"), type="coder")  # fmt: skip
    enter("s-bob91mmq2", "bob", area="billing", files=("src/billing/invoice.py",), client="codex")
    enter("s-cyd33kfp0", "cyd", files=("src/auth/session.py", "docs/**"), client="gemini")
    enter("s-dora7u1s8", "dora", task="Upgrade the build image", client="claude-code")
    enter("s-eve0x5b2c", "eve", area="search")
    enter("s-finn2q8aa", "finn", files=("web/**",))
    for id, requests, errors, tokens, cost in (
        ("s-ada4tz81x", 214, 3, 1_840_000, 4.82),
        ("s-bob91mmq2", 87, 0, 402_000, 0.91),
        ("s-cyd33kfp0", 41, 12, 96_400, None),
        ("s-finn2q8aa", 530, 9, 6_120_000, 17.4),
    ):
        usage = Usage(
            requests=requests, errors=errors, input_tokens=tokens // 4, output_tokens=tokens // 20,
            cache_read_tokens=tokens - tokens // 4 - tokens // 20, cost_usd=cost,
            model="large-2" if cost else "",
        )  # fmt: skip
        do(ReportUsage(usage=usage), id)
    tasks(ledger)
    registry(ledger)
    queue(ledger)
    do(AcquireLocks(keys=("src/auth/**",), reason="passkey log-in"), "s-ada4tz81x")
    do(AcquireLocks(keys=("src/billing/invoice.py", "api:invoices"), reason="rounding"),
       "s-bob91mmq2")  # fmt: skip
    do(AcquireLocks(keys=("docs/**",), mode="shared"), "s-cyd33kfp0")
    do(AcquireLocks(keys=("src/auth/session.py",), wait=600.0), "s-cyd33kfp0")
    changed(ledger, "s-ada4tz81x", "src/auth/passkeys.py", "create", "Register and verify")
    changed(ledger, "s-ada4tz81x", "src/auth/login.py", "modify", "")
    changed(ledger, "s-bob91mmq2", "src/billing/invoice.py", "modify", "Round half to even")
    changed(ledger, "s-finn2q8aa", "web/old/cart.ts", "delete", "")
    letters(ledger)
    do(PauseSession(id="s-eve0x5b2c"), agent="lena")
    do(KillSession(id="s-dora7u1s8", reason="Pushes to main although told not to"), agent="lena")
    do(EndSession(outcome="completed", summary="Cart works on phones."), "s-finn2q8aa")


def changed(ledger: Ledger, session: str, path: str, kind: Any, summary: str) -> None:
    draft = ChangeDraft(path=path, kind=kind, summary=summary)
    ledger.do(RecordChanges(changes=(draft,)), session)


def registry(ledger: Ledger) -> None:
    """Register features that overlap, and ask for approvals of which one is decided."""
    for session, id, claims, title in (
        ("s-ada4tz81x", "passkeys", ("src/auth/**", "db:users"), "Log in with passkeys"),
        ("s-cyd33kfp0", "sessions", ("src/auth/session.py", "docs/**", "q"), "Shorter sessions"),
        ("s-finn2q8aa", "phones", ("web/**",), ""),
    ):
        wish = RegisterFeature(id=id, claims=claims, title=title, branch=f"feat/{id}")
        ledger.do(wish, session)
    ledger.do(PauseFeature(id="phones", reason="The designs change"), "s-finn2q8aa")
    for number, (session, text) in enumerate(
        (("s-ada4tz81x", "git push origin main"), ("s-bob91mmq2", 'rm -rf "$OUT"')), 1
    ):
        about = Subject(kind="command", text=text)
        wish_to = RequestApproval(
            id=f"a-{number}", about=about, why="this pushes straight to a protected branch",
            reason="the release waits", details={"rules": ["git_push_protected"], "cwd": "web"},
        )  # fmt: skip
        ledger.do(wish_to, session)
    ledger.do(DecideApproval(id="a-2", decision="deny", reason="Name the folder"), agent="lena")


def planning(ledger: Ledger, feature: str = "search", title: str = "Find by name") -> None:
    """Plan a feature of which one package is done, and raise two escalations."""
    parts = (("api", ()), ("index", ()), ("page", ("api", "index")))
    ledger.do(
        AddPlan(
            feature=feature, title=title, plan_revision=2, contracts_revision=1,
            packages=tuple(
                Package(id=id, depends_on=depends, write=(f"p/{id}/**",)) for id, depends in parts
            ),
            tasks=tuple(NewTask(id=f"p-{id}", ref=id, title=f"Build {id}") for id, _ in parts),
        ),
        agent="lena",
    )  # fmt: skip
    session = ledger.enter("s-gil", "gil")
    ledger.do(ClaimTask(id="p-api"), session)
    ledger.do(MoveTask(id="p-api", move="complete", result="done"), session)
    for number, (kind, summary) in enumerate(
        (
            ("RESOURCE_CONFLICT", "The index is being built by somebody else"),
            ("PLAN_REVISION_REQUIRED", f"{title} needs a package of its own"),
        ),
        1,
    ):
        wish = Raising(id=f"e-{number}", queued=f"q-{number}", kind=kind, summary=summary)
        ledger.do(RaiseEscalation(escalation=wish, feature=feature), session)


def tasks(ledger: Ledger) -> None:
    """Add tasks of every status."""
    rows: Sequence[tuple[str, str, int, Sequence[str], Sequence[str]]] = (
        ("t-schema", "Add the passkey tables", 2, (), ("db:users",)),
        ("t-passkeys", "Log in with passkeys", 1, ("t-schema",), ("src/auth/**",)),
        ("t-recover", "Recover an account without a device", 3, ("t-passkeys",), ()),
        ("t-mail", "Send mail when a passkey is added", 5, ("t-passkeys",), ("src/mail/**",)),
        ("t-docs", "Describe passkeys for users", 6, ("t-recover", "t-mail"), ("docs/**",)),
        ("t-round", "Round invoices half to even", 2, (), ("src/billing/**",)),
        ("t-cart", "Cart on phones", 4, (), ("web/**",)),
        ("t-index", "Index product names in all languages", 5, (), ("src/search/**",)),
        ("t-bench", "Measure search with a million products", 8, ("t-index",), ()),
        ("t-flaky", "Find out why the upload test fails on Mondays", 7, (), ()),
        ("t-image", "Upgrade the build image", 3, (), ("build/**",)),
        ("t-old", "Drop the old session cookie", 9, ("t-passkeys",), ("src/auth/session.py",)),
    )
    for id, title, priority, depends, keys in rows:
        draft = NewTask(
            id=id, title=title, priority=priority, depends_on=tuple(depends), keys=tuple(keys)
        )
        ledger.do(AddTasks(tasks=(draft,)), agent="lena")
    claim, move = ledger.do, ledger.do
    claim(ClaimTask(id="t-schema"), "s-ada4tz81x")
    move(MoveTask(id="t-schema", move="complete", result="Migration 41"), "s-ada4tz81x")
    claim(ClaimTask(id="t-passkeys"), "s-ada4tz81x")
    move(MoveTask(id="t-passkeys", move="start"), "s-ada4tz81x")
    ledger.do(NoteTask(id="t-passkeys", text="Registration works, verification next."),
              "s-ada4tz81x")  # fmt: skip
    claim(ClaimTask(id="t-round"), "s-bob91mmq2")
    claim(ClaimTask(id="t-cart"), "s-finn2q8aa")
    move(MoveTask(id="t-cart", move="complete"), "s-finn2q8aa")
    claim(ClaimTask(id="t-index"), "s-eve0x5b2c")
    move(MoveTask(id="t-index", move="block", reason="Which languages?"), "s-eve0x5b2c")
    claim(ClaimTask(id="t-image"), "s-dora7u1s8")
    move(MoveTask(id="t-image", move="fail", error="The registry refuses the push"), "s-dora7u1s8")


def letters(ledger: Ledger) -> None:
    """Let agents write: to everybody, to one, and to those who come after them."""
    do = ledger.do
    do(SendMessage(id="m-1", text="I rename src/auth/token.py today. Stay off it until noon.",
                   priority="high", needs_ack=True), "s-ada4tz81x")  # fmt: skip
    do(SendMessage(id="m-2", text="SECRET-FOR-ADA: may I have session.py?", to="ada"),
       "s-cyd33kfp0")  # fmt: skip
    do(SendMessage(id="m-3", text="The build is green again."), agent="lena")
    do(
        WriteHandoff(
            id="h-1",
            summary="Passkeys: registration works, verification is half done",
            completed=("Tables and migration 41", "Registration with two browsers"),
            in_progress=("Verification fails for keys without a counter",),
            decisions=("No fallback to SMS",),
            next_steps=("Handle a counter of 0", "Write docs with t-docs"),
            relevant_files=("src/auth/passkeys.py", "tests/auth/test_passkeys.py"),
            task="t-passkeys",
            facts=Facts(branch="feat/passkeys", head="3f2a9c41d0b7" + "0" * 28,
                        dirty=("src/auth/passkeys.py",), held_keys=("src/auth/**",)),
        ),
        "s-ada4tz81x",
    )  # fmt: skip
    do(WriteHandoff(id="h-2", summary="Cart works on phones; tablets are not tested"),
       "s-finn2q8aa")  # fmt: skip


class Running:
    """A service that listens on loopback, in a thread of this process."""

    def __init__(self, places: Mapping[str, str], state: str, **settings: Any) -> None:
        settings.setdefault("rate", 10**6)
        self.settings = Settings(places, state, **settings)
        self.service: Service = assemble(self.settings, os.environ)
        self._socket = listener("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        app = application(self.service)
        config = uvicorn.Config(
            app, log_config=None, access_log=False,
            timeout_graceful_shutdown=1, lifespan="on",
        )  # fmt: skip
        self._server = _Server(config, app.state.streams)
        self._thread = threading.Thread(target=anyio.run, args=(self._server.serve, [self._socket]))
        self._thread.start()

    def key(self, scope: Scope, project: str, name: str = "lena") -> str:
        return self.service.keys.add(project, name, scope, at=time.time())[1]

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
