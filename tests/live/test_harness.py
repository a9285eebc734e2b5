"""The harness by itself, without gitcoord: a hook of three lines refuses, the stub hears why."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.gitrun import git
from tests.live import plain_server
from tests.live.clients import Client
from tests.live.kinds import EACH, installed
from tests.live.script import Edit, Read, Run, Use, Write, do, say

#: Refuses edits of one file; what every client understands is exit code 2 and a reason.
HOOK = """#!/bin/sh
case $(cat) in *'"command":"cat'*|*read_file*|*'"Read"'*) ;; *held.txt*)
echo 'held.txt is taken by somebody' >&2; exit 2 ;; esac
"""


@pytest.fixture(**EACH)
def client(request: pytest.FixtureRequest, tmp_path: Path, repo: str) -> Client:
    kind = installed(request.param)
    Path(repo, "held.txt").write_text("one\n", encoding="utf-8")
    git(repo, "add", "held.txt")
    git(repo, "commit", "-q", "-m", "held")
    made = kind(tmp_path, Path(repo))
    hook = tmp_path / "hook"
    hook.write_text(HOOK, encoding="utf-8")
    hook.chmod(0o755)
    made.hook({made.before: [str(hook)]})
    made.serve([sys.executable, plain_server.__file__])
    return made


def test_a_client_runs_a_script_and_tells_the_stub_what_came_of_it(client: Client) -> None:
    held = client.worktree / "held.txt"
    free = client.worktree / "free.txt"
    ran = client.run(
        do(Read(str(held))),
        do(Edit(str(held), "one", "two")),
        do(Write(str(free), "free\n"), Run("echo ran > ran.txt")),
        do(Use("check_locks", {"paths": ["a.py"]})),
        say("Done."),
    )
    assert ran.code == 0, ran.err
    results = ran.stub.results()
    assert len(results) == 5
    assert "one" in results[0]
    assert held.read_text(encoding="utf-8") == "one\n"
    assert "held.txt is taken by somebody" in results[1]
    assert free.read_text(encoding="utf-8") == "free\n"
    assert (client.worktree / "ran.txt").read_text(encoding="utf-8") == "ran\n"
    assert "asked" in results[4]
    assert "a.py" in results[4]
    assert len(ran.stub.requests) == 5
    assert ran.stub.unknown == []


def test_a_stub_notes_what_it_does_not_know(client: Client) -> None:
    with client.api() as stub:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{stub.url}/v9/unknown", timeout=10)
        refused.value.close()
    assert refused.value.code == 501
    assert stub.unknown == ["GET /v9/unknown"]
