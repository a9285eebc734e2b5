"""`gitcoord merge`: the queue at the command line, from a branch to its target."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.storage import checkedout
from tests.entrypoints.door import Door
from tests.entrypoints.program import COMMAND, until
from tests.gitrun import git
from tests.storage.histories import branch


@pytest.fixture
def here(door: Door) -> Door:
    """Have two branches, and stand on a third one beside main."""
    for name in ("one", "two"):
        branch(door.place, name, {f"{name}.py": f"{name}\n"})
    git(door.place, "checkout", "-q", "-b", "elsewhere")
    return door


def queued(door: Door, name: str, *words: str) -> str:
    found = door.json("merge", "enqueue", name, *words)["merge"]["id"]
    assert isinstance(found, str)
    return found


def test_the_whole_way_of_a_branch(here: Door) -> None:
    here.become(here.start("ada"))
    here("task", "add", "Write one", "--id", "t-1", "--keys", "one.py")
    here("task", "claim", "t-1")
    found = here.json("merge", "enqueue", "one", "--task", "t-1", "--method", "squash")
    assert (found["action"], found["merge"]["status"]) == ("queued", "queued")
    id = found["merge"]["id"]
    assert found["merge"]["head"] == git(here.place, "rev-parse", "one")
    checked = here.json("merge", "check")
    assert [(one["id"], one["status"]) for one in checked["merges"]] == [(id, "ready")]
    assert [one["id"] for one in here.json("merge", "next")["merges"]] == [id]
    landed = here.json("merge", "land")
    assert landed["landed"][0]["tasks"] == ["t-1"]
    assert here.json("task", "show", "t-1")["task"]["status"] == "completed"
    assert here.json("lock", "list")["locks"] == []
    assert here.json("merge", "list")["merges"] == []
    assert [one["id"] for one in here.json("merge", "list", "--all")["merges"]] == [id]
    assert here.json("merge", "show", id)["merge"]["result"] == git(here.place, "rev-parse", "main")
    assert git(here.place, "show", "main:one.py") == "one"


def test_people_read_what_happens(here: Door) -> None:
    assert here("merge", "list").strip() == "no branch is queued"
    assert here("merge", "next").strip() == "nothing is ready"
    assert here("merge", "check").strip() == "no branch waits for a check"
    assert here("merge", "land").strip() == "nothing is ready to land"
    id = queued(here, "one")
    assert "waits for its check" in here("merge", "next")
    assert f"{id}  one  ready" in here("merge", "check")
    said = here("merge", "show", id)
    assert "ok   mergeable" in said
    assert "for main by merge" in said
    assert f"{id}  one is part of main at " in here("merge", "land")


def test_the_current_branch_is_queued_where_none_is_named(here: Door) -> None:
    here.commit("elsewhere.py", "e\n")
    assert here.json("merge", "enqueue")["merge"]["branch"] == "elsewhere"


def test_the_branch_of_the_feature_is_queued_where_none_is_named(here: Door) -> None:
    here("feature", "register", "login", "--claim", "src/**", "--branch", "two")
    found = here.json("merge", "enqueue", "--feature", "login")["merge"]
    assert (found["branch"], found["feature"]) == ("two", "login")


def test_again_it_is_the_same_entry_with_the_new_head(here: Door) -> None:
    id = queued(here, "one")
    assert here.json("merge", "enqueue", "one")["action"] == "unchanged"
    git(here.place, "checkout", "-q", "one")
    here.commit("more.py", "m\n")
    found = here.json("merge", "enqueue", "one")
    assert (found["action"], found["merge"]["id"]) == ("requeued", id)
    assert found["merge"]["head"] == git(here.place, "rev-parse", "one")


def test_needs_targets_and_priority_are_heeded(here: Door) -> None:
    git(here.place, "branch", "release", "main")
    one = queued(here, "one", "--priority", "low")
    two = queued(here, "two", "--need", one, "--priority", "critical")
    # Columns that tell nothing leave the room to those that do.
    assert not {"TARGET", "TASK"} & set(here("merge", "list").split())
    other = queued(here, "two", "--target", "release")
    assert "TARGET" in here("merge", "list").split("\n")[0]
    listed = [entry["id"] for entry in here.json("merge", "list")["merges"]]
    assert listed.index(one) < listed.index(two)
    assert [e["id"] for e in here.json("merge", "list", "--target", "release")["merges"]] == [other]
    here("merge", "check")
    assert [e["id"] for e in here.json("merge", "next")["merges"]] == [one, two]
    landed = here.json("merge", "land", "--target", "release")["landed"]
    assert [entry["id"] for batch in landed for entry in batch["merges"]] == [other]


def test_a_named_entry_that_does_not_land_is_a_refusal(here: Door) -> None:
    branch(here.place, "rival", {"one.py": "rival\n"})
    rival, one = queued(here, "rival"), queued(here, "one")
    here("merge", "land", rival)
    before = git(here.place, "rev-parse", "main")
    body = here("merge", "land", one, "--json", code=3)
    assert '"not_ready"' in body
    assert "one.py" in body
    assert git(here.place, "rev-parse", "main") == before
    assert here.json("merge", "show", one)["merge"]["status"] == "blocked"
    here("merge", "land", one, code=3)
    assert f"next: Run `gitcoord merge show {one}`." in here.err
    # Without a name nothing was promised.
    assert here.json("merge", "land")["landed"] == []


def test_an_entry_can_be_given_up_and_thrown_out(here: Door) -> None:
    one, two = queued(here, "one"), queued(here, "two")
    assert "removed: not needed" in here("merge", "remove", one, "--reason", "not needed")
    assert here.refused("merge", "eject", two, code=2)["code"] == "reason_required"
    assert "ejected: breaks" in here("merge", "eject", two, "--reason", "breaks")
    assert here.json("merge", "list")["merges"] == []
    assert here.json("merge", "enqueue", "two")["merge"]["id"] == two


def test_what_can_never_land_is_refused_at_once(here: Door) -> None:
    git(here.place, "branch", "empty", "main")
    assert here.refused("merge", "enqueue", "empty")["code"] == "nothing_to_land"
    assert here.refused("merge", "enqueue", "nowhere")["code"] == "branch_missing"
    assert here.refused("merge", "enqueue", "main", code=2)["code"] == "usage"
    assert here.refused("merge", "enqueue", "one", "--target", "no")["code"] == "branch_missing"
    assert here.refused("merge", "show", "q-nothing")["code"] == "merge_not_found"
    assert here.refused("merge", "land", "q-nothing")["code"] == "merge_not_found"
    assert here.refused("merge", "check", "q-nothing")["code"] == "merge_not_found"


def test_a_dirty_worktree_of_the_target_is_named(here: Door) -> None:
    queued(here, "one")
    here("merge", "check")
    git(here.place, "checkout", "-q", "main")
    Path(here.place, "README").write_text("mine\n", encoding="utf-8")
    error = here.refused("merge", "land")
    assert error["code"] == "target_dirty"
    assert error["path"] == here.place
    assert error["dirty"] == ["README"]
    assert error["landed"] == []


def test_a_worktree_that_could_not_follow_is_named_until_it_can(
    here: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(here.place, "checkout", "-q", "main")
    branch(here.place, "three", {"README": "three\n"})
    queued(here, "three")
    follow = checkedout.follow

    def late(*given: Any, **said: Any) -> Any:
        Path(here.place, "README").write_text("mine\n", encoding="utf-8")
        return follow(*given, **said)

    monkeypatch.setattr(checkedout, "follow", late)
    found = here.json("merge", "land")
    assert len(found["landed"]) == 1
    assert [one["path"] for one in found["worktrees"]] == [here.place]
    assert "README" in found["worktrees"][0]["reason"]
    monkeypatch.setattr(checkedout, "follow", follow)
    assert f"{here.place} cannot follow" in here("merge", "check")
    git(here.place, "checkout-index", "-f", "README")
    assert here.json("merge", "check")["worktrees"] == []
    assert git(here.place, "status", "--porcelain") == ""


def test_agents_and_people_are_told_apart(here: Door) -> None:
    ada, bob = here.start("ada"), here.start("bob")
    here.become(ada)
    id = queued(here, "one")
    here.become(bob)
    assert here.refused("merge", "remove", id)["code"] == "merge_taken"
    # Whoever is there may land: the rules are the same for all.
    here("merge", "land")
    here.become(ada)
    assert "is merged into main" in here("context")


def test_who_lands_nothing_is_told_where_the_reasons_are(here: Door) -> None:
    id = queued(here, "one")
    git(here.place, "branch", "-D", "one")
    here("merge", "land")
    said = here("merge", "land").strip()
    assert said == "nothing is ready to land; see why: gitcoord merge next --target main"
    assert f"{id} is blocked: there is no branch one any more" in here("merge", "next")


def test_an_entry_that_was_named_and_has_landed_before_is_told_so(here: Door) -> None:
    id = queued(here, "one")
    here("merge", "land")
    assert here("merge", "land", id).startswith(f"{id}  one is part of main at ")
    assert [one["id"] for one in here.json("merge", "land", id)["others"]] == [id]


def has_ended(pid: int) -> bool:
    """Say whether a process has ended, also where nobody has collected it yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # What has ended has no words any more.
    words = Path("/proc", str(pid), "cmdline")
    return sys.platform == "linux" and not (words.exists() and words.read_bytes())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
