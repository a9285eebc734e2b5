"""A ledger that is hard to show: long names, other writing directions, emoji, many sessions."""

from __future__ import annotations

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.handoffs import Facts, WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.merges import Finding
from gitcoord.domain.merging import EjectMerge
from gitcoord.domain.messages import SendMessage
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.pausing import PauseSession
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import NoteTask
from gitcoord.domain.usage import ReportUsage, Usage
from gitcoord.domain.verify_policies import SetVerifyPolicy
from tests.webhook.dashboard.queue import Queue
from tests.webhook.dashboard.world import Ledger, changed

WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"
#: Arabic and Hebrew with Latin words and brackets in them, and what a browser draws in colour.
ARABIC = "أعد كتابة مُحلّل اللغة (parser v2) قبل الإصدار"
HEBREW = "לתקן את src/auth/login.py [דחוף]"
EMOJI = "🚀 Ship it 👩‍👩‍👧‍👦🏳️‍🌈 before 🎄"
DEEP = "src/" + "/".join(f"package_{at}" for at in range(12)) + f"/{WORD}_test.py"
NAMES = ("ada", "claude-code-worker-on-the-build-machine-in-helsinki-number-seventeen",
         "מתכנת", "مبرمج", "🦊 fox", "Łukasz Żółć", "山田太郎", WORD.lower())  # fmt: skip


def crowd(ledger: Ledger, sessions: int) -> None:
    """Let so many sessions be there, the first ones with texts that are hard to show."""
    do = ledger.do
    for at in range(sessions):
        odd = at < len(NAMES)
        name = NAMES[at] if odd else f"agent-{at:03d}"
        ledger.enter(
            f"s-{at:03d}",
            name,
            area="authentication-and-authorisation" if at in (1, 5) else "",
            files=(DEEP, f"docs/{at}/**", "web/*.ts", "a", "b") if odd else (f"lib/m{at}/**",),
            branch=f"feature/{WORD}",
            client="claude-code",
            machine="build-machine.internal.example",
            task=ARABIC,
        )
        usage = Usage(
            requests=at * 977, errors=at % 7, input_tokens=at**4 * 1000, output_tokens=at * 900,
            cost_usd=None if at % 5 == 1 else at**2 * 1.37, model=f"model-{WORD[:20]}",
        )  # fmt: skip
        do(ReportUsage(usage=usage), f"s-{at:03d}")
    tasks(ledger)
    do(AcquireLocks(keys=(DEEP,), reason=HEBREW), "s-002")
    do(AcquireLocks(keys=("docs/**", "api:" + "x" * 60), reason=EMOJI), "s-004")
    do(AcquireLocks(keys=("docs/3/**", DEEP), wait=900.0, reason=ARABIC), "s-003")
    do(AcquireLocks(keys=tuple(f"lib/m9/f{at}.py" for at in range(30)), reason=WORD), "s-006")
    for at, kind in enumerate(("create", "modify", "delete", "modify")):
        changed(ledger, f"s-00{at}", (DEEP, "docs/ملف", "docs/🚀.md", WORD)[at], kind, ARABIC)
    for at, text in enumerate((ARABIC, HEBREW, EMOJI, WORD * 3, "One\nline\n\nand\tanother")):
        do(SendMessage(id=f"m-{at}", text=text, priority=("normal", "urgent")[at % 2]),
           f"s-00{at}")  # fmt: skip
    do(
        WriteHandoff(
            id="h-1", summary=ARABIC, completed=(HEBREW, EMOJI), in_progress=(WORD,),
            decisions=(ARABIC,), next_steps=(f"Read {DEEP}",), relevant_files=(DEEP, "docs/ملف"),
            facts=Facts(branch=f"feature/{WORD}", held_keys=(DEEP,)),
        ),
        "s-003",
    )  # fmt: skip
    line(ledger)
    do(PauseSession(id="s-001", reason=f"{ARABIC} {WORD}"), agent="lena")
    do(PauseSession(id="s-002", reason="Wait for the review of the passkey tables"), agent="lena")
    do(KillSession(id="s-007", reason=f"{EMOJI} {WORD}"), agent=NAMES[3])
    do(EndSession(summary=HEBREW), "s-005")


def line(ledger: Ledger) -> None:
    """Queue branches with names and reasons that are hard to show, and many others."""
    found = Queue(ledger)
    for name in ("lint", WORD[:40]):
        wish = SetVerifyPolicy(name=name, include=(DEEP, "docs/ملف"), shell=f"{EMOJI} {WORD}",
                               description=ARABIC)  # fmt: skip
        ledger.do(wish, agent="lena")
    failed = {"status": "failed", "reason": ARABIC, "output": f"{HEBREW}\n{WORD * 3}\n{EMOJI}"}
    found.verify("q-odd", f"feature/{WORD}", "s-003", lint=failed)
    found.add("q-odd", f"feature/{WORD}", "s-003", task=f"t-{WORD.lower()[:50]}", priority=1)
    found.check("q-odd", (DEEP, "docs/ملف"), Finding(name="mergeable", passed=False,
                text=f"conflicts with main: {DEEP}, {WORD}; {ARABIC}"))  # fmt: skip
    for at in range(12):
        found.add(f"q-{at:03d}", f"agent/{NAMES[at % 4]}/مهمة-{at}", f"s-{at % 4:03d}",
                  needs=("q-odd",) if at % 3 else ())  # fmt: skip
    found.do(EjectMerge(id="q-003", reason=f"{ARABIC} {WORD}"), "s-000")


def tasks(ledger: Ledger) -> None:
    """Add tasks whose ids and titles are hard to show, in every lane."""
    drafts = [
        NewTask(id="t-arabic", title=ARABIC, description=f"{ARABIC}\n\n{WORD}", priority=1,
                keys=(DEEP,)),
        NewTask(id="t-hebrew", title=HEBREW, depends_on=("t-arabic",), keys=("docs/🚀.md",)),
        NewTask(id=f"t-{WORD.lower()[:50]}", title=WORD, depends_on=("t-arabic", "t-hebrew")),
        NewTask(id="t-emoji", title=EMOJI, keys=tuple(f"k/{at}" for at in range(5))),
        NewTask(id="t-long", title="Say in one sentence what stands in " + "three words " * 14),
        NewTask(id="t-blocked", title="Choose a colour"),
        NewTask(id="t-failed", title="Build on all machines"),
        *(NewTask(id=f"t-{at:03d}", title=f"Translate page {at}",
                  depends_on=(f"t-{at - 7:03d}",) if at >= 7 else ()) for at in range(40)),
    ]  # fmt: skip
    ledger.do(AddTasks(tasks=tuple(drafts)), agent="lena")
    for id, session, move, more in (
        ("t-emoji", "s-004", "start", {}),
        ("t-long", "s-001", "start", {}),
        ("t-blocked", "s-003", "block", {"reason": HEBREW}),
        ("t-failed", "s-006", "fail", {"error": f"{WORD}: {DEEP} not found"}),
        ("t-000", "s-000", "complete", {"result": EMOJI}),
    ):
        ledger.do(ClaimTask(id=id), session)
        ledger.do(NoteTask(id=id, text=f"{ARABIC} {WORD}"), session)
        ledger.do(MoveTask(id=id, move=move, **more), session)  # type: ignore[arg-type]
