"""Landings at a host from clones that are behind or ahead of it, and a host that takes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.errors import LandingRefused, NotReady
from gitcoord.landing.seen import settle
from gitcoord.storage.moving import Branch
from gitcoord.storage.wire.landing import towards
from tests.gitrun import git
from tests.landing.test_hosted import elsewhere
from tests.landing.yard import MAIN, Yard, plain
from tests.servers.git_http import GitHost
from tests.storage.histories import commit


def test_what_others_have_gone_on_from_does_not_land_from_a_clone_that_has_not_pulled(
    hosted: Yard, git_host: GitHost, tmp_path: Path
) -> None:
    entry = hosted.ready("topic")
    git(hosted.repo, "push", "-q", "origin", "topic")
    other = elsewhere(git_host, tmp_path)
    git(other.repo, "checkout", "-q", "topic")
    newest = commit(other.repo, {"more.py": "m\n"})
    git(other.repo, "push", "-q", "origin", "topic")
    before = hosted.main()
    assert plain(hosted.land()) == {"merged": [], "blocked": ["topic"]}
    assert f"has moved on to {newest[:12]}" in hosted.entry(entry.id).reason
    assert hosted.main() == before
    # Queued again, still without a pull, it is what the branch is by now.
    assert hosted.queue("topic").head == newest
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert hosted.files() == {"README", "topic.py", "more.py"}


def test_what_others_have_replaced_does_not_land_from_a_clone_that_has_not_pulled(
    hosted: Yard, git_host: GitHost, tmp_path: Path
) -> None:
    entry = hosted.ready("topic")
    git(hosted.repo, "push", "-q", "origin", "topic")
    other = elsewhere(git_host, tmp_path)
    git(other.repo, "checkout", "-q", "topic")
    git(other.repo, "commit", "-q", "--amend", "-m", "better")
    git(other.repo, "push", "-q", "--force", "origin", "topic")
    assert plain(hosted.land()) == {"merged": [], "blocked": ["topic"]}
    assert "was rewound" in hosted.entry(entry.id).reason
    assert hosted.queue("topic").head == git(other.repo, "rev-parse", "topic")


@pytest.mark.parametrize("way", ["rebase", "reset"])
def test_what_was_made_anew_here_lands_though_it_is_not_pushed(hosted: Yard, way: str) -> None:
    hosted.branch("topic", {"topic.py": "t\n"}, {"wrong.py": "w\n"})
    git(hosted.repo, "push", "-q", "origin", "topic")
    git(hosted.repo, "checkout", "-q", "topic")
    if way == "reset":
        git(hosted.repo, "reset", "-q", "--hard", "HEAD~1")
    else:
        git(hosted.repo, "commit", "-q", "--amend", "-m", "right")
    assert hosted.queue("topic").head == git(hosted.repo, "rev-parse", "topic")
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert ("wrong.py" in hosted.files()) == (way == "rebase")


def test_commits_that_are_not_pushed_yet_do_not_stop_what_was_queued(hosted: Yard) -> None:
    hosted.ready("topic")
    git(hosted.repo, "push", "-q", "origin", "topic")
    git(hosted.repo, "checkout", "-q", "topic")
    commit(hosted.repo, {"draft.py": "d\n"})
    assert plain(hosted.land()) == {"merged": ["topic"]}
    assert hosted.files() == {"README", "topic.py"}


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_a_pull_request_has_merged_counts_though_others_have_changed_it_since(
    hosted: Yard, git_host: GitHost, by_hand: bool
) -> None:
    git_host.protect("hub", MAIN)
    hosted.task("t-1", "topic.py")
    entry = hosted.ready("topic", who=hosted.ada, task="t-1")
    hosted.branch("rival", {"topic.py": "rival\n"})
    rival = hosted.queue("rival")
    if not by_hand:
        assert plain(hosted.land(entry.id)) == {"merged": [], "handed_over": ["topic"]}
    git_host.protect("hub")
    git(hosted.repo, "checkout", "-q", "main")
    git(hosted.repo, "merge", "-q", "--squash", "topic")
    git(hosted.repo, "commit", "-q", "-m", "topic (#1)")
    commit(hosted.repo, {"topic.py": "t2\n"})
    git(hosted.repo, "push", "-q", "origin", "main")
    if by_hand:
        settle(hosted.site(), [entry.id])
    else:
        hosted.land()
    assert hosted.entry(entry.id).status == "merged"
    assert hosted.task_status("t-1") == "completed"
    # What the target never had is not taken for merged.
    with pytest.raises(NotReady):
        settle(hosted.site(), [rival.id])
    assert hosted.entry(rival.id).status != "merged"


def test_what_a_host_refuses_whatever_is_in_it_costs_no_entry_anything(hosted: Yard) -> None:
    entries = [hosted.ready(name) for name in ("one", "two")]
    before = hosted.main()
    # So it has main checked out itself.
    git(hosted.hub, "config", "core.bare", "false")
    with pytest.raises(LandingRefused, match="checked out branch"):
        hosted.land()
    assert hosted.main() == before
    for entry in map(hosted.entry, (one.id for one in entries)):
        assert (entry.status, entry.attempts, entry.ejections) == ("queued", 0, 0)
        assert "checked out branch" in entry.reason
    git(hosted.hub, "config", "core.bare", "true")
    # A host that was atomic when it was met, and is no longer, says it to git.
    site = hosted.site()
    assert site.wire is not None
    way = towards(site.wire, site.checkout, "origin", Branch(before, MAIN, before))
    told = way._refusal("fatal: the receiving end does not support --atomic push")
    assert told.details["why"] == "host"
    assert plain(hosted.land()) == {"merged": ["one", "two"]}
