"""The text of the hooks: POSIX shell that calls gitcoord, and then whoever was there before.

Only exit code 3 of the guard, a refusal, stops git; a missing or failing gitcoord is one
line on standard error. The hook that was there gets the same arguments and standard
input, and its exit code counts. Lines that others add below ours are run too.
"""

from __future__ import annotations

from shlex import quote

#: What is added to the name of a hook that was there before.
KEPT = ".before-gitcoord"
#: What pre-commit (https://pre-commit.com) adds to the name of a hook that it finds.
LEGACY = ".legacy"

_BEGIN = "# >>> gitcoord >>> (from `gitcoord setup git`; `gitcoord setup git --remove` undoes it)"
_END = "# <<< gitcoord <<<"
_SHEBANG = "#!/bin/sh"

#: Hook -> how it calls gitcoord and the hook before it, and what is not done without gitcoord.
HOOKS: dict[str, tuple[str, str]] = {
    "pre-commit": (
        """\
gitcoord_guard commit </dev/null || exit $?
gitcoord_kept "$@" || exit $?
""",
        "this commit is not checked",
    ),
    # Others first: what they make of the message must not lose the trailers.
    "prepare-commit-msg": (
        """\
gitcoord_kept "$@" || exit $?
gitcoord_guard message "$@" </dev/null || :
""",
        "this commit gets no trailers",
    ),
    # An editor may have been opened on an empty message, which git gives up if it stays so.
    "commit-msg": (
        """\
if [ "${GIT_EDITOR-}" != : ] && ! grep -q '^Coord-Session:' "$1"; then
    gitcoord_guard message "$1" edited </dev/null || :
fi
gitcoord_kept "$@" || exit $?
""",
        "this commit gets no trailers",
    ),
    "post-commit": (
        """\
gitcoord_guard committed </dev/null || :
gitcoord_kept "$@" || exit $?
""",
        "this commit is not noted",
    ),
    "pre-push": (
        """\
gitcoord_lines=$(cat; echo .)
gitcoord_lines=${gitcoord_lines%.}
printf %s "$gitcoord_lines" 2>/dev/null | gitcoord_guard push "$@" || exit $?
printf %s "$gitcoord_lines" 2>/dev/null | gitcoord_kept "$@" || exit $?
""",
        "this push is not checked",
    ),
}

_TEXT = """\
{shebang}
{begin}
gitcoord_guard() {{
    gitcoord={program}
    [ -x "$gitcoord" ] || gitcoord=$(command -v gitcoord 2>/dev/null) || gitcoord=
    if [ -z "$gitcoord" ]; then
        echo "gitcoord: the program is not found, so {without}" >&2
        return 0
    fi
    "$gitcoord" guard "$@"
    gitcoord_code=$?
    case $gitcoord_code in
    0 | 3 | 130 | 143) return $gitcoord_code ;;
    esac
    echo "gitcoord: it failed with exit code $gitcoord_code, so {without}" >&2
}}
gitcoord_kept() {{
    gitcoord_hook=${{0%/*}}/{hook}{kept}
    [ -f "$gitcoord_hook" ] && [ -x "$gitcoord_hook" ] || return 0
    # pre-commit refuses to be called by itself when it calls this file as its legacy hook.
    if [ -n "${{PRE_COMMIT_RUNNING_LEGACY-}}" ] && grep -q 'by pre-commit:' "$gitcoord_hook"; then
        return 0
    fi
    IFS= read -r gitcoord_line <"$gitcoord_hook" || :
    case $gitcoord_line in
    '#!'*/sh | '#!'*' sh')
        # Sourced, because some hooks ask $0 for their own name (husky does).
        GITCOORD_KEPT=$gitcoord_hook sh -c \\
            'gitcoord_hook=$GITCOORD_KEPT; unset GITCOORD_KEPT; . "$gitcoord_hook"' "$0" "$@"
        ;;
    *) "$gitcoord_hook" "$@" ;;
    esac
}}
{body}{end}
"""


def text(hook: str, program: str) -> bytes:
    """Return the file of a hook that starts the program with this absolute path."""
    body, without = HOOKS[hook]
    made = _TEXT.format(
        shebang=_SHEBANG, begin=_BEGIN, end=_END, program=quote(program), without=without,
        hook=hook, kept=KEPT, body=body,
    )  # fmt: skip
    return made.encode("utf-8", "surrogateescape")


def ours(data: bytes | None) -> bool:
    """Say whether a hook is, or holds, one of ours."""
    return data is not None and _BEGIN.encode() in data


def without(data: bytes) -> bytes | None:
    """Return a hook without what is ours; None where nothing else is left."""
    before, _, after = _parted(data)
    rest = before + after
    return None if rest.strip() in (b"", _SHEBANG.encode()) else rest


def renewed(data: bytes, made: bytes) -> bytes:
    """Return a hook in which our part is that of `made`; what others have added stays."""
    before, _, after = _parted(data)
    return before + _parted(made)[1] + after


def _parted(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is before our part, our part, and what is behind it."""
    begin, end = _BEGIN.encode(), _END.encode() + b"\n"
    first = data.find(begin)
    if first == -1:
        return data, b"", b""
    last = data.find(end, first)
    behind = len(data) if last == -1 else last + len(end)
    return data[:first], data[first:behind], data[behind:]
