"""Shell texts in the words of other programs: `ssh host TEXT`, `python -c`, `git -c alias.x=!TEXT`.

Of code in other languages only calls that start a shell or delete a tree are seen, with
literal arguments. Not here: shells themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from shlex import quote

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern

_STRING = r"""(?:"((?:[^"\\]|\\.){0,4000})"|'((?:[^'\\]|\\.){0,4000})')"""
_CALLS = Pattern(
    r"(?:\bos\.system|\bos\.popen|\bsystem|\bpopen|\bexecSync|\bexec|\bspawnSync|\bgetoutput|"
    r"\bshell_exec|"
    r"\bpassthru|\bcheck_output|\bcheck_call|\bPopen|\brun|\bcall|%x)(?:\s*\(\s*|\s+)[rf]?"
    + _STRING
)
_LISTS = Pattern(
    r"(?:\brun|\bcall|\bcheck_call|\bcheck_output|\bPopen|\bsystem)\s*\(\s*\[([^\]]{0,2000})\]"
)
_ARGV = Pattern(
    r"(?:\bexecFileSync|\bspawnSync|\bspawn|\bexecvp?|\bsystem)\s*\(\s*"
    + _STRING
    + r"\s*,\s*\[?([^\])]{0,2000})"
)
_TREES = Pattern(
    r"(?:\brmtree|\brm_rf|\brm_r|\bremove_entry_secure|"
    r"\brimraf(?:\.sync)?)(?:\s*\(\s*|\s+)(?:Path\s*\(\s*)?(os\.path\.expanduser\()?" + _STRING
)
_NODE = Pattern(r"\brm(?:dir)?(?:Sync)?\s*\(\s*" + _STRING + r"\s*,\s*\{[^}]{0,200}recursive")
_TICKS = Pattern(r"(?:`|%x\{|qx\{|qx\()([^`}]{1,2000})[`})]")
_STRINGS = Pattern(_STRING)
_ESCAPE = Pattern(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)", re.DOTALL)
#: The home directory, as code names it.
_HOME = Pattern(
    r"""\$?\bENV\s*[\[{]\s*["']?HOME["']?\s*[\]}]|\bprocess\.env\.HOME\b|\bos\.homedir\(\)"""
    r"""|\bos\.environ(?:\.get\(|\[)\s*["']HOME["']\s*[\])]|\bos\.getenv\(\s*["']HOME["']\s*\)"""
    r"""|\bgetenv\(\s*["']HOME["']\s*\)|(?:\bpathlib\.)?\bPath\.home\(\)|\bDir\.home\b"""
)


def code(text: str) -> list[str]:
    """Return the shell texts that a piece of Python, Perl, Ruby, PHP or JavaScript would run."""
    text = _HOME.sub('"~"', text[:20_000])
    found = [_literal(match[1], match[2]) for match in _CALLS.finditer(text)]
    for match in _LISTS.finditer(text):
        words = _strings(match[1])
        found.append(" ".join(map(quote, words)))
    for match in _ARGV.finditer(text):
        words = [_literal(match[1], match[2])]
        words += _strings(match[3])
        found.append(" ".join(map(quote, words)))
    for match in _TREES.finditer(text):
        path = _literal(match[2], match[3])
        found.append(f"rm -rf {path if match[1] or path == '~' else quote(path)}")
    for match in _NODE.finditer(text):
        path = _literal(match[1], match[2])
        found.append(f"rm -rf {path if path == '~' else quote(path)}")
    if re.search(r"""\brmtree\s*\(\s*(?!["'\s]|Path|os\.path\.expanduser)\w""", text):
        found.append('rm -rf "$UNKNOWN_TREE"')
    return found


def _strings(text: str) -> list[str]:
    return [_literal(found[1], found[2]) for found in _STRINGS.finditer(text)]


def _literal(double: str | None, single: str | None) -> str:
    return _ESCAPE.sub(_character, double or single or "")


def _character(found: re.Match[str]) -> str:
    said = found[1]
    return chr(int(said[1:], 16)) if len(said) > 1 else {"n": "\n", "t": "\t"}.get(said, said)


