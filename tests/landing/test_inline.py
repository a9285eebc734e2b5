"""A policy's command on a commit: what it sees, what its end means, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.domain.verify_policies import VerifyPolicy
from gitcoord.domain.verifying import OUTPUT, ResultDraft
from gitcoord.errors import GitFailed
from gitcoord.landing import inline
from gitcoord.landing.processes import end_marked
from tests.gitrun import git
from tests.landing.place import Place, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells and signals of POSIX")


@pytest.fixture
def place(repo: str) -> Place:
    return Place(repo)


def shell(line: str, **said: Any) -> VerifyPolicy:
    return VerifyPolicy(name="p", include=("**",), shell=line, **said)


def checked(place: Place, line: str, environ: Any = None, **said: Any) -> ResultDraft:
    output = said.pop("output", 16 * 1024 * 1024)
    surroundings = os.environ if environ is None else environ
    return inline.check(
        place.checkout, place.base, shell(line, **said), surroundings, output=output
    )


def test_requirement_8_tier_0_runs_inline_on_the_commit(place: Place) -> None:
    found = checked(place, "cat README; git rev-parse HEAD")
    assert (found.status, found.exit_code, found.reason) == ("passed", 0, "")
    assert found.output == f"hello\n{place.base}\n"
    policy = VerifyPolicy(name="p", include=("**",), command=("cat", "a b", "README"))
    found = inline.check(place.checkout, place.base, policy, os.environ)
    assert (found.status, found.reason, found.exit_code) == ("failed", "ended with 1", 1)
    assert found.output.endswith("hello\n")
    assert place.left() == []


def test_a_command_sees_what_is_allowed_and_no_token(place: Place) -> None:
    environ = {
        "PATH": os.environ["PATH"], "HOME": "/home/eve", "LANG": "C", "GITHUB_TOKEN": "t",
        "GITCOORD_SESSION": "s-1", "GITCOORD_GITHUB_TOKEN": "t", "GIT_DIR": "/elsewhere",
        "AWS_SECRET_ACCESS_KEY": "k", "CI": "1", "MINE": "m", "TMPDIR": "/tmp",
    }  # fmt: skip
    found = checked(place, "env | cut -d= -f1 | sort; echo $TMPDIR; echo $MINE", environ,
                    env=("MINE", "NOT_THERE"))  # fmt: skip
    *names, temporary, mine = found.output.splitlines()
    assert set(names) - {"_", "PWD", "OLDPWD", "SHLVL"} == {
        "PATH", "HOME", "LANG", "MINE", "TMPDIR", "TMP", "TEMP", "GIT_TERMINAL_PROMPT",
        "GITCOORD_CHECK",
    }  # fmt: skip
    assert (os.path.basename(temporary), mine) == ("tmp", "m")
    assert not os.path.exists(temporary)


@pytest.mark.parametrize(
    ("line", "said", "status", "reason"),
    [
        ("exit 3", {}, "failed", "ended with 3"),
        ("kill -KILL $$", {}, "failed", "ended by SIGKILL"),
        ("sleep 600", {"timeout": 0.2}, "timeout", "had not ended after 0.2 s"),
        ("yes", {"output": 100_000}, "failed", "wrote more than 100,000 bytes"),
        ("rm -rf ../../*/* .git * 2>/dev/null; rm -rf $PWD; true", {}, "passed", ""),
        ("rm -rf \"$(dirname $PWD)\"; exit 1", {}, "failed", "ended with 1"),
        ("git -C . checkout -q --orphan x; echo y > README; mkdir -p a/b; chmod 0 a", {},
         "passed", ""),
    ],
)  # fmt: skip
def test_whatever_a_command_does_it_is_told_and_nothing_is_left(
    place: Place, line: str, said: Any, status: str, reason: str, tmp_path: Path
) -> None:
    # Below a temporary folder of its own: one of these removes whatever lies beside it.
    (tmp_path / "temp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
        found = checked(place, line, **said)
        assert os.listdir(tmp_path / "temp") == []
    assert (found.status, found.reason) == (status, reason)
    assert place.left() == []
    assert git(place.path, "rev-parse", "HEAD") == place.base
    assert git(place.path, "status", "--porcelain") == ""


def test_a_program_that_is_not_there_has_failed(place: Place) -> None:
    policy = VerifyPolicy(name="p", include=("**",), command=("./no-such-program",))
    found = inline.check(place.checkout, place.base, policy, os.environ)
    assert (found.status, found.exit_code) == ("failed", None)
    assert found.reason == "cannot be started: No such file or directory"


def test_an_end_that_is_not_known_says_nothing_of_the_change(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitcoord.landing.processes._collected", lambda child: child.wait() - 255)
    found = checked(place, "true")
    assert (found.status, found.reason) == ("error", "something else has collected how it ended")
    monkeypatch.setattr("gitcoord.landing.processes._collected", lambda child: child.wait() - 99)
    assert checked(place, "true").reason == "ended by signal 99"


def test_of_what_it_wrote_the_end_is_kept_and_secrets_are_hidden(place: Place) -> None:
    found = checked(place, "yes x | head -c 9000; echo token=ghp_" + "a" * 36 + "; printf 'ü'")
    assert len(found.output.encode()) <= OUTPUT
    assert found.output.endswith("token=[secret]\nü")
    wide = checked(place, "yes ü | head -c 9000").output
    assert 0 < len(wide.encode()) <= OUTPUT
    raw = checked(place, "printf 'a\\377b\\000'").output
    assert raw == "a\ufffdb\0"


def test_without_a_worktree_there_is_no_check(place: Place) -> None:
    with pytest.raises(GitFailed):
        inline.check(place.checkout, "0" * 40, shell("true"), os.environ)
    assert place.left() == []


KILLED = """
import os, sys
from gitcoord.domain.verify_policies import VerifyPolicy
from gitcoord.landing import inline
from gitcoord.storage.repository import find
from gitcoord.storage.worktree import Checkout
checkout = Checkout(find(sys.argv[1], {}), os.environ)
line = f"echo $GITCOORD_CHECK > {sys.argv[2]}; sleep 600"
policy = VerifyPolicy(name="p", include=("**",), shell=line)
inline.check(checkout, checkout.resolve("HEAD"), policy, os.environ)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there processes can be found by a mark")
def test_what_a_killed_run_left_is_ended_and_swept(place: Place, tmp_path: Path) -> None:
    seen = tmp_path / "mark"
    with subprocess.Popen([sys.executable, "-c", KILLED, place.path, str(seen)]) as run:
        until(lambda: seen.exists() and seen.read_text().strip())
        # What runs is nobody's to sweep.
        assert inline.sweep(place.checkout) == []
        run.kill()
    assert place.left() != []
    (swept,) = inline.sweep(place.checkout)
    mark = seen.read_text().strip()
    assert os.path.basename(swept) == mark
    assert end_marked(mark) == 0
    assert place.left() == []
