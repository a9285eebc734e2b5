"""The demonstration on a small real repository: what it promises to those who watch it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from gitcoord.entrypoints.demo.direct import Scene, Wish, play
from gitcoord.entrypoints.demo.hub import served
from gitcoord.entrypoints.demo.stage import Stage, build
from gitcoord.entrypoints.demo.verdict import Verdict
from tests.gitrun import git

#: A seed with which agents collide when nothing keeps them apart.
SEED = 2


class Played(NamedTuple):
    source: str
    before: dict[str, Any]
    stage: Stage
    verdict: Verdict
    scenes: list[Scene]


def project(folder: Path) -> str:
    """Make a small repository with something to edit, and with work in progress."""
    (folder / "src").mkdir(parents=True)
    for name in ("src/cart.py", "src/login.py", "src/mail.py", "docs.md", "README.md", "notes.txt"):
        (folder / name).write_text("".join(f"line {n} of {name}\n" for n in range(30)))
    (folder / "logo.png").write_bytes(bytes(range(256)) * 4)
    path = str(folder)
    git(path, "init", "-q")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "first")
    git(path, "checkout", "-q", "-b", "topic")
    (folder / "README.md").write_text("in the middle of something\n")
    (folder / "new.py").write_text("new\n")
    return path


def everything(place: str) -> dict[str, Any]:
    """Return every file of a repository, its git directory included."""
    return {
        os.path.relpath(os.path.join(folder, name), place): Path(folder, name).read_bytes()
        for folder, _, names in os.walk(place)
        for name in names
    }


def played(folder: Path, *, remote: bool = False, **wished: Any) -> Played:
    source = project(folder / "project")
    before = everything(source)
    (folder / "scratch").mkdir()
    stage = build(source, source, str(folder / "scratch"))
    scenes: list[Scene] = []
    wish = Wish(agents=3, tasks=9, seed=SEED, pace=0.4)._replace(**wished)
    with served(stage) if remote else nullcontext(stage) as stage:
        verdict = play(stage, wish, scenes.append)
    return Played(source, before, stage, verdict, scenes)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play it once, with locks and with a death."""
    return played(tmp_path_factory.mktemp("locks"))


def test_every_task_is_completed_and_its_commit_is_in_the_main_branch(shown: Played) -> None:
    assert (shown.verdict.completed, shown.verdict.landed) == (9, 9)
    merged = git(
        shown.stage.hub, "log", "--format=%B", f"{shown.stage.start}..{shown.stage.branch}"
    )
    assert len(set(re.findall(r"^Task: (t-demo-\d+)$", merged, re.MULTILINE))) == 9


def test_nobody_had_a_file_in_hand_that_somebody_else_was_granted(shown: Played) -> None:
    assert shown.verdict.locks is True
    assert (shown.verdict.overlaps, shown.verdict.conflicts) == (0, 0)


def test_the_invariants_hold_and_nobody_stays(shown: Played) -> None:
    assert shown.verdict.problems == ()


def test_the_killed_agent_s_task_is_done_by_another(shown: Played) -> None:
    assert (shown.verdict.killed, shown.verdict.recovered) == (1, 1)
    tasks = gitcoord("-C", shown.stage.hub, "task", "list", "--all", "--json")["tasks"]
    (recovered,) = (one for one in tasks if len(one["attempts"]) > 1)
    first, last = recovered["attempts"][0], recovered["attempts"][-1]
    assert (first["outcome"], last["outcome"]) == ("timed_out", "completed")
    assert first["agent"] != last["agent"]
    sessions = gitcoord("-C", shown.stage.hub, "session", "list", "--all", "--json")["sessions"]
    assert sorted(one["status"] for one in sessions) == ["ended", "ended", "timed_out"]


def test_those_who_live_leave_a_handoff(shown: Played) -> None:
    found = gitcoord("-C", shown.stage.hub, "handoff", "read", "--all", "--json")["handoffs"]
    assert len(found) == 2
    assert {task for one in found for task in one["completed"]} <= {
        f"t-demo-{n:02d}" for n in range(1, 10)
    }


def test_progress_is_shown_as_it_happens(shown: Played) -> None:
    news = [line for scene in shown.scenes for line in scene.news]
    diary = git(shown.stage.hub, "log", "--reverse", "--format=%s", "refs/coord/state")
    assert news == diary.splitlines()[-len(news) :]
    # Who acts at the same time shares a line.
    assert sum(" claims t-demo-" in line for line in news) > 1
    assert shown.scenes[-1].statuses == {"completed": 9}


