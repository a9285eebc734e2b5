"""Where the repository is and what kind it is, found without starting git.

Promises the answer that git itself would give from the same place, for what the ledger
needs to know. Reads the repository's own config file only, never that of the user or
the system, and decides nothing about trust: `trusted` False means "ask git first".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from gitcoord.errors import InvalidFile, NotARepository, UnsupportedRepository
from gitcoord.storage.gitconfig import boolean, parse

FORMATS = ("sha1", "sha256")
# https://git-scm.com/docs/gitrepository-layout and git's documentation of repository-version.
# The first four count in version 0 too; the rest change nothing that the ledger touches.
HARMLESS = frozenset(
    (
        "noop",
        "preciousobjects",
        "partialclone",
        "worktreeconfig",
        "noop-v1",
        "relativeworktrees",
        "submodulepathconfig",
    )
)


class Repository:
    """One repository as seen from one place; a plain value, its paths are absolute."""

    __slots__ = (
        "bare",
        "common_dir",
        "durable",
        "environ",
        "git_dir",
        "object_format",
        "ref_format",
        "remote",
        "sign",
        "trusted",
        "worktree",
    )

    def __init__(
        self,
        git_dir: str,
        common_dir: str,
        worktree: str | None,
        object_format: str,
        ref_format: str,
        bare: bool,
        *,
        trusted: bool = True,
    ) -> None:
        #: HEAD and index of this worktree.
        self.git_dir = git_dir
        #: Refs and objects, shared by all worktrees.
        self.common_dir = common_dir
        #: The files of this worktree, None in a bare repository or inside a git directory.
        self.worktree = worktree
        #: "sha1" or "sha256".
        self.object_format = object_format
        #: "files" or "reftable".
        self.ref_format = ref_format
        self.bare = bare
        #: False when it was found by searching and may belong to another user of the machine.
        self.trusted = trusted
        #: The environment of whoever asked for it, as `find` was told: git children inherit it.
        self.environ: Mapping[str, str] = {}
        #: False for a mirror, whose content can be had again: nothing is synced in it.
        self.durable = True
        #: `coord.remote` of its own config file: where the ledger is kept; "" says nothing.
        self.remote = ""
        #: `coord.sign` of its own config file: whether commits of the ledger are signed.
        self.sign = False

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same place in the same repository."""
        return isinstance(other, Repository) and repr(self) == repr(other)

    def __hash__(self) -> int:
        """Return a hash that agrees with `==`."""
        return hash((self.git_dir, self.common_dir))

    def __repr__(self) -> str:
        """Return the fields that tell one from another; not the environment, it holds secrets."""
        names = (name for name in self.__slots__ if name != "environ")
        return f"Repository({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def find(start: str, environ: Mapping[str, str]) -> Repository:
    """Return the repository that a git command started in `start` would use.

    Reads GIT_DIR, GIT_COMMON_DIR, GIT_WORK_TREE, GIT_CEILING_DIRECTORIES and
    GIT_DISCOVERY_ACROSS_FILESYSTEM from `environ`, which git children of the repository
    inherit as it is at their start. Raises NotARepository, or
    UnsupportedRepository for a format that is newer than this program; InvalidFile
    for a config that cannot be read. Rules: https://git-scm.com/docs/git#_environment_variables
    """
    start = os.path.abspath(start)
    if environ.get("GIT_DIR"):
        named = os.path.join(start, environ["GIT_DIR"])
        git_dir = _git_dir(named) or _not_found(f"GIT_DIR names {named}, which is no git directory")
        above: str | None = start
        trusted = True
    else:
        git_dir, above = _search(start, environ)
        trusted = _owned(git_dir, above)
    common_dir = _common_dir(git_dir, start, environ)
    config = _config(git_dir, common_dir)
    object_format, ref_format = _formats(config, common_dir)
    bare = _flag(config, "core.bare")
    worktree = None if bare else above
    if environ.get("GIT_WORK_TREE"):
        worktree = os.path.normpath(os.path.join(start, environ["GIT_WORK_TREE"]))
    elif "core.worktree" in config and not bare:
        worktree = os.path.normpath(os.path.join(git_dir, config["core.worktree"]))
    repository = Repository(
        git_dir,
        common_dir,
        worktree,
        object_format,
        ref_format,
        bare and worktree is None,
        trusted=trusted,
    )
    repository.environ = environ
    repository.remote = config.get("coord.remote", "")
    repository.sign = _flag(config, "coord.sign")
    return repository


def home(repository: Repository) -> str:
    """Return the directory of this clone's private files, shared by its worktrees.

    Whoever writes there makes it, with mode 0700.
    """
    return os.path.join(repository.common_dir, "gitcoord")