@pytest.mark.parametrize("words", [("merge", "land"), ("verify", "run", "one")])
def test_who_is_asked_to_end_leaves_no_check_behind(
    here: Door, tmp_path: Path, words: tuple[str, ...]
) -> None:
    seen = tmp_path / "pid"
    here("verify", "policy", "add", "slow", "--shell", f"echo $$ > {seen}; exec sleep 600")
    id = queued(here, "one")
    with subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE) as child:
        until(lambda: seen.exists() and seen.read_text(encoding="ascii").strip())
        child.terminate()
        assert child.wait(60) == 128 + signal.SIGTERM
    assert has_ended(int(seen.read_text(encoding="ascii")))
    assert len(git(here.place, "worktree", "list").splitlines()) == 1
    assert here.json("merge", "show", id)["merge"]["status"] in ("queued", "ready")


@pytest.mark.skipif(sys.platform != "linux", reason="only there processes can be found by a mark")
def test_the_next_landing_ends_what_a_killed_one_has_left(here: Door, tmp_path: Path) -> None:
    seen = tmp_path / "pid"
    here("verify", "policy", "add", "slow", "--shell", f"echo $$ > {seen}; exec sleep 600")
    queued(here, "one")
    with subprocess.Popen([*COMMAND, "merge", "land"]) as child:
        until(lambda: seen.exists() and seen.read_text(encoding="ascii").strip())
        child.kill()
    here("verify", "policy", "remove", "slow")
    assert "one is part of main" in here("merge", "land")
    assert has_ended(int(seen.read_text(encoding="ascii")))
    assert len(git(here.place, "worktree", "list").splitlines()) == 1
