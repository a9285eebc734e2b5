"""git as a child process: started fast, spoken to through pipes, ended without a trace.

Promises that the child works on the shared git directory, in plain English, and asks
nobody anything; a `git gc` is never started from here. The user's reference-transaction
hook does run on swaps, as it does for every ref that git moves. Not a shell.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO

from gitcoord.errors import GitFailed, GitMissing
from gitcoord.storage.repository import Repository

# What a surrounding git command or hook sets for itself and must not reach ours.
_DROPPED = frozenset(
    (
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_WORK_TREE",
    )
)


#: Exit code of a child whose end another part of the process has collected.
LOST = -255


def child_environment(repository: Repository, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` made fit for git children that work on this repository."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _DROPPED and not name.startswith("GIT_TRACE")
    }
    return kept | {
        "GIT_DIR": repository.common_dir,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LANGUAGE": "",
        "LC_ALL": "C",
    }


class Git:
    """Starts git children for one repository; asks git once whether it may be trusted.

    `environ` is what the children inherit; None for that in which it was found.
    """

    def __init__(self, repository: Repository, environ: Mapping[str, str] | None = None) -> None:
        self._repository = repository
        #: The environment that its children start from.
        self.inherited = repository.environ if environ is None else environ
        self._environ = child_environment(repository, self.inherited)
        self._trusted = repository.trusted

    def start(self, *arguments: str) -> GitProcess:
        """Return a running git. Raises GitMissing; GitFailed when git distrusts the place."""
        self.trust()
        return GitProcess(arguments, self._environ)

    def run(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> tuple[int, bytes]:
        """Return (exit code, stdout) of a git that reads nothing; GitFailed for other codes."""
        code, output, complaint = self.start(*arguments).finish()
        if code not in accept:
            raise GitFailed(f"git {arguments[0]}: {complaint or f'ended with {code}'}")
        return code, output

    def trust(self) -> None:
        """Let git apply safe.directory, which it skips once GIT_DIR names the place.

        Raises GitFailed with git's words. Asks only where ownership leaves a doubt, and once.
        """
        if self._trusted:
            return
        environ = {
            name: value
            for name, value in self.inherited.items()
            if name not in _DROPPED and name != "GIT_DIR"
        }
        place = self._repository.worktree or self._repository.git_dir
        code, _, complaint = GitProcess(
            ("-C", place, "rev-parse", "--git-dir"), environ | {"LC_ALL": "C", "LANGUAGE": ""}
        ).finish()
        if code != 0:
            raise GitFailed(complaint or f"git will not open {place}", path=place)
        self._trusted = True


class GitProcess:
    """One running git with its three pipes, for one user at a time."""

    def __init__(self, arguments: tuple[str, ...], environ: Mapping[str, str]) -> None:
        self._owner = os.getpid()
        self._code: int | None = None
        self.stdin, self.stdout, self._stderr, self._wait = _spawn(("git", *arguments), environ)

    def send(self, data: bytes) -> bool:
        """Write to its stdin at once; False when it is not there any more."""
        try:
            self.stdin.write(data)
            self.stdin.flush()
        except (BrokenPipeError, OSError, ValueError):
            return False
        return True

    @property
    def usable(self) -> bool:
        """Return whether this very process started it: pipes shared by a fork get garbled."""
        return self._owner == os.getpid() and self._code is None

    def finish(self) -> tuple[int, bytes, str]:
        """Close its stdin, wait for its end; return (exit code, rest of stdout, its complaint).

        A code below zero is the signal that ended it. The complaint is stderr without
        git's "fatal: " or "error: ".
        """
        _close(self.stdin)
        output = self.stdout.read()
        complaint = self._stderr.read().decode("utf-8", "replace").strip()
        _close(self.stdout)
        _close(self._stderr)
        self._code = self._wait()
        for prefix in ("fatal: ", "error: "):
            complaint = complaint.removeprefix(prefix)
        return self._code, output, complaint

    def close(self) -> None:
        """End it, by taking its stdin away; what it was about to say is lost."""
        if self._code is not None:
            return
        for pipe in (self.stdin, self.stdout, self._stderr):
            _close(pipe)
        if self._owner == os.getpid():
            self._code = self._wait()
        else:
            self._code = 0


def _close(pipe: IO[bytes]) -> None:
    # Closing flushes; a dead child cannot take the rest, and nobody waits for it.
    with suppress(BrokenPipeError):
        pipe.close()


if sys.platform == "win32":

    def _spawn(
        command: tuple[str, ...], environ: Mapping[str, str]
    ) -> tuple[IO[bytes], IO[bytes], IO[bytes], Callable[[], int]]:
        import subprocess

        try:
            child = subprocess.Popen(
                command,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP,
            )
        except FileNotFoundError as error:
            raise GitMissing from error
        except OSError as error:
            raise GitMissing(f"git cannot be started: {error.strerror}") from error
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        wait: Callable[[], int] = child.wait
        return child.stdin, child.stdout, child.stderr, wait

else:
    # posix_spawn starts git in a quarter of the time that importing subprocess takes.
    # A process group of its own: Ctrl-C must not end git between two refs of one swap.
    _SIGPIPE = 13

    def _spawn(
        command: tuple[str, ...], environ: Mapping[str, str]
    ) -> tuple[IO[bytes], IO[bytes], IO[bytes], Callable[[], int]]:
        pipes = [os.pipe() for _ in range(3)]
        theirs = (pipes[0][0], pipes[1][1], pipes[2][1])
        ours = (pipes[0][1], pipes[1][0], pipes[2][0])
        try:
            pid = os.posix_spawnp(
                command[0],
                command,
                environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, fd, to) for to, fd in enumerate(theirs)],
                setpgroup=0,
                setsigdef=(_SIGPIPE,),
            )
        except OSError as error:
            for fd in ours:
                os.close(fd)
            if isinstance(error, FileNotFoundError):
                raise GitMissing from error
            raise GitMissing(f"git cannot be started: {error.strerror}") from error
        finally:
            for fd in theirs:
                os.close(fd)

        def wait() -> int:
            try:
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            except ChildProcessError:
                return LOST

        return os.fdopen(ours[0], "wb"), os.fdopen(ours[1], "rb"), os.fdopen(ours[2], "rb"), wait
