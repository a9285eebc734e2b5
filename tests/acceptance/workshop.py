"""One repository with a ledger, two worktrees, two sessions, and the hooks of git in place."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from gitcoord.clients.backups import Backups
from gitcoord.clients.git.setup import CLIENT, plan, removal
from gitcoord.clients.plan import Facts, apply
from gitcoord.storage.repository import find, home
from tests.acceptance.shell import Shell
from tests.gitrun import git

#: The installed program, as the set-up finds it.
PROGRAM = os.path.join(os.path.dirname(sys.executable), "gitcoord")


class Done:
    """What became of a git command."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")


class Seat:
    """Somebody in one worktree: runs git and gitcoord there, as a session or as nobody."""

    def __init__(self, place: str, shell: Shell) -> None:
        self.place = place
        self.shell = shell
        self.session = shell.session

    def try_git(self, *words: str, environ: Mapping[str, str] | None = None) -> Done:
        done = subprocess.run(
            ["git", *words],
            cwd=self.place,
            env={**self.shell.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        return Done(done)

    def git(self, *words: str, **environ: str) -> str:
        """Run git, which succeeds, and return what it printed."""
        done = self.try_git(*words, environ=environ)
        assert done.code == 0, f"git {' '.join(words)}: {done.err}"
        return done.out.strip()

    def refused(self, *words: str, **environ: str) -> str:
        """Run git, which is refused and changes nothing, and return what it complained of."""
        before = self.facts()
        done = self.try_git(*words, environ=environ)
        assert done.code != 0, f"git {' '.join(words)} was not refused: {done.err}"
        assert self.facts() == before
        return done.err

    def facts(self) -> tuple[str, str, str]:
        """Return everything that a hook might have changed: refs, index and files."""
        return (
            git(self.place, "for-each-ref"),
            git(self.place, "ls-files", "--stage", "--debug"),
            # Without its locks it does not write the index, which is what is looked at.
            git(self.place, "--no-optional-locks", "status", "--porcelain=v2", "-uall"),
        )

    def write(self, path: str, text: str = "new\n") -> None:
        file = Path(self.place, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def stage(self, path: str, text: str = "new\n") -> None:
        self.write(path, text)
        self.git("add", "--", path)

    def commit(self, path: str, text: str = "new\n", **environ: str) -> str:
        """Commit a file and return the commit."""
        self.stage(path, text)
        self.git("commit", "-q", "-m", f"change {path}", **environ)
        return self.git("rev-parse", "HEAD")

    def acquire(self, *keys: str, options: tuple[str, ...] = ()) -> tuple[int, int]:
        """Take locks and return the token of the first."""
        lock = self.shell("lock", "acquire", *keys, *options)["locks"][0]
        return lock["epoch"], lock["token"]

    def release(self, *keys: str) -> None:
        self.shell("lock", "release", *(keys or ("--all",)))

    def trailers(self, commit: str = "HEAD") -> list[str]:
        """Return our trailers of a commit."""
        found = self.git("log", "-1", "--format=%(trailers:only,unfold)", commit).splitlines()
        return [line for line in found if line.startswith("Coord-")]

    def at(self, place: str) -> Seat:
        """Return a seat of the same somebody in another place."""
        return Seat(place, Shell(place, session=self.session))


def set_up(place: str, environ: Mapping[str, str], program: str = PROGRAM) -> list[str]:
    """Make the hooks of a repository and return the files that were changed."""
    facts = Facts(find(place, {}), program, environ)
    return apply(plan(facts), Backups(home(facts.repository), CLIENT))


class Workshop:
    """The repository, who sits where, and its set-up."""

    def __init__(self, repo: str, folder: Path) -> None:
        self.repo = repo
        self.folder = folder
        person = Shell(repo)
        person("init")
        self.bench = str(folder / "bench")
        git(repo, "worktree", "add", "-q", "-b", "work", self.bench)
        self.person = Seat(repo, person)
        self.ada = Seat(self.bench, person.at(self.bench).start("ada"))
        self.bob = Seat(repo, person.start("bob"))

    def facts(self, place: str | None = None, program: str = PROGRAM) -> Facts:
        return Facts(find(place or self.repo, {}), program, self.person.shell.environ)

    def set_up(self, place: str | None = None, program: str = PROGRAM) -> list[str]:
        """Make the hooks and return the files that were changed."""
        return set_up(place or self.repo, self.person.shell.environ, program)

    def take_down(self, place: str | None = None) -> list[str]:
        """Undo the set-up and return the files that were changed."""
        facts = self.facts(place)
        return apply(removal(facts), Backups(home(facts.repository), CLIENT))

    def hook(self, name: str, text: str, folder: str | None = None, mode: int = 0o755) -> Path:
        """Put somebody's hook into a folder, by default that of git."""
        file = Path(folder or Path(self.repo, ".git", "hooks"), name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and bytes of every file below a folder."""
    return {
        file.relative_to(folder).as_posix(): (file.lstat().st_mode, file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
