"""The usual answer of a hook, in little more than the time in which Python starts.

An edit of a file that this conversation has locked needs no ledger: a memo (`memo.py`) says
which files these are and until when, and for which head of the ledger that holds. Anything
the ledger decides moves its head and makes the memo void; what is not in it goes the full
way. So nothing is imported here but what Python has loaded already, and nothing is guessed.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import allocate_lock, start_new_thread

#: Seconds after which a hook ends by itself.
LIMIT = 2.0
#: Bytes of the client's JSON that are read; more is no event that anybody sends.
MOST = 64 * 1024 * 1024

MAGIC = b"gitcoord hook memo 1"
#: Steps that a memo can answer, by the clients' names for them.
_BEFORE = {"claude PreToolUse", "gemini BeforeTool", "codex PreToolUse"}
_AFTER = {"claude PostToolUse", "gemini AfterTool", "codex PostToolUse"}
#: Tools whose one file is named in a field of their input.
_FIELDS = {
    "Edit": "file_path",
    "Write": "file_path",
    "MultiEdit": "file_path",
    "NotebookEdit": "notebook_path",
    "write_file": "file_path",
    "replace": "file_path",
}


class Limit:
    """The end of a hook's time: what is said then is set beforehand, and said once."""

    def __init__(self, seconds: float = LIMIT) -> None:
        self._ends = time.monotonic() + seconds
        #: What is printed when the time is over; only that the hook has given up, at first.
        self.said = (
            '{"systemMessage": "gitcoord: this hook took over 2 s and has let the tool go on; '
            '`gitcoord doctor` says what is slow"}\n'
        )
        self._speaking = allocate_lock()
        self._spoken = allocate_lock()
        self._spoken.acquire()

    def start(self) -> None:
        """Begin to count."""
        start_new_thread(self._wait, ())

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._ends - time.monotonic()

    def speak(self) -> bool:
        """Take the right to print; False when the time was over before."""
        return self._speaking.acquire(False)

    def spoken(self) -> None:
        """Say that all is printed."""
        self._spoken.release()

    def _wait(self) -> None:
        time.sleep(max(0.0, self.left()))
        if self._speaking.acquire(False):
            os.write(1, self.said.encode())
        else:
            self._spoken.acquire(timeout=1.0)
        os._exit(0)


def read() -> bytes:
    """Return what the client wrote on standard input, at most `MOST` bytes."""
    parts, size = [], 0
    try:
        while size < MOST and (part := os.read(0, 1 << 20)):
            parts.append(part)
            size += len(part)
    except OSError:
        # It is closed, or is a folder: what was read by then is what there is.
        pass
    return b"".join(parts)


def answered(client: str, name: str, data: bytes) -> bool:
    """Say whether that was all: the tool may go on, and what it did is noted."""
    event = f"{client} {name}"
    if event not in _BEFORE and event not in _AFTER:
        return False
    if "GITCOORD_REMOTE" in os.environ or "GIT_DIR" in os.environ:
        return False
    body = _parsed(data)
    if body is None:
        return False
    path = _path(body)
    found = _memo(client, body, path) if path else None
    if found is None:
        return False
    memo, at = found
    if event in _BEFORE:
        return True
    return _noted(memo, at)


def memo_path(common: str, client: str, session: str, agent: str = "") -> str | None:
    """Return the file of a conversation's memo; None where its id makes no file name."""
    name = f"{session}.{agent}" if agent else session
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    if not (0 < len(name) <= 128 and plain.isascii() and plain.isalnum()):
        return None
    return os.path.join(common, "gitcoord", "hooks", f"{client}-{name}.memo")


def _parsed(data: bytes) -> dict[str, object] | None:
    """Return the JSON object; None for what it takes more to read."""
    try:
        # The scanner behind json.loads, which alone would take longer to import than all this.
        from _json import make_scanner

        body, _ = make_scanner(_Plain)(data.decode().lstrip(), 0)  # type: ignore[arg-type]
    except (ImportError, AttributeError, TypeError, ValueError, StopIteration, RecursionError):
        return None
    except SystemError:
        # How the scanner complains where the exception that it wants, of `json`, is not loaded.
        return None
    return body if isinstance(body, dict) else None


