"""Judges `git push`: what it overwrites or deletes at the host, in every spelling."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from gitcoord.domain.guardrails.marks import opaque
from gitcoord.domain.guardrails.options import Parsed, parse
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.scene import Scene

_HOSTS_OF_APPS = {"heroku", "dokku", "production", "prod", "staging", "live", "piku"}


class _Spec(NamedTuple):
    """What is pushed where; an empty target is not known."""

    force: bool
    delete: bool
    target: str


def push(args: list[str], scene: Scene) -> Iterator[tuple[str, Severity | None]]:
    """Yield the rules that a push meets, by https://git-scm.com/docs/git-push ."""
    given = parse(args, "o", ("push-option", "repo", "receive-pack", "exec"))
    if given.has("n", "dry-run"):
        return
    forced = _has(given, "f", "force")
    lease = any(
        name.startswith("force-w") or name == "force-with-lease" for name, _ in given.options
    )
    if given.has("mirror"):
        yield "git_force_push", None
        return
    if given.operands[:1] and given.operands[0] in _HOSTS_OF_APPS:
        yield "deploy_command", None
    specs = [_spec(text) for text in given.operands[1:]]
    if given.has("d", "delete"):
        specs = [one._replace(delete=True) for one in specs]
    if any("refs/coord" in one.target for one in specs):
        yield "ledger_change", None
    if given.has("no-verify"):
        yield "git_hooks_bypass", None
    if given.has("prune"):
        yield "git_branch_delete", "ask"
    every = given.has("all", "branches")
    if not specs or every:
        yield from _unnamed(forced, lease, every)
    for one in specs:
        yield from _judged(one, forced, lease, scene)


def _unnamed(forced: bool, lease: bool, every: bool) -> Iterator[tuple[str, Severity | None]]:
    """Yield the rules of a push that names no branch, or all of them."""
    if forced:
        yield "git_force_push", None
    elif lease:
        yield "git_force_push", "block" if every else "ask"
    elif every:
        yield "git_push_protected", None


def _judged(
    one: _Spec, forced: bool, lease: bool, scene: Scene
) -> Iterator[tuple[str, Severity | None]]:
    unknown = not one.target or opaque(one.target) or "*" in one.target
    name = one.target.removeprefix("refs/heads/")
    protected = not unknown and any(fnmatchcase(name, pattern) for pattern in scene.protected)
    if one.delete:
        if protected:
            yield "git_branch_delete", "block"
        elif one.target.startswith("refs/tags/"):
            yield "git_tag_overwrite", "ask"
        else:
            # At the host it is everybody's, whoever made it.
            yield "git_branch_delete", "ask"
    elif forced or one.force:
        yield "git_force_push", None
    elif lease:
        yield "git_force_push", "block" if protected else "ask" if unknown else "log"
    elif protected:
        yield "git_push_protected", None


def _spec(text: str) -> _Spec:
    force = text.startswith("+")
    source, colon, target = text.removeprefix("+").partition(":")
    if not colon:
        return _Spec(force, False, "" if source in {"HEAD", "@"} else source)
    return _Spec(force, not source, target)


def _has(given: Parsed, *names: str) -> bool:
    """Say whether force is given; `--force-with-lease` is another option."""
    return any(
        name in names or (len(name) >= 3 and "force".startswith(name)) for name, _ in given.options
    )
