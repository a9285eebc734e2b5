"""Hostile texts: whatever agents write is shown as text, wherever it appears."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.domain.approvals import Subject
from gitcoord.domain.approving import DecideApproval, RequestApproval
from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession
from gitcoord.domain.handoffs import Facts, WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.messages import SendMessage
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.registering import PauseFeature, RegisterFeature
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import NoteTask
from gitcoord.domain.usage import ReportUsage, Usage
from tests.webhook.dashboard.conftest import Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{'zq'*3}}</title></textarea>"
#: A name, which has no angle brackets.
NAME = "ada\" onfocus='alert(1)' {{'zq'*3}}"
#: A path that git and we allow.
PATH = "src/\"'><script>x<img onerror=1>&amp;#?%2e.py"


@pytest.fixture
def hostile(opened: Opener) -> Iterator[Site]:
    site = opened().enter("admin")
    ledger = Ledger(site.service.settings.projects["web"])
    do = ledger.do
    ledger.enter("s-1", NAME, task=EVIL, area=NAME, files=("src/**",), branch=EVIL,
                 client=EVIL, worktree=EVIL, machine=EVIL)  # fmt: skip
    ledger.enter("s-2", "bob", area=NAME, files=("src/**",))
    do(ReportUsage(usage=Usage(requests=1, model=EVIL)), "s-1")
    do(AddTasks(tasks=(
        NewTask(id="t-1", title=EVIL, description=EVIL, keys=("docs/**",)),
        NewTask(id="t-2", title=EVIL, depends_on=("t-1",)),
    )), agent=NAME)  # fmt: skip
    do(ClaimTask(id="t-1"), "s-1")
    do(NoteTask(id="t-1", text=EVIL), "s-1")
    do(MoveTask(id="t-1", move="block", reason=EVIL), "s-1")
    do(AcquireLocks(keys=("file:src/x",), reason=EVIL), "s-1")
    do(AcquireLocks(keys=("src/x",), reason=EVIL, wait=60.0), "s-2")
    do(RecordChanges(changes=(ChangeDraft(path=PATH, summary=EVIL),)), "s-1")
    do(SendMessage(id="m-1", text=EVIL), "s-1")
    do(WriteHandoff(id="h-1", summary=EVIL, completed=(EVIL,), next_steps=(EVIL,),
                    relevant_files=(PATH,), facts=Facts(branch=EVIL)), "s-1")  # fmt: skip
    for id in (NAME, "other"):
        wish = RegisterFeature(id=id, title=EVIL, claims=("src/**", f"contract:{EVIL}"))
        do(wish, "s-1")
    do(PauseFeature(id="other", reason=EVIL), "s-1")
    for number in (1, 2):
        about = Subject(kind="command", text=f"{EVIL} {number}")
        do(RequestApproval(id=f"a-{number}", about=about, why=EVIL, reason=EVIL,
                           details={EVIL: EVIL}), "s-1")  # fmt: skip
    do(DecideApproval(id="a-2", decision="deny", reason=EVIL), agent=NAME)
    ledger.enter("s-3", "cyd")
    do(EndSession(summary=EVIL), "s-3")
    yield site
    ledger.close()


@pytest.mark.parametrize(
    "path",
    ["", "/sessions", "/sessions/s-1", "/sessions/s-3", "/tasks", "/tasks?view=graph",
     "/tasks/t-1", "/tasks/t-2", "/locks", "/messages", "/handoffs", "/log",
     "/features", "/approvals"],
)  # fmt: skip
def test_what_agents_write_is_text_on_every_page(hostile: Site, path: str) -> None:
    page = hostile.page(path)
    assert [one.get("src").partition("?")[0] for one in page.all("script")] == [
        "/dashboard/static/morph.js",
        "/dashboard/static/dash.js",
    ]
    assert page.all("img") == []
    assert "zqzqzq" not in page.text
    assert "<script>alert(1)" in page.text or path == "/locks"
    for link in page.links():
        if "/file?" in link or "/log/" in link:
            assert hostile.browser.get(link).status_code == 200, link
            other = hostile.page(link.removeprefix(hostile.base))
            assert len(other.all("script")) == 2


def test_what_is_asked_for_is_text_too(hostile: Site) -> None:
    from urllib.parse import quote

    for path in ("/file?key=", "/file?path=", "/log?agent=", "/log?session=", "/handoffs?agent=",
                 "/handoffs?task=", "/tasks/", "/sessions/", "?at=", "/log?before="):  # fmt: skip
        answer = hostile.get(path + quote(EVIL, safe=""))
        page = Markup(answer.text)
        assert len(page.all("script")) == 2
        assert page.all("img") == []
        assert page.faults() == []
    page = hostile.browser.get("/dashboard/login?next=" + quote(f"/dashboard/{EVIL}"))
    assert len(Markup(page.text).all("script")) == 2
