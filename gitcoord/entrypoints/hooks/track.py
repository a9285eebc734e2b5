"""What the hooks of one conversation remember from call to call, in this clone.

Private files that may be lost at any time: then something is told twice, a lock ends by its
lease instead of with the turn, and tokens are counted anew. Several hooks of a conversation
run at once; what must not be lost between them is appended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, NamedTuple

import msgspec

from gitcoord.clients.tally import Tally
from gitcoord.entrypoints.hooks.fast import memo_path
from gitcoord.errors import Unavailable
from gitcoord.storage.digest import sha256
from gitcoord.storage.durable import put

#: Seconds after which the files of a conversation that nobody goes on with are removed.
FORGOTTEN = 14 * 86400


#: Keys that a hook has locked, not a person or a task; worktrees in which files were edited;
#: messages and changes that the agent was told; files that were not there before a tool.
Mark = Literal["taken", "roots", "told", "new"]


class Seen(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the calls of tools were like; times are this machine's, in seconds since 1970."""

    calls: int = 0
    #: The last error as a digest and as words, and how often it came in a row.
    error: str = ""
    error_text: str = ""
    errors_in_row: int = 0
    #: Since the last progress: how often each call was made, and how many there were.
    repeats: dict[str, int] = {}
    quiet_calls: int = 0
    progress_at: float = 0.0
    #: The tool of the call that was made most often.
    tool: str = ""
    #: Requests to the model so far, at some times of the last minute.
    requests: list[tuple[float, int]] = []
    #: When tokens were last counted, when signals were last reported, and why it was stuck then.
    counted_at: float = 0.0
    reported_at: float = 0.0
    causes: list[str] = []


class Known(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was done and told so far; times are those of the ledger, `beat_at` is this machine's."""

    told_at: str = ""
    beat_at: float = 0.0
    errors: int = 0
    #: What this conversation works on, for others to read.
    about: str = ""
    tallies: dict[str, Tally] = {}
    seen: Seen = msgspec.field(default_factory=Seen)


class Touched(NamedTuple):
    """A file that was changed, and when, in seconds since 1970."""

    path: str
    at: float


class Track:
    """The files of one conversation; `home` is the folder of this clone's private files."""

    def __init__(self, home: str, client: str, session: str, agent: str = "") -> None:
        common = os.path.dirname(home)
        #: Where the memo is; None where the client's ids make no file name.
        self.memo = memo_path(common, client, session, agent)
        digest = sha256(f"{session}\0{agent}".encode()).hexdigest()[:24]
        named = self.memo or os.path.join(home, "hooks", f"{client}-{digest}.memo")
        self._stem = named.removesuffix(".memo")
        self._known: Known | None = None

    @property
    def known(self) -> Known:
        """What is remembered; nothing where the file is missing or damaged."""
        if self._known is None:
            try:
                with open(self._stem + ".json", "rb") as file:
                    self._known = msgspec.json.decode(file.read(), type=Known)
            except (OSError, ValueError):
                self._known = Known()
        return self._known

    def keep(self) -> None:
        """Store what is remembered. Raises nothing: it may be lost."""
        with suppress(Unavailable):
            put(self._stem + ".json", msgspec.json.encode(self.known))

    def first(self, what: str) -> bool:
        """Say whether this is told for the first time in this conversation."""
        path = f"{self._stem}.said-{sha256(what.encode()).hexdigest()[:12]}"
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        except OSError:
            # Nothing can be remembered here; better twice than never.
            return True
        return True

    def mark(self, kind: Mark, items: Iterable[str]) -> None:
        """Remember items that belong together, beside those that are remembered."""
        lines = "".join(f"{item}\n" for item in items)
        if not lines:
            return
        with suppress(OSError):
            os.makedirs(os.path.dirname(self._stem), mode=0o700, exist_ok=True)
            with open(f"{self._stem}.{kind}", "ab") as file:
                file.write(lines.encode())

    def marked(self, kind: Mark) -> set[str]:
        """Return the items of that kind."""
        try:
            with open(f"{self._stem}.{kind}", "rb") as file:
                return set(file.read().decode("utf-8", "replace").splitlines())
        except OSError:
            return set()

    def unmark(self, kind: Mark, items: set[str]) -> set[str]:
        """Forget these items and return those that were marked."""
        lines = self._taken(f"{self._stem}.{kind}")
        marked = {line.decode("utf-8", "replace") for line in lines}
        self.mark(kind, sorted(marked - items))
        return marked & items

    def touched(self) -> list[Touched]:
        """Return what the fast way has noted and forget it."""
        found = []
        for line in self._taken(self._stem + ".changes"):
            name, _, at = line.rpartition(b"\t")
            with suppress(ValueError):
                found.append(Touched(os.fsdecode(name), float(at)))
        return found

    @staticmethod
    def _taken(path: str) -> list[bytes]:
        """Return the lines of a file to which others append, and remove it."""
        mine = f"{path}.{os.getpid()}"
        try:
            os.replace(path, mine)
            with open(mine, "rb") as file:
                lines = file.read().splitlines()
            os.remove(mine)
        except OSError:
            return []
        return lines

    def drop_memo(self) -> None:
        """Make the next call go the full way."""
        if self.memo is not None:
            with suppress(OSError):
                os.remove(self.memo)

    def forget(self) -> None:
        """Remove the files of this conversation, and those of long ago."""
        folder, stem = os.path.split(self._stem)
        now = time.time()
        try:
            names = [(entry.name, entry.stat().st_mtime) for entry in os.scandir(folder)]
        except OSError:
            return
        for name, changed in names:
            mine = name == stem or name.startswith(stem + ".")
            if mine or now - changed > FORGOTTEN:
                with suppress(OSError):
                    os.remove(os.path.join(folder, name))
