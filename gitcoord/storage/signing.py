"""Signatures of commits with ssh keys, made and judged as git itself does.

Which key, which program and whose keys count is git's own configuration: `gpg.format`,
`user.signingKey`, `gpg.ssh.program`, `gpg.ssh.allowedSignersFile`. Nothing of it is changed.
Source: https://git-scm.com/docs/git-config#Documentation/git-config.txt-gpgformat and
https://git-scm.com/docs/gitformat-signature. Not here: whether commits are to be signed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.errors import GitFailed, SigningFailed
from gitcoord.storage.gitproc import Git

if TYPE_CHECKING:
    from gitcoord.storage.repository import Repository
    from gitcoord.storage.store import Oid

#: What signatures of git's commits are made for; verifiers ask for the same word.
_NAMESPACE = "git"
_HEADERS = {"sha1": b"gpgsig", "sha256": b"gpgsig-sha256"}
#: Settings that say how to sign, as git writes their names in lists.
_WANTED = r"^(gpg\.format|gpg\.ssh\.(program|allowedsignersfile|revocationfile)|user\.signingkey)$"
#: Files that git expands `~` in.
_PATHS = ("gpg.ssh.allowedsignersfile", "gpg.ssh.revocationfile", "user.signingkey")
# Seconds for which an agent or a person with a security key may take to sign.
_PATIENCE = 60


class Signature(NamedTuple):
    """What git says of one commit's signature."""

    commit: Oid
    #: git's own letter: G good, U good by an unknown key, X and Y expired, R revoked, B bad, E not
    #: to be checked, N none. https://git-scm.com/docs/pretty-formats#Documentation/pretty-formats.txt-G
    letter: str
    #: Whose key it is, as the file of allowed signers says.
    signer: str
    key: str


class Signing:
    """Signs the commits of one repository and judges their signatures."""

    def __init__(self, repository: Repository, objects: Repository | None = None) -> None:
        """`objects` is where the commits are, where that is another repository."""
        self._repository = repository
        self._objects = objects or repository
        self._settings: dict[str, str] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """What git is configured to do: names in lower case, values."""
        if self._settings is None:
            git = Git(self._repository)
            listed = git.run("config", "-z", "--get-regexp", _WANTED, accept=(0, 1))[1]
            pairs = (
                entry.partition("\n") for entry in listed.decode("utf-8", "replace").split("\0")
            )
            found = {name.lower(): value for name, _, value in pairs if name}
            for name in _PATHS:
                if found.get(name, "").startswith("~"):
                    path = git.run("config", "--type=path", "--get", name)[1]
                    found[name] = path.decode("utf-8", "surrogateescape").rstrip("\n")
            self._settings = found
        return self._settings

    @property
    def signers(self) -> str:
        """The file that says whose keys count; "" where none is configured."""
        return self.settings.get("gpg.ssh.allowedsignersfile", "")

    def signed(self, commit: bytes) -> bytes:
        """Return the raw commit with a signature. Raises `SigningFailed`."""
        if (form := self.settings.get("gpg.format", "openpgp")) != "ssh":
            raise SigningFailed(
                f"coord.sign signs with ssh keys, and gpg.format is {form}",
                hint="Run `git config gpg.format ssh`, or `git config --unset coord.sign`.",
            )
        key = self.settings.get("user.signingkey", "")
        if not key:
            raise SigningFailed(
                "coord.sign is set, and no key is: user.signingKey",
                hint="Run `git config user.signingKey PATH` with the path of a public ssh key.",
            )
        head, _, message = commit.partition(b"\n\n")
        lines = self._signature(commit, key).strip().split(b"\n")
        header = _HEADERS[self._objects.object_format] + b" " + b"\n ".join(lines)
        return b"%s\n%s\n\n%s" % (head, header, message)

    def judged(self, head: Oid) -> Iterator[Signature]:
        """Yield what git says of each commit from `head` down its first parents, newest first.

        Raises `GitFailed`, `GitMissing`.
        """
        # The commits may be in a repository that knows nothing of the user's settings.
        words = [
            word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")
        ]
        form = "--format=%H%x00%G?%x00%GS%x00%GK"
        process = Git(self._objects).start(*words, "log", "--first-parent", form, head)
        try:
            for line in process.stdout:
                yield Signature(*line.decode("utf-8", "replace").rstrip("\n").split("\0"))
            code, _, complaint = process.finish()
        finally:
            process.close()
        if code:
            raise GitFailed(f"git log: {complaint or f'ended with {code}'}")

    def _signature(self, payload: bytes, key: str) -> bytes:
        program = self.settings.get("gpg.ssh.program") or "ssh-keygen"
        with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
            path, more = key, list[str]()
            if (literal := _literal(key)) is not None:
                # A key as text is a public one; its private half is in an agent.
                path, more = os.path.join(folder, "key.pub"), ["-U"]
                with open(path, "w", encoding="utf-8") as file:
                    file.write(literal + "\n")
            words = [program, "-Y", "sign", "-n", _NAMESPACE, "-f", path, *more]
            try:
                done = subprocess.run(
                    words, input=payload, capture_output=True, timeout=_PATIENCE, check=False
                )
            except OSError as error:
                raise SigningFailed(f"{program} cannot be started: {error.strerror}") from error
            except subprocess.TimeoutExpired as error:
                raise SigningFailed(f"{program} did not sign within {_PATIENCE} s") from error
        if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE"):
            said = done.stderr.decode("utf-8", "replace").strip()
            raise SigningFailed(
                f"{program} signs nothing: {said or f'ended with {done.returncode}'}"
            )
        return done.stdout


def _literal(key: str) -> str | None:
    """Return the key where it is written out, None where it is the path of one."""
    if key.startswith("key::"):
        return key[5:]
    return key if key.startswith("ssh-") else None
