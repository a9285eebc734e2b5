"""What the fake writes into a bare repository: blobs, trees, commits, merges.

Only `write_files` moves a ref.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime

from tests.servers.github import gitrecords
from tests.servers.github.gitreading import GitFailed, GitReading
from tests.servers.github.gitrecords import ZERO, Person
from tests.servers.repositories import environment


class GitData(GitReading):
    """One bare repository."""

    def write_blob(self, content: bytes) -> str:
        """Return the id of a blob of these bytes."""
        write = ("hash-object", "-w", "--stdin")
        return self._once(("write", content), lambda: self.line(*write, stdin=content))

    def write_tree(self, base: str | None, edits: Sequence[tuple[str, str, str | None]]) -> str:
        """Return a tree: `base` with (mode, path, oid) put in; oid None takes the path out."""
        with tempfile.TemporaryDirectory() as room:
            index = {"GIT_INDEX_FILE": f"{room}/index"}
            if base:
                self.run("read-tree", base, more=index)
            lines = [f"{mode if oid else '0'} {oid or ZERO}\t{path}\0" for mode, path, oid in edits]
            self.run(
                "update-index", "-z", "--index-info", stdin="".join(lines).encode(), more=index
            )
            return self.line("write-tree", more=index)

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Person, committer: Person
    ) -> str:
        """Return the id of a new commit."""
        options = [word for parent in parents for word in ("-p", parent)]
        return self.line(
            "commit-tree",
            tree,
            *options,
            stdin=message.encode(),
            more=gitrecords.who(author, committer),
        )

    def write_files(
        self,
        branch: str,
        start: str | None,
        files: Mapping[str, bytes | None],
        message: str,
        person: Person,
        *,
        force: bool = False,
    ) -> str:
        """Put a commit of `files` (None: removed), made on `start`, on a branch and return it.

        One process, whatever the number of files. Raises GitFailed, unless `force`, when the
        branch would lose commits.
        """
        seconds = int(datetime.fromisoformat(person.date).timestamp())
        words = message.encode()
        parts = [
            f"commit refs/heads/{branch}\nmark :1\n",
            f"committer {person.name} <{person.email}> {seconds} +0000\n",
            f"data {len(words)}\n{message}\n",
            f"from {start}\n" if start else "",
        ]
        stream = "".join(parts).encode()
        for path, content in files.items():
            if content is None:
                stream += f"D {path}\n".encode()
            else:
                stream += f"M 100644 inline {path}\ndata {len(content)}\n".encode()
                stream += content + b"\n"
        stream += b"get-mark :1\n"
        options = ["--quiet", *(["--force"] if force else [])]
        return self.line("fast-import", *options, stdin=stream)

    def merged_tree(self, ours: str, theirs: str) -> str:
        """Return the tree of both sides merged. Raises GitFailed at a conflict."""

        def find() -> str | GitFailed:
            try:
                return self.line("merge-tree", "--write-tree", ours, theirs)
            except GitFailed as failure:
                return failure

        found = self._once(("merged", ours, theirs), find)
        if isinstance(found, GitFailed):
            raise found
        return found

    def rebased(self, onto: str, base: str, head: str, committer: Person) -> str:
        """Return the last of the commits `base..head`, made anew on `onto`. Raises GitFailed."""
        with tempfile.TemporaryDirectory() as room:
            place = f"{room}/tree"
            self.run("worktree", "add", "-q", "--detach", place, onto)
            try:
                done = subprocess.run(
                    ["git", "-C", place, "cherry-pick", "--allow-empty", f"{base}..{head}"],
                    capture_output=True,
                    env=environment(room) | gitrecords.committed(committer),
                )
                if done.returncode:
                    raise GitFailed(done.stderr.decode("utf-8", "replace").strip())
                return (
                    subprocess.check_output(["git", "-C", place, "rev-parse", "HEAD"])
                    .decode()
                    .strip()
                )
            finally:
                self.run("worktree", "remove", "--force", place)
