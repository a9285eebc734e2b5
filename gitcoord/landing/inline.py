"""The command of a policy, run here and now on one commit, and what its end says of it.

Promises that it sees a fresh worktree and an environment of its own, with nothing in it that was
not allowed: no tokens, no settings of git, no session. Not here: whether it has to run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress

from gitcoord.domain.secrets import hide
from gitcoord.domain.verification import Outcome
from gitcoord.domain.verify_policies import VerifyPolicy, digest_of
from gitcoord.domain.verifying import OUTPUT, ResultDraft
from gitcoord.landing.processes import Ended, Limits, end_marked, run
from gitcoord.storage.gitproc import LOST
from gitcoord.storage.store import Oid
from gitcoord.storage.throwaway import Throwaway, made
from gitcoord.storage.throwaway import sweep as swept
from gitcoord.storage.worktree import Checkout

#: What every command sees of the environment, where it is set.
ALLOWED = (
    "PATH", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME", "SHELL",
    # Without these Windows starts no program.
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME",
    "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES",
)  # fmt: skip


def check(
    checkout: Checkout,
    commit: Oid,
    policy: VerifyPolicy,
    environ: Mapping[str, str],
    *,
    output: int = Limits(0).output,
) -> ResultDraft:
    """Run the policy's command on a commit and return what came of it.

    `output`: bytes that it may write. Raises `Unavailable` where there can be no worktree.
    """
    with made(checkout, commit) as place:
        limits = Limits(policy.timeout, output)
        try:
            ended = run(
                policy.command or ("sh", "-c", policy.shell),
                folder=place.path,
                environ=environment(policy, environ, place),
                limits=limits,
                mark=place.name,
            )
        except OSError as error:
            return _draft(policy, "failed", f"cannot be started: {error.strerror or error}")
    return _judged(policy, ended, limits)


def sweep(checkout: Checkout) -> list[str]:
    """End and remove what checks of killed processes have left; return the worktrees' paths."""
    return swept(checkout, end_marked)


def environment(
    policy: VerifyPolicy, environ: Mapping[str, str], place: Throwaway
) -> dict[str, str]:
    """Return what the command of a policy sees of an environment.

    Programs are sought in absolute folders alone: others lie in the worktree, and are the branch's.
    """
    seen = {name: environ[name] for name in (*ALLOWED, *policy.env) if name in environ}
    folders = [one for one in seen.pop("PATH", "").split(os.pathsep) if os.path.isabs(one)]
    if folders:
        seen["PATH"] = os.pathsep.join(folders)
    temporary = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), place.temporary)
    return seen | temporary | {"GIT_TERMINAL_PROMPT": "0"}


def _judged(policy: VerifyPolicy, ended: Ended, limits: Limits) -> ResultDraft:
    status: Outcome = "failed"
    if ended.limit == "time":
        status, reason = "timeout", f"had not ended after {limits.seconds:g} s"
    elif ended.limit == "output":
        reason = f"wrote more than {limits.output:,} bytes"
    elif ended.code == 0:
        status, reason = "passed", ""
    elif ended.code == LOST:
        status, reason = "error", "something else has collected how it ended"
    elif ended.code > 0:
        reason = f"ended with {ended.code}"
    else:
        reason = f"ended by {_signal(-ended.code)}"
    # Hidden before it is cut, so that no half of a secret stays.
    text = str(hide(ended.output.decode("utf-8", "replace")))
    kept = text.encode()[-OUTPUT:].decode("utf-8", "ignore")
    return _draft(policy, status, reason, code=ended.code, output=kept, seconds=ended.seconds)


def _draft(
    policy: VerifyPolicy,
    status: Outcome,
    reason: str,
    *,
    code: int | None = None,
    output: str = "",
    seconds: float = 0.0,
) -> ResultDraft:
    return ResultDraft(
        policy=policy.name,
        digest=digest_of(policy),
        status=status,
        tier=policy.tier,
        seconds=seconds,
        exit_code=code,
        output=output,
        reason=reason,
    )


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
