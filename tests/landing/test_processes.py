"""Commands within limits: they hang, flood, fork and cling, and nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gitcoord.landing import processes
from gitcoord.landing.processes import MARK, TAIL, Ended, Limits, end_marked, run
from gitcoord.storage.gitproc import LOST
from tests.landing.place import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells and signals of POSIX")

LONG = Limits(60.0, grace=0.05)
SHORT = Limits(0.3, grace=0.05)


def ran(tmp_path: Path, line: str, limits: Limits = LONG, mark: str = "m-test") -> Ended:
    environ = {"PATH": os.environ["PATH"]}
    return run(("sh", "-c", line), folder=str(tmp_path), environ=environ, limits=limits, mark=mark)


def lives(pid: int) -> bool:
    """Say whether a process runs, and is no mere entry that waits to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def number(file: Path) -> int:
    until(lambda: file.exists() and file.read_text().strip())
    return int(file.read_text())


def test_a_command_is_run_in_its_folder_with_its_environment_alone(tmp_path: Path) -> None:
    os.environ["GITCOORD_TEST_SEEN"] = "yes"
    try:
        ended = ran(tmp_path, "pwd; echo $GITCOORD_TEST_SEEN; env | grep CHECK; cat; echo no >&2")
    finally:
        del os.environ["GITCOORD_TEST_SEEN"]
    assert ended.output.decode() == f"{tmp_path}\n\n{MARK}=m-test\nno\n"
    assert (ended.code, ended.limit) == (0, "")
    assert ended.seconds >= 0


def test_how_it_ended_is_told(tmp_path: Path) -> None:
    assert ran(tmp_path, "exit 7").code == 7
    assert ran(tmp_path, "kill -SEGV $$").code == -signal.SIGSEGV
    with pytest.raises(FileNotFoundError):
        run(("./none",), folder=str(tmp_path), environ={}, limits=LONG, mark="m")


def test_a_command_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    ended = ran(tmp_path, "sleep 600 & echo $! > child; echo begun; wait", SHORT)
    assert (ended.limit, ended.code, ended.output) == ("time", -signal.SIGTERM, b"begun\n")
    assert not lives(number(tmp_path / "child"))


def test_a_command_that_ignores_to_be_asked_is_killed(tmp_path: Path) -> None:
    stays = "while :; do sleep 1; done"
    line = f"trap '' TERM; (trap '' TERM; echo $$; {stays}) & {stays}"
    ended = ran(tmp_path, line, SHORT)
    assert (ended.limit, ended.code) == ("time", -signal.SIGKILL)
    assert end_marked("m-test") == 0


def test_a_command_that_tidies_up_when_asked_may_do_so(tmp_path: Path) -> None:
    line = "trap 'echo tidied; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    ended = ran(tmp_path, line, Limits(0.3, grace=20.0))
    assert (ended.limit, ended.code) == ("time", 3)
    assert (ended.output[:6], ended.output[-7:]) == (b"ready\n", b"tidied\n")


def test_a_command_that_floods_is_ended_and_the_end_of_it_kept(tmp_path: Path) -> None:
    ended = ran(tmp_path, "yes flood", Limits(60.0, output=1_000_000, grace=0.05))
    assert ended.limit == "output"
    assert len(ended.output) == TAIL
    assert set(ended.output.split(b"\n")[1:-1]) == {b"flood"}


def test_what_was_written_over_the_limit_before_its_end_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if nobody had looked before it ended.
    monkeypatch.setattr(processes, "_has_ended", lambda child: child.wait() is not None)
    line = "head -c 5000 /dev/zero"
    assert ran(tmp_path, line, Limits(60.0, output=4_999)).limit == "output"
    assert ran(tmp_path, line, Limits(60.0, output=5_000)).limit == ""


def test_children_that_are_left_behind_are_killed_and_waited_for_by_nobody(tmp_path: Path) -> None:
    ended = ran(tmp_path, "sleep 600 & echo $! > child; echo done")
    assert (ended.code, ended.limit, ended.output) == (0, "", b"done\n")
    assert not lives(number(tmp_path / "child"))


@pytest.mark.skipif(sys.platform != "linux", reason="only there processes can be found by a mark")
def test_children_that_left_the_group_are_found_by_their_mark(tmp_path: Path) -> None:
    leaves = "setsid sh -c 'echo $$ > child; trap \"\" TERM HUP; sleep 600 & wait'"
    line = f"{leaves} & while ! [ -s child ]; do sleep 0.01; done"
    assert ran(tmp_path, line).code == 0
    assert not lives(number(tmp_path / "child"))
    assert end_marked("m-test") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only there processes can be found by a mark")
@pytest.mark.parametrize("old", [False, True], ids=["now", "before Linux 5.3"])
def test_only_what_carries_the_mark_is_ended(old: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if old:
        monkeypatch.delattr(os, "pidfd_open")

    def started(mark: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], MARK: mark})

    with started("m-one") as one, started("m-one-more") as other:
        try:
            # A process has the environment of its parent until it has become another program.
            until(lambda: all(
                f"{MARK}=".encode() in Path(f"/proc/{x.pid}/environ").read_bytes()
                for x in (one, other)
            ))  # fmt: skip
            assert end_marked("m-one") == 1
            assert one.wait() == -signal.SIGKILL
            assert other.poll() is None
        finally:
            other.kill()


def test_many_who_fork_are_all_ended(tmp_path: Path) -> None:
    line = "for i in 1 2 3 4 5 6 7 8; do (sleep 600 & sleep 600) & done; wait"
    assert ran(tmp_path, line, SHORT).limit == "time"
    assert end_marked("m-test") == 0


def test_it_is_ended_when_the_run_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Any) -> None:
        number(tmp_path / "child")
        raise KeyboardInterrupt

    broken = SimpleNamespace(sleep=interrupted, monotonic=time.monotonic)
    monkeypatch.setattr(processes, "time", broken)
    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, "echo $$ > child; exec sleep 600")
    monkeypatch.undo()
    child = int((tmp_path / "child").read_text())
    until(lambda: not lives(child))


IGNORED = """
import os, signal, sys
from gitcoord.landing.processes import Limits, run
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(run(("true",), folder=".", environ=os.environ, limits=Limits(60), mark="m").code)
"""


def test_an_end_that_nobody_can_know_is_no_success() -> None:
    done = subprocess.run([sys.executable, "-c", IGNORED], capture_output=True, check=True)
    assert int(done.stdout) == LOST