def _search(start: str, environ: Mapping[str, str]) -> tuple[str, str | None]:
    across = _flag(environ, "GIT_DISCOVERY_ACROSS_FILESYSTEM")
    device = None
    for directory in _upwards(start, environ.get("GIT_CEILING_DIRECTORIES", "")):
        try:
            here = os.stat(directory).st_dev
        except OSError:
            continue
        if device is not None and device != here and not across:
            break
        device = here
        dot_git = os.path.join(directory, ".git")
        found = _git_dir(dot_git)
        if found:
            return found, directory
        if os.path.isfile(dot_git):
            _not_found(f"{dot_git} does not lead to a git directory")
        if _is_git_dir(directory):
            return directory, None
    return _not_found(f"{start} is not inside a git repository"), None


def _upwards(start: str, ceilings: str) -> Iterator[str]:
    """Yield `start` and its parents; a ceiling itself is not searched, unless it is `start`."""
    stops = {os.path.normpath(path) for path in ceilings.split(os.pathsep) if os.path.isabs(path)}
    stops |= {os.path.realpath(path) for path in stops}
    directory, parent = start, os.path.dirname(start)
    yield directory
    while parent != directory and parent not in stops:
        directory, parent = parent, os.path.dirname(parent)
        yield directory


def _git_dir(path: str) -> str | None:
    """Return the git directory that `path` is, or that the file `path` names."""
    if not os.path.isdir(path):
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read(8192)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise NotARepository(f"{path} cannot be read: {error.strerror}") from error
        if not text.startswith("gitdir: "):
            return None
        path = os.path.join(os.path.dirname(path), text[8:].rstrip("\r\n"))
    path = os.path.normpath(path)
    return path if _is_git_dir(path) else None


def _is_git_dir(path: str) -> bool:
    if not os.path.lexists(os.path.join(path, "HEAD")):
        return False
    if os.path.isfile(os.path.join(path, "commondir")):
        return True
    return os.path.isdir(os.path.join(path, "objects")) and os.path.isdir(
        os.path.join(path, "refs")
    )


def _common_dir(git_dir: str, start: str, environ: Mapping[str, str]) -> str:
    if environ.get("GIT_COMMON_DIR"):
        return os.path.normpath(os.path.join(start, environ["GIT_COMMON_DIR"]))
    try:
        with open(
            os.path.join(git_dir, "commondir"), encoding="utf-8", errors="surrogateescape"
        ) as file:
            return os.path.normpath(os.path.join(git_dir, file.read().rstrip("\r\n")))
    except FileNotFoundError:
        return git_dir


def _config(git_dir: str, common_dir: str) -> dict[str, str]:
    """Return the settings of this worktree that decide how the repository is read."""
    config = _parsed(os.path.join(common_dir, "config"))
    if git_dir != common_dir:
        # A linked worktree has files of its own, whatever the main one says of itself.
        config.pop("core.bare", None)
        config.pop("core.worktree", None)
    if _flag(config, "extensions.worktreeconfig"):
        config |= _parsed(os.path.join(git_dir, "config.worktree"))
    return config


def _parsed(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return parse(file.read())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NotARepository(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidFile(f"{path}: {error}", path=path) from error


def _flag(settings: Mapping[str, str], key: str) -> bool:
    try:
        return boolean(settings.get(key, "false"))
    except ValueError as error:
        raise InvalidFile(f"{key}: {error}") from error


def _formats(config: dict[str, str], common_dir: str) -> tuple[str, str]:
    """Return (object format, ref format) or raise UnsupportedRepository."""
    version = config.get("core.repositoryformatversion", "0")
    if version not in ("0", "1"):
        raise UnsupportedRepository(
            f"{common_dir} has repository format {version}; this gitcoord knows 0 and 1"
        )
    extensions = {key[11:]: value for key, value in config.items() if key.startswith("extensions.")}
    object_format = extensions.pop("objectformat", "sha1")
    ref_format = extensions.pop("refstorage", "files").partition(":")[0]
    unknown = sorted(set(extensions) - HARMLESS)
    if version == "1" and unknown:
        raise UnsupportedRepository(
            f"{common_dir} uses extensions.{unknown[0]}, which this gitcoord does not know"
        )
    if object_format not in FORMATS or ref_format not in ("files", "reftable"):
        raise UnsupportedRepository(
            f"{common_dir} stores {object_format} objects and {ref_format} refs; "
            "this gitcoord knows sha1 and sha256, files and reftable"
        )
    return object_format, ref_format


def _owned(git_dir: str, worktree: str | None) -> bool:
    """Return whether these directories belong to whoever runs this program."""
    if sys.platform == "win32":
        return False
    me = os.geteuid()
    return all(os.stat(path).st_uid == me for path in (git_dir, worktree) if path)


def _not_found(message: str) -> str:
    raise NotARepository(message)
