"""Judges what deletes or destroys files, or opens them to everybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import opaque
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.scene import Scene

Found = Iterator[tuple[str, Severity | None]]

_SAFE_DEVICES = Pattern(
    r"/dev/(null|zero|u?random|tty\d*|std(in|out|err)|fd/\d+|full|shm/.*|tcp/.*|udp/.*|pts/.*)$"
)
_SYSTEM = Pattern(
    r"/(etc|usr|bin|sbin|boot|lib\w*|sys|proc|root|System|Library|var/lib|opt)(/|$)|/var/spool/cron"
)
_SOURCES = frozenset(
    {
        "src",
        "lib",
        "app",
        "apps",
        "packages",
        "tests",
        "test",
        "spec",
        "docs",
        "cmd",
        "pkg",
        "internal",
        "crates",
        "server",
        "client",
        "backend",
        "frontend",
        ".github",
        "migrations",
    }
)
_PROFILE = Pattern(
    r"(^|/)\.(bashrc|zshrc|profile|bash_profile|zprofile|zshenv|bash_login|"
    r"config/fish/config\.fish)$"
)


def judge(command: Command, scene: Scene) -> Found:
    """Yield the rules that a command meets."""
    for redirect in command.redirects:
        if redirect.target and redirect.operator not in {"<", "<<", "<<<", "<&"}:
            yield from written(
                redirect.target, scene, command.cwd, append=">>" in redirect.operator
            )
    how = _PROGRAMS.get(command.name)
    if how is not None:
        yield from how(command, scene)
    elif command.words and opaque(command.words[0].text):
        yield from _nameless(command, scene)


def written(path: str, scene: Scene, cwd: str = "", *, append: bool = False) -> Found:
    """Yield the rules that writing to a path meets."""
    if _SAFE_DEVICES.match(path):
        return
    place = scene.layout.place(path, cwd)
    full = scene.layout.resolved(path, cwd)
    if place == "device":
        yield "disk_write", None
    elif place == "git":
        yield (
            "ledger_change" if "refs/coord" in full else "git_directory_change",
            (None if "refs/coord" in full else "ask"),
        )
    elif _SYSTEM.match(full):
        yield "system_change", None
    elif _PROFILE.search(full) and place in {"root", "outside"}:
        yield "system_change", "warn" if append else None


def deleted(path: str, scene: Scene, cwd: str = "") -> Found:
    """Yield the rules that deleting a tree meets."""
    place = scene.layout.place(path, cwd)
    if place in {"root", "outside", "whole", "device"}:
        yield "rm_recursive_force", None
    elif place == "git":
        yield "git_directory_change", None
    elif place == "unknown":
        yield "rm_rf", "ask"
    elif place == "scratch":
        yield "rm_rf", "log"
    else:
        # What a repository is made of is asked about; a part of it is warned of.
        yield "rm_rf", "ask" if scene.layout.resolved(path, cwd) in _SOURCES else None


def _rm(command: Command, scene: Scene) -> Found:
    given = parse(command.args)
    if given.has("help", "version"):
        return
    recursive = given.has("r", "R", "recursive")
    for path in given.operands:
        if recursive:
            yield from deleted(path, scene, command.cwd)
        else:
            yield from _removed(path, scene, command.cwd)
    if given.has("no-preserve-root"):
        yield "rm_recursive_force", None


def _tree(command: Command, scene: Scene) -> Found:
    """`rimraf`."""
    for path in parse(command.args).operands:
        yield from deleted(path, scene, command.cwd)


def _removed(path: str, scene: Scene, cwd: str) -> Found:
    """Yield the rules that deleting a single file meets, or all that match a pattern."""
    place = scene.layout.place(path, cwd)
    full = scene.layout.resolved(path, cwd)
    if place == "git":
        yield "git_directory_change", "ask" if full.endswith((".lock", "MERGE_MSG")) else None
    elif place == "device" and not _SAFE_DEVICES.match(path):
        yield "disk_write", None
    elif place == "whole":
        yield "rm_rf", "ask"
    elif _SYSTEM.match(full):
        yield "system_change", None
    elif place in {"root", "outside"}:
        yield "rm_rf", "block" if "*" in path and place == "root" else None


def _find(command: Command, scene: Scene) -> Found:
    args = command.args
    if "-delete" not in args:
        return
    from gitcoord.domain.guardrails.printing import found_paths

    for path in found_paths(args):
        directory, _, name = path.removesuffix("/").rpartition("/")
        directory = directory.removesuffix("/**") or "/"
        place = scene.layout.place(directory, command.cwd)
        everything = name == "*"
        if place in {"root", "outside"}:
            yield "find_delete", "block"
        elif place == "git":
            yield "git_directory_change", None
        elif place == "whole" and everything:
            yield "find_delete", "block"
        elif place == "unknown":
            yield "find_delete", "ask"
        elif place == "scratch" or scene.layout.place(name.replace("*", "x")) == "scratch":
            yield "find_delete", "log"
        else:
            yield "find_delete", None


def _wipe(command: Command, scene: Scene) -> Found:
    """`shred`, `srm`, `truncate`."""
    given = parse(command.args, "nsr", ("size", "iterations", "reference"))
    for path in given.operands:
        if scene.layout.place(path, command.cwd) == "scratch":
            continue
        yield from written(path, scene, command.cwd)
        if command.name != "truncate" or any(
            size in {"0", "0k"} for size in given.get("s", "size")
        ):
            yield "file_overwrite", None


def _dd(command: Command, scene: Scene) -> Found:
    for arg in command.args:
        if arg.startswith("of="):
            yield from written(arg[3:], scene, command.cwd)


def _tee(command: Command, scene: Scene) -> Found:
    for path in parse(command.args).operands:
        yield from written(path, scene, command.cwd)


def _copy(command: Command, scene: Scene) -> Found:
    given = parse(command.args, "tmogS", ("target-directory", "mode", "owner", "group"))
    paths, into = list(given.operands), given.get("t", "target-directory")
    if command.name == "mv":
        sources = paths if into else paths[:-1]
        if paths[-1:] == ["/dev/null"]:
            yield "file_overwrite", "block"
        for path in sources:
            place = scene.layout.place(path, command.cwd)
            if place == "git":
                yield "git_directory_change", None
            elif place in {"root", "whole"}:
                yield "rm_recursive_force", None
    if into or len(paths) > 1:
        target = into[0] if into else paths[-1]
        yield from written(target, scene, command.cwd)
        if paths[:1] == ["/dev/null"] and scene.layout.place(target, command.cwd) == "inside":
            yield "file_overwrite", None


def _rsync(command: Command, scene: Scene) -> Found:
    given = parse(command.args, "eBTf", ("exclude", "include", "rsh", "filter"))
    if given.has("n", "dry-run") or not any(
        name.startswith("delete") or name == "del" for name, _ in given.options
    ):
        return
    target = given.operands[-1] if given.operands else "."
    if ":" in target:
        yield "deploy_script", None
        return
    yield from deleted(target, scene, command.cwd)


def _mode(command: Command, scene: Scene) -> Found:
    """`chmod`, `chown`, `chgrp`, `chattr`, `setfacl`."""
    given = parse([arg for arg in command.args if not re.fullmatch(r"-[rwxXst]+", arg)])
    wide = command.name == "chmod" and any(
        re.fullmatch(
            r"[0-7]?[0-7]?[0-7][2367]|([ugoa]*[ao][ugoa]*)?\+[rxX]*w[rwxX]*|[ao]*=r?w.*", one
        )
        for one in given.operands[:1]
        if len(one) < 40
    )
    recursive = given.has("R", "recursive")
    for path in given.operands[1:]:
        place = scene.layout.place(path, command.cwd)
        full = scene.layout.resolved(path, command.cwd)
        if recursive and place in {"root", "device"}:
            yield "permissions_wide", "block"
        elif _SYSTEM.match(full) or place == "device":
            yield "system_change", None
        elif (
            recursive and place in {"whole", "outside", "git"} and (wide or command.name != "chmod")
        ):
            yield "permissions_wide", "ask" if command.name == "chmod" else None
        elif wide and place != "scratch":
            yield "permissions_wide", None


def _nameless(command: Command, scene: Scene) -> Found:
    """Yield the rules that a program without a known name meets by words as of `rm -rf /`."""
    given = parse(command.args)
    if given.has("r", "R", "recursive") and given.has("f", "force"):
        for path in given.operands:
            if scene.layout.place(path, command.cwd) in {"root", "whole", "git", "outside"}:
                yield "rm_recursive_force", "ask"


_PROGRAMS: dict[str, Callable[[Command, Scene], Found]] = {
    "rm": _rm, "unlink": _rm, "grm": _rm, "rimraf": _tree, "find": _find, "gfind": _find,
    "shred": _wipe, "srm": _wipe, "truncate": _wipe, "dd": _dd, "tee": _tee, "cp": _copy,
    "mv": _copy, "install": _copy, "ln": _copy, "rsync": _rsync, "chmod": _mode,
    "chown": _mode, "chgrp": _mode, "setfacl": _mode, "chattr": _mode,
}  # fmt: skip
