"""A merge queue with an entry of every status, and commits with results of every kind."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Any

from gitcoord.domain.merge_landing import BeginLanding, LandMerges
from gitcoord.domain.merge_queueing import EnqueueMerge
from gitcoord.domain.merge_setbacks import HandOver
from gitcoord.domain.merges import Finding
from gitcoord.domain.merging import CheckMerges, EjectMerge, RecordCheck, RemoveMerge
from gitcoord.domain.verify_policies import SetVerifyPolicy, digest_of, policy_of
from gitcoord.domain.verifying import RecordVerification, ResultDraft

if TYPE_CHECKING:
    from tests.webhook.dashboard.world import Ledger

TRACE = """tests/search/test_index.py::test_names_in_all_languages FAILED
    def test_names_in_all_languages() -> None:
>       assert index("Łódź") == index("lodz")
E       AssertionError: assert 'łodz' == 'lodz'
1 failed, 212 passed in 31.04 s
"""
OK = Finding(name="mergeable", passed=True)


def oid(text: str) -> str:
    return sha1(text.encode()).hexdigest()


class Queue:
    """Moves entries of a ledger, as if git had been asked."""

    def __init__(self, ledger: Ledger) -> None:
        self.do = ledger.do
        self.house = ledger.house

    def add(self, id: str, branch: str, session: str, **said: Any) -> str:
        wish = EnqueueMerge(id=id, branch=branch, head=oid(branch), target="main", **said)
        self.do(wish, session)
        return id

    def check(self, id: str, paths: tuple[str, ...], *findings: Finding, lines: int = 40) -> None:
        run = self.do(CheckMerges(ids=(id,)), agent="lena").run
        found = findings or (OK,)
        tree = oid(f"tree of {id}") if all(one.passed for one in found) else ""
        self.do(
            RecordCheck(id=id, run=run, against=oid("main"), tree=tree, findings=found,
                        paths=paths, lines=lines),
            agent="lena",
        )  # fmt: skip

    def begin(self, *ids: str) -> Any:
        wish = BeginLanding(ids=ids, expect=oid("main"), result=oid(" ".join(ids)),
                            tree=oid(f"tree of {ids[0]}"), lease=600)  # fmt: skip
        return self.do(wish, "s-ada4tz81x")

    def land(self, *ids: str) -> None:
        self.begin(*ids)
        self.do(LandMerges(ids=ids, result=oid(" ".join(ids))), "s-ada4tz81x")

    def verify(self, commit: str, branch: str, session: str, **outcomes: dict[str, Any]) -> None:
        with self.house.ledger.state() as state:
            known = {name: policy_of(state, name) for name in outcomes}
        drafts = tuple(
            ResultDraft(policy=name, digest=digest_of(known[name]), tier=known[name].tier,
                        executor=known[name].executor, **said)
            for name, said in outcomes.items()
        )  # fmt: skip
        wish = RecordVerification(
            commit=oid(commit), tree=oid(f"tree of {commit}"), paths=("src/search/index.py",),
            path_count=7, tier=1, risk=34, branch=branch, results=drafts,
        )  # fmt: skip
        self.do(wish, session)


def queue(ledger: Ledger) -> None:
    """Queue branches, block some, land others, and verify commits."""
    line = Queue(ledger)
    policies(ledger)
    line.verify("q-index", "feat/index", "s-bob91mmq2",
                lint={"status": "passed", "seconds": 2.0},
                unit={"status": "failed", "seconds": 31.0, "exit_code": 1, "output": TRACE,
                      "reason": "ended with 1"})  # fmt: skip
    line.verify("q-round", "fix/rounding", "s-bob91mmq2", lint={"status": "passed"},
                unit={"status": "running"})  # fmt: skip
    line.verify("q-cart", "feat/cart", "s-finn2q8aa",
                lint={"status": "passed"}, unit={"status": "passed", "seconds": 28.0},
                browsers={"status": "pending", "reason": "waits for safari",
                          "url": "https://github.example/checks/7"})  # fmt: skip
    line.add("q-cart", "feat/cart", "s-finn2q8aa", task="t-cart", priority=2)
    line.check("q-cart", ("web/cart.ts", "web/cart.css"))
    line.land("q-cart")
    line.add("q-icons", "chore/icons", "s-cyd33kfp0")
    line.do(RemoveMerge(id="q-icons", reason="Part of the cart now"), "s-cyd33kfp0")
    line.add("q-index", "feat/index", "s-bob91mmq2", priority=3)
    line.do(EjectMerge(id="q-index", reason="does not pass its verification: unit failed"),
            "s-ada4tz81x")  # fmt: skip
    line.add("q-docs", "docs/passkeys", "s-cyd33kfp0", priority=2)
    line.check("q-docs", ("docs/passkeys.md",))
    line.add("q-mail", "feat/mail", "s-bob91mmq2", priority=3, needs=("q-docs",))
    line.check("q-mail", ("src/mail/send.py", "src/mail/queue.py"), lines=310)
    line.add("q-round", "fix/rounding", "s-bob91mmq2", priority=4)
    line.check(
        "q-round", ("src/billing/invoice.py",),
        Finding(name="branch", passed=True),
        Finding(name="mergeable", passed=False,
                text="conflicts with main: src/billing/invoice.py"),
    )  # fmt: skip
    line.add("q-keys", "feat/passkeys", "s-ada4tz81x", feature="passkeys", task="t-passkeys",
             needs=("q-mail",))  # fmt: skip
    line.add("q-old", "drop-old-cookie", "s-cyd33kfp0", priority=6,
             pr_url="https://github.example/web/pull/12")  # fmt: skip
    line.check("q-old", ("web/cookie.ts",))
    line.do(HandOver(ids=("q-old",), reason="main takes only pull requests"), "s-ada4tz81x")
    line.begin("q-docs")


def policies(ledger: Ledger) -> None:
    for name, said in {
        "lint": {"command": ("ruff", "check", "."), "include": ("src/**", "tests/**")},
        "unit": {"shell": "pytest -q && coverage report", "include": ("src/**",), "tier": 1,
                 "exclude": ("src/mail/**", "src/billing/**"), "description": "All that is quick"},
        "browsers": {"checks": ("chrome", "safari"), "include": ("web/**",), "tier": 2,
                     "enabled": False},
        "security": {"include": ("src/auth/**",), "tier": 4, "enabled": False},
    }.items():  # fmt: skip
        ledger.do(SetVerifyPolicy(name=name, **said), agent="lena")  # type: ignore[arg-type]