class _Plain:
    """How the scanner is to read: as JSON says."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}


def _path(body: dict[str, object]) -> str:
    """Return the absolute path of the one file that the tool changes, or ""."""
    tool, given = body.get("tool_name"), body.get("tool_input")
    if not (isinstance(tool, str) and isinstance(given, dict)):
        return ""
    path: object = given.get(_FIELDS.get(tool, ""))
    if tool == "apply_patch":
        path = _patched(given.get("command"))
    cwd = body.get("cwd")
    if not (isinstance(path, str) and path and isinstance(cwd, str)):
        return ""
    full = os.path.normpath(os.path.join(cwd, path))
    try:
        # Where a link leads is the full way's to judge.
        return full if os.path.isabs(full) and os.path.realpath(full) == full else ""
    except ValueError:
        # A NUL, or half of a character: no path.
        return ""


def _patched(patch: object) -> str:
    """Return the file of a patch that changes exactly one and does nothing else, or ""."""
    if not isinstance(patch, str):
        return ""
    heads = [line for line in patch.split("\n") if line.startswith("*** ")]
    found = [line[17:].strip() for line in heads if line.startswith("*** Update File: ")]
    rest = [x for x in heads if x[4:].strip() not in ("Begin Patch", "End Patch", "End of File")]
    return found[0] if len(found) == len(rest) == 1 else ""


def _memo(client: str, body: dict[str, object], path: str) -> tuple[str, str] | None:
    """Return the memo's file and the path in the repository, if it lets this path go on."""
    session, agent = body.get("session_id"), body.get("agent_id", "")
    if not (isinstance(session, str) and isinstance(agent, str)):
        return None
    common = _common(path)
    file = common and memo_path(common, client, session, agent)
    if not file:
        return None
    try:
        with open(file, "rb") as memo:
            text = memo.read()
        magic, ref, head, until, root, settings, acting, rest = text.split(b"\n", 7)
        with open(ref, "rb") as now:
            if now.read(200).strip() != head or magic != MAGIC:
                return None
        top = os.fsdecode(root)
        inside = path[len(top) + 1 :].replace(os.sep, "/")
        if not path.startswith(top + os.sep) or settings != settings_stamp(top):
            return None
        if acting != os.environ.get("GITCOORD_SESSION", "").encode():
            return None
        at = rest.find(b"\n" + os.fsencode(inside) + b"\t")
        if at < 0:
            return None
        ends = rest[at + 1 : rest.index(b"\n", at + 1)].rpartition(b"\t")[2]
        if time.time() >= min(float(until), float(ends)):
            return None
    except (OSError, ValueError):
        return None
    return file, inside


def settings_stamp(root: str) -> bytes:
    """Return a text that changes when the settings in a worktree do."""
    try:
        return b"%d" % os.stat(os.path.join(root, ".gitcoord.yaml")).st_mtime_ns
    except OSError:
        return b"none"


def _common(path: str) -> str:
    """Return the common git directory of the worktree around a file, or ""."""
    folder = os.path.dirname(path)
    while True:
        here = os.path.join(folder, ".git")
        if os.path.isdir(here):
            return here
        if os.path.isfile(here):
            return _linked(here, folder)
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above


def _linked(file: str, folder: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as found:
            git_dir = found.read(4096).removeprefix("gitdir: ").rstrip("\r\n")
        git_dir = os.path.normpath(os.path.join(folder, git_dir))
        with open(os.path.join(git_dir, "commondir"), encoding="utf-8") as found:
            return os.path.normpath(os.path.join(git_dir, found.read(4096).rstrip("\r\n")))
    except (OSError, ValueError):
        return ""


def _noted(memo: str, path: str) -> bool:
    """Note that the file was changed, for the full way to record; False when it cannot be."""
    try:
        with open(memo.removesuffix(".memo") + ".changes", "ab") as file:
            file.write(b"%s\t%.3f\n" % (os.fsencode(path), time.time()))
    except OSError:
        return False
    return True


def say(text: str) -> None:
    """Print an answer."""
    sys.stdout.write(text)
    sys.stdout.flush()
