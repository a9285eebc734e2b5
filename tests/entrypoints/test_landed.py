"""Released work stays visible until it has landed, and no longer; also when it was squashed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entrypoints.door import Door
from tests.gitrun import git


@pytest.mark.parametrize("how", ["merge", "squash"])
@pytest.mark.parametrize("look", [("lock", "list"), ("status",)])
def test_a_mark_is_shown_until_its_work_has_landed(
    door: Door, repo: str, how: str, look: tuple[str, ...]
) -> None:
    door.json("session", "start", "--name", "ada")
    main = git(repo, "symbolic-ref", "--short", "HEAD")
    git(repo, "switch", "-q", "-c", "work")
    door.json("lock", "acquire", "new.py")
    Path(repo, "new.py").write_text("x = 1\n", encoding="utf-8")
    git(repo, "add", "new.py")
    git(repo, "commit", "-q", "-m", "work")
    released = door.json("lock", "release", "new.py")
    assert [one["key"] for one in released["unlanded"]] == ["new.py"]
    assert [one["branch"] for one in door.json(*look)["unlanded"]] == ["work"]
    git(repo, "switch", "-q", main)
    if how == "squash":
        git(repo, "merge", "-q", "--squash", "work")
        git(repo, "commit", "-q", "-m", "squashed")
    else:
        git(repo, "merge", "-q", "--no-ff", "-m", "merged", "work")
    assert door.json(*look)["unlanded"] == []
