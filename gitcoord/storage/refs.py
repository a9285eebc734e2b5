"""Reading refs: from the files themselves where they are files, else through git.

Promises the value that git would name at that moment; nothing is remembered between
two calls. Moving refs is `swap`'s business.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from gitcoord.errors import CorruptRecord, GitFailed, Unavailable
from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import Repository
from gitcoord.storage.store import ABSENT, OID_LENGTH, Expected, Oid

# Refs of one worktree only: https://git-scm.com/docs/git-worktree#_refs
_PRIVATE = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_DEEPEST = 5
_HEX = frozenset(b"0123456789abcdef")


class Refs:
    """The refs of one repository, read afresh each time."""

    def __init__(self, repository: Repository, git: Git) -> None:
        self._repository = repository
        self._git = git
        self._length = OID_LENGTH[repository.object_format]
        self._packed_path = os.path.join(repository.common_dir, "packed-refs")

    def read(self, ref: str) -> Expected:
        """Return the oid of `ref`, through symbolic refs, or ABSENT.

        Raises CorruptRecord for a ref file that holds no oid (a crash can leave an empty one).
        """
        if self._repository.ref_format == "reftable":
            return self._ask(ref)
        name = ref
        for _ in range(_DEEPEST):
            found = self._loose(name)
            if found is None:
                return self._packed(name)
            if not found.startswith("ref:"):
                return found
            name = found[4:].strip()
        raise CorruptRecord(f"{ref} is a symbolic ref that leads nowhere", ref=ref)

    def list(self, prefix: str) -> dict[str, Oid]:
        """Return {name: oid} of the refs whose name starts with `prefix`, sorted by name."""
        folder = prefix[: prefix.rfind("/") + 1] or "refs/"
        if self._repository.ref_format == "reftable":
            found = self._ask_all(folder)
        else:
            # Loose before packed: git packs a ref before it removes the file.
            loose = {name: self.read(name) for name in self._loose_names(folder.rstrip("/"))}
            found = dict(self._packed_below(folder))
            found |= {name: oid for name, oid in loose.items() if isinstance(oid, str)}
        return {name: found[name] for name in sorted(found) if name.startswith(prefix)}

    def path(self, ref: str) -> str:
        """Return where the file of a loose ref stands, or would stand."""
        private = not ref.startswith("refs/") or ref.startswith(_PRIVATE)
        place = self._repository.git_dir if private else self._repository.common_dir
        return os.path.join(place, *ref.split("/"))

    def _loose(self, ref: str) -> str | None:
        """Return the oid or the "ref:" line in the ref's file, None without such a file."""
        path = self.path(ref)
        try:
            with open(path, "rb", buffering=0) as file:
                raw = file.read(4096)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            if os.path.isdir(path):  # how Windows says it
                return None
            raise Unavailable(f"{path} cannot be read: {error.strerror}", path=path) from error
        text = raw.rstrip()
        if text.startswith(b"ref:"):
            return text.decode("utf-8", "surrogateescape")
        return self._oid(text, ref)

    def _loose_names(self, name: str) -> Iterator[str]:
        try:
            entries = sorted(os.scandir(self.path(name)), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            inner = f"{name}/{entry.name}"
            if entry.is_dir():
                yield from self._loose_names(inner)
            elif not entry.name.endswith(".lock") and not entry.name.startswith("."):
                yield inner

    def _packed(self, ref: str) -> Expected:
        # " name\n" occurs once: names hold no space, and the header's last word ends in one.
        text = self._packed_text()
        at = text.find(b" " + ref.encode("utf-8", "surrogateescape") + b"\n")
        if at < 0:
            return ABSENT
        return self._oid(text[text.rfind(b"\n", 0, at) + 1 : at], ref)

    def _packed_below(self, folder: str) -> Iterator[tuple[str, Oid]]:
        text = self._packed_text()
        needle = b" " + folder.encode("utf-8", "surrogateescape")
        at = text.find(needle)
        while at >= 0:
            end = text.index(b"\n", at)
            name = text[at + 1 : end].decode("utf-8", "surrogateescape")
            yield name, self._oid(text[text.rfind(b"\n", 0, at) + 1 : at], name)
            at = text.find(needle, end)

    def _packed_text(self) -> bytes:
        try:
            with open(self._packed_path, "rb", buffering=0) as file:
                return file.read()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Unavailable(
                f"{self._packed_path} cannot be read: {error.strerror}", path=self._packed_path
            ) from error

    def _oid(self, text: bytes, ref: str) -> Oid:
        if len(text) != self._length or not _HEX.issuperset(text):
            raise CorruptRecord(
                f"{ref} holds {text[:80]!r}, which is no oid", ref=ref, path=self.path(ref)
            )
        return text.decode("ascii")

    def _ask(self, ref: str) -> Expected:
        code, output, complaint = self._git.start("show-ref", "--verify", "--hash", ref).finish()
        if code == 0:
            return self._oid(output.strip(), ref)
        if "not a valid ref" in complaint:
            return ABSENT
        raise GitFailed(f"git show-ref: {complaint or f'ended with {code}'}", ref=ref)

    def _ask_all(self, folder: str) -> dict[str, Oid]:
        output = self._git.run("for-each-ref", "--format=%(objectname) %(refname)", folder)[1]
        lines = output.decode("utf-8", "surrogateescape").splitlines()
        return {name: oid for oid, _, name in (line.partition(" ") for line in lines)}