def test_the_repository_it_was_made_from_is_untouched(shown: Played) -> None:
    assert everything(shown.source) == shown.before


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play it with agents in clones of a served hub, one of whom dies."""
    return played(tmp_path_factory.mktemp("remote"), remote=True, tasks=6)


def test_agents_in_clones_exclude_each_other_at_the_hub(far: Played) -> None:
    assert far.stage.origin.startswith("http://127.0.0.1:")
    assert (far.verdict.completed, far.verdict.landed, far.verdict.problems) == (6, 6, ())
    assert (far.verdict.overlaps, far.verdict.conflicts) == (0, 0)
    assert everything(far.source) == far.before
    history = git(far.stage.hub, "log", "--reverse", "--format=%s", "refs/coord/state").splitlines()
    assert len(history) == far.verdict.transactions
    news = [line for scene in far.scenes for line in scene.news]
    assert news == history[-len(news) :]
    # The hub is nobody's place to work: it was only asked.
    assert not Path(far.stage.hub, "gitcoord").exists()
    for name in ("ada", "grace", "alan"):
        clone = Path(far.stage.folder, name)
        assert (clone / ".git" / "gitcoord" / "remote" / "origin" / "ledger.git").is_dir()
        assert "refs/coord/" not in git(str(clone), "for-each-ref")


def test_a_clone_that_dies_is_found_out_by_the_others(far: Played) -> None:
    assert (far.verdict.killed, far.verdict.recovered) == (1, 1)
    sessions = gitcoord("-C", far.stage.hub, "session", "list", "--all", "--json")["sessions"]
    assert sorted(one["status"] for one in sessions) == ["ended", "ended", "timed_out"]
    assert len({one["machine"] for one in sessions}) == 3


def test_nothing_is_served_after_the_play_and_the_clones_still_find_their_hub(far: Played) -> None:
    with pytest.raises(ConnectionRefusedError):
        asked(far.stage.origin, "GET", "/hub.git/info/refs")
    assert git(str(Path(far.stage.folder, "ada")), "ls-remote", "origin", "refs/coord/state")


def test_where_git_has_no_server_program_the_hub_is_reached_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitcoord.entrypoints.demo.hub.PROGRAM", "git-no-such-program")
    stage, verdict = played(tmp_path, remote=True, agents=1, tasks=1)[2:4]
    assert (stage.origin, stage.unserved) == (stage.hub, "git has no http-backend here")
    assert (verdict.completed, verdict.landed, verdict.problems) == (1, 1, ())


def test_only_the_hub_is_served(tmp_path: Path) -> None:
    stage = build(project(tmp_path / "project"), str(tmp_path), str(tmp_path))
    with served(stage) as stage:
        question = "info/refs?service=git-upload-pack"
        assert asked(stage.origin, "GET", f"/hub.git/{question}") == 200
        assert asked(stage.origin, "GET", f"/project/.git/{question}") == 404
        assert asked(stage.origin, "GET", f"/hub.git/../project/.git/{question}") in (404, 500)
        assert asked(stage.origin, "POST", "/hub.git/git-upload-pack", chunked=True) == 411


def asked(origin: str, method: str, path: str, *, chunked: bool = False) -> int:
    """Return the status with which the hub answers to the head; no body is sent."""
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    connection = http.client.HTTPConnection(str(urlsplit(origin).netloc), timeout=10)
    try:
        connection.request(method, path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_without_locks_edits_collide(tmp_path: Path) -> None:
    verdict = played(tmp_path, locks=False, kill=False).verdict
    assert verdict.locks is False
    assert verdict.overlaps > 0
    # Whatever collides, the ledger itself stays in order.
    assert verdict.problems == ()


@pytest.mark.parametrize("way", [(), ("--remote",)], ids=["worktrees", "clones"])
def test_outside_of_a_repository_it_takes_its_own_sources(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    words = (*way, "--agents", "2", "--tasks", "3", "--no-kill", "--scratch", "play")
    # Where the user's own ledger is must not matter.
    done = program(tmp_path, "demo", *words, GITCOORD_REMOTE="https://example.invalid/private.git")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("It is served at http://127.0.0.1:" in done.stdout) == bool(way)
    assert "A scratch copy of gitcoord's own sources is at " in done.stdout
    assert (tmp_path / "play" / "sources" / "gitcoord" / "bootstrap.py").exists()
    assert re.search(r"^tasks completed +3 of 3$", done.stdout, re.MULTILINE)
    assert re.search(r"^double grants +0$", done.stdout, re.MULTILINE)
    assert re.search(r"^invariants +hold$", done.stdout, re.MULTILINE)
    assert re.search(r"^ +\d+\.\ds  (task|lock): \w+ ", done.stdout, re.MULTILINE)
    shell = re.findall(r"^  ((?:git|gitcoord) -C .*)$", done.stdout, re.MULTILINE)
    assert len(shell) == 5
    for line in shell:
        first, *rest = shlex.split(line)
        start = [sys.executable, "-m", "gitcoord"] if first == "gitcoord" else [first]
        looked = subprocess.run([*start, *rest], capture_output=True, text=True)
        assert looked.returncode == 0, f"{line}: {looked.stderr}"
        assert looked.stdout.strip()


def test_programs_get_one_document(tmp_path: Path) -> None:
    source = project(tmp_path / "project")
    done = program(
        tmp_path, "demo", source, "--agents", "1", "--tasks", "1", "--scratch", "play", "--json"
    )
    body = json.loads(done.stdout)
    assert body["ok"] is True
    assert body["verdict"]["completed"] == 1
    assert (body["source"], body["hub"]) == (source, str(tmp_path / "play" / "hub.git"))
    assert body["origin"] is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nowhere",), "not_a_repository"),
        (("empty",), "not_a_repository"),
        (("binary", "--scratch", "play"), "invalid_file"),
        (("binary", "--scratch", "binary"), "refused"),
        (("--agents", "0"), "usage"),
        (("--tasks", "many"), "usage"),
    ],
)
def test_what_cannot_be_played_is_refused(
    tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    git(str(tmp_path), "init", "-q", "empty")
    git(str(tmp_path), "init", "-q", "binary")
    (tmp_path / "binary" / "logo.png").write_bytes(bytes(range(256)) * 4)
    git(str(tmp_path / "binary"), "add", ".")
    git(str(tmp_path / "binary"), "commit", "-q", "-m", "first")
    done = program(tmp_path, "demo", *words, "--json", TMPDIR=str(tmp_path))
    assert json.loads(done.stdout)["error"]["code"] == code
    assert done.returncode == (3 if code == "refused" else 2)
    assert "Traceback" not in done.stderr
    # What was begun for a play that cannot be is cleared away.
    assert sorted(os.listdir(tmp_path)) == ["binary", "empty"]


def program(place: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gitcoord", *words],
        cwd=place,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def gitcoord(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "gitcoord", *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert isinstance(body, dict)
    return body