def texts(command: Command) -> list[str]:
    """Return the shell texts that a command runs."""
    how = PROGRAMS.get(command.name)
    return [] if how is None else [text for text in how(command) if text]


def _interpreter(command: Command) -> list[str]:
    said = [
        text
        for at, text in _after(command, "-c", "-e", "-E", "-r", "--eval", "-pe", "-ne", "-ie", "-p")
    ]
    if not said and command.stdin is not None and all(arg[:1] == "-" for arg in command.args):
        said = [command.stdin]
    shell = [found for text in said for found in code(text)]
    if command.name in {"perl", "ruby"}:
        shell += [found for text in said for found in _TICKS.texts(text)]
    return shell


def _awk(command: Command) -> list[str]:
    return [found for arg in command.args if "system" in arg or "|" in arg for found in code(arg)]


def _after(command: Command, *options: str) -> list[tuple[int, str]]:
    args = command.args
    return [(at, args[at + 1]) for at, arg in enumerate(args[:-1]) if arg in options]


def _ssh(command: Command) -> list[str]:
    given = parse(command.args, "BbcDEeFIiJLlmOopQRSWw", stop=True)
    words = list(given.operands[1:])
    return [" ".join(words[words[:1] == ["--"] :]) or command.stdin or ""]


def _option_c(command: Command) -> list[str]:
    return [text for _, text in _after(command, "-c", "--command", "--run", "-e")]


def _operands(command: Command) -> list[str]:
    given = parse(command.args, "ndtsxycFLl", ("interval",), stop=True).operands
    return [" ".join(given)]


def _multiplexer(command: Command) -> list[str]:
    """`tmux new-session -d 'TEXT'`, `send-keys 'TEXT' Enter`, `screen -X stuff TEXT`."""
    return [arg for arg in command.args if " " in arg]


def _stdin(command: Command) -> list[str]:
    return [command.stdin or ""]


def _crontab(command: Command) -> list[str]:
    lines = (command.stdin or "").splitlines()
    return [re.sub(r"^\s*(@\w+|(\S+\s+){5})", "", line) for line in lines]


def _git(command: Command) -> list[str]:
    args, found = command.args, []
    for at, arg in enumerate(args):
        if re.match(r"alias\.[\w.-]+=", arg):
            found.append(_alias(arg.partition("=")[2]))
        elif arg.startswith("alias.") and at + 1 < len(args):
            found.append(_alias(args[at + 1]))
        elif arg in {"-x", "--exec"} and "rebase" in args[:at] and at + 1 < len(args):
            found.append(args[at + 1])
        elif arg.startswith("--exec=") and "rebase" in args[:at]:
            found.append(arg.partition("=")[2])
        elif arg == "foreach" and "submodule" in args[:at]:
            found.append(
                " ".join(one for one in args[at + 1 :] if one not in {"--recursive", "-q"})
            )
        elif arg == "run" and "bisect" in args[:at]:
            found.append(" ".join(map(quote, args[at + 1 :])))
    return found


def _alias(text: str) -> str:
    """Return what an alias of git runs: a text of the shell after `!`, else a verb of git."""
    return text[1:] if text.startswith("!") else f"git {text}"


PROGRAMS: dict[str, Callable[[Command], list[str]]] = {
    **dict.fromkeys(
        (
            "python",
            "python2",
            "python3",
            "pypy3",
            "perl",
            "ruby",
            "node",
            "nodejs",
            "deno",
            "bun",
            "php",
            "osascript",
        ),
        _interpreter,
    ),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), _awk),
    "ssh": _ssh,
    "mosh": _ssh,
    "su": _option_c,
    "script": _option_c,
    "nix-shell": _option_c,
    "runuser": _option_c,
    "flock": _option_c,
    "vagrant": _option_c,
    "watch": _operands,
    "tmux": _multiplexer,
    "screen": _multiplexer,
    "at": _stdin,
    "batch": _stdin,
    "crontab": _crontab,
    "git": _git,
}
