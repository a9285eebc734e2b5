"""Judges git: pushes, branches, history, worktrees, configuration, and the host's own tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import opaque
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pushes import push
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.scene import Scene

Found = Iterator[tuple[str, Severity | None]]

_GLOBAL = "Cc"
_GLOBAL_LONG = ("git-dir", "work-tree", "namespace", "super-prefix", "config-env", "exec-path")


def judge(command: Command, scene: Scene) -> Found:
    """Yield the rules that a call of git meets."""
    given = parse(command.args, _GLOBAL, _GLOBAL_LONG, stop=True)
    settings = " ".join(given.get("c")).lower()
    if "core.hookspath" in settings:
        yield "git_hooks_bypass", None
    if not given.operands:
        return
    verb, args = given.operands[0], list(given.operands[1:])
    if any(opaque(text) for text in (verb,)):
        return
    elsewhere = any(place.startswith(("..", "/")) for place in given.get("C"))
    if verb == "clean" and "clean.requireforce=false" in settings.replace(" ", ""):
        args.append("-f")
    how = _VERBS.get(verb)
    if how is not None:
        yield from how(args, scene)
    if elsewhere and verb in {"checkout", "restore", "switch", "checkout-index"}:
        # Work in another worktree is somebody else's.
        for rule, _ in list(_VERBS[verb](args, scene)):
            yield rule, "ask"


def protects(scene: Scene, branch: str) -> bool:
    """Say whether a branch is protected."""
    name = branch.removeprefix("refs/heads/")
    return any(fnmatchcase(name, pattern) for pattern in scene.protected)


def _reset(args: list[str], scene: Scene) -> Found:
    if parse(args).has("hard"):
        yield "git_reset_hard", None


def _clean(args: list[str], scene: Scene) -> Found:
    given = parse(args, "e", ("exclude",))
    if given.has("n", "dry-run") or not given.has("f", "force"):
        return
    yield "git_clean_force", None


def _branch(args: list[str], scene: Scene) -> Found:
    given = parse(args, "u", ("set-upstream-to", "contains", "merged", "format", "sort"))
    names = given.operands
    deletes = given.has("d", "delete") and not given.has("r", "remotes")
    forced = given.has("D") or (deletes and given.has("f", "force"))
    if given.has("D") or deletes:
        if any(protects(scene, name) for name in names):
            yield "git_branch_delete", "block"
        elif forced and (not names or any(opaque(name) or "*" in name for name in names)):
            yield "git_branch_delete", "ask"
        elif forced:
            yield "git_branch_delete", None
    elif given.has("f", "force") and names and not given.has("M", "m", "move", "C", "c", "copy"):
        yield "git_branch_move", None if protects(scene, names[0]) else "warn"
    elif given.has("M", "m", "move") and len(names) > 1 and protects(scene, names[0]):
        yield "git_branch_move", None


def _history(args: list[str], scene: Scene) -> Found:
    if not parse(args).has("analyze", "dry-run", "h", "help"):
        yield "git_history_rewrite", None


def _reflog(args: list[str], scene: Scene) -> Found:
    if args[:1] and args[0] in {"expire", "delete", "drop"} and not parse(args).has("n", "dry-run"):
        yield "git_history_rewrite", None


def _gc(args: list[str], scene: Scene) -> Found:
    if any(when in {"now", "all"} for when in parse(args).get("prune")):
        yield "git_history_rewrite", None


def _prune(args: list[str], scene: Scene) -> Found:
    if not parse(args).has("n", "dry-run"):
        yield "git_history_rewrite", "ask"


def _update_ref(args: list[str], scene: Scene) -> Found:
    given = parse(args, "m")
    name = given.operands[0] if given.operands else ""
    if name.startswith("refs/coord") or "refs/coord" in " ".join(args):
        yield "ledger_change", None
    elif given.has("d"):
        yield "git_history_rewrite", None
    elif given.has("stdin"):
        yield "git_history_rewrite", "ask"
    elif protects(scene, name):
        yield "git_branch_move", None
    else:
        yield "git_branch_move", "warn"


def _symbolic_ref(args: list[str], scene: Scene) -> Found:
    given = parse(args, "m")
    if given.has("d", "delete") or len(given.operands) > 1:
        yield "git_branch_move", "warn"


def _stash(args: list[str], scene: Scene) -> Found:
    if args[:1] == ["clear"]:
        yield "git_stash_drop", "ask"
    elif args[:1] == ["drop"]:
        yield "git_stash_drop", None


def _worktree(args: list[str], scene: Scene) -> Found:
    if args[:1] == ["remove"] and parse(args).has("f", "force"):
        yield "git_worktree_remove", None


def _remote(args: list[str], scene: Scene) -> Found:
    if args[:1] and args[0] in {"set-url", "remove", "rm", "rename"}:
        yield "git_remote_change", None


def _tag(args: list[str], scene: Scene) -> Found:
    given = parse(args, "muF", ("message", "local-user", "file"))
    if given.has("d", "delete", "f", "force"):
        yield "git_tag_overwrite", None


def _commit(args: list[str], scene: Scene) -> Found:
    given = parse(
        args, "mFCct", ("message", "file", "author", "date", "template", "fixup", "squash")
    )
    if given.has("n", "no-verify"):
        yield "git_hooks_bypass", None


def _merge(args: list[str], scene: Scene) -> Found:
    if parse(args, "msXF").has("no-verify"):
        yield "git_hooks_bypass", None


def _discard(args: list[str], scene: Scene) -> Found:
    """`checkout` and `switch`."""
    given = parse(args, "bBcC", ("orphan", "conflict", "pathspec-from-file"))
    forced_new = [name for name in given.get("B", "C", "force-create") if name]
    if any(protects(scene, name) for name in forced_new):
        yield "git_branch_move", None
    elif (
        given.has("f", "force", "discard-changes")
        or "--" in args
        or any(name in {".", ":/", "*", "./"} for name in given.operands)
    ):
        yield "git_discard", None


def _restore(args: list[str], scene: Scene) -> Found:
    given = parse(args, "s", ("source", "pathspec-from-file"))
    if given.has("S", "staged") and not given.has("W", "worktree"):
        return
    if given.operands:
        yield "git_discard", None


def _read_tree(args: list[str], scene: Scene) -> Found:
    given = parse(args)
    if given.has("reset") and given.has("u"):
        yield "git_reset_hard", None


def _checkout_index(args: list[str], scene: Scene) -> Found:
    given = parse(args)
    if given.has("f", "force") and given.has("a", "all"):
        yield "git_discard", None


def _config(args: list[str], scene: Scene) -> Found:
    given = parse(args, "ft", ("file", "type", "blob"))
    words = [word for word in given.operands if word not in {"set", "unset"}]
    reads = given.has("get", "list", "l", "get-all", "get-regexp", "show-origin", "get-urlmatch")
    if reads or not words or words[0] in {"get", "list"}:
        return
    key = words[0].lower()
    changes = len(words) > 1 or given.has("unset", "unset-all", "remove-section", "edit", "e")
    if not changes and "unset" not in given.operands:
        return
    if key == "core.hookspath":
        yield "git_hooks_bypass", "ask"
    elif re.fullmatch(r"remote\..*\.(push)?url|url\..*\.(push)?insteadof", key):
        yield "git_remote_change", None
    elif given.has("global", "system"):
        yield "git_config_shared", None


def _submodule(args: list[str], scene: Scene) -> Found:
    given = parse(args)
    if given.operands[:1] == ("deinit",) and given.has("f", "force"):
        yield "git_discard", None


def _rm(args: list[str], scene: Scene) -> Found:
    given = parse(args)
    if given.has("cached", "n", "dry-run") or not given.has("r"):
        return
    for path in given.operands:
        if scene.layout.place(path) in {"whole", "root", "outside"}:
            yield "rm_rf", "ask"


def _fetch(args: list[str], scene: Scene) -> Found:
    for spec in parse(args).operands[1:]:
        target = spec.partition(":")[2]
        if "refs/coord" in target:
            yield "ledger_change", None
        elif spec.startswith("+") and target.startswith("refs/heads/"):
            yield "git_branch_move", None


def _add(args: list[str], scene: Scene) -> Found:
    from gitcoord.domain.guardrails.secret_paths import secret

    for path in parse(args).operands:
        if secret(path):
            yield "secret_committed", None


_VERBS: dict[str, Callable[[list[str], Scene], Found]] = {
    "push": push,
    "reset": _reset,
    "clean": _clean,
    "branch": _branch,
    "filter-branch": _history,
    "filter-repo": _history,
    "reflog": _reflog,
    "gc": _gc,
    "prune": _prune,
    "update-ref": _update_ref,
    "symbolic-ref": _symbolic_ref,
    "stash": _stash,
    "worktree": _worktree,
    "remote": _remote,
    "tag": _tag,
    "commit": _commit,
    "merge": _merge,
    "checkout": _discard,
    "switch": _discard,
    "restore": _restore,
    "read-tree": _read_tree,
    "checkout-index": _checkout_index,
    "config": _config,
    "submodule": _submodule,
    "rm": _rm,
    "fetch": _fetch,
    "add": _add,
    "stage": _add,
}
