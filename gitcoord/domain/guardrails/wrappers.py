"""Programs that run the rest of their words as a command: `sudo`, `env`, `timeout` and such.

Not here: programs that run a text (`sh -c`, `ssh`) or build a command (`xargs`, `find`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitcoord.domain.guardrails.command import base
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.words import Word


class _Wrapper(NamedTuple):
    #: Short options that take a value, long ones that take it as their next word.
    valued: str = ""
    long: tuple[str, ...] = ()
    #: Operands before the command.
    skip: int = 0
    #: Words that must come first: `poetry run`.
    verbs: tuple[str, ...] = ()
    #: Options with which nothing is run.
    idle: tuple[str, ...] = ()


_CONTAINER = _Wrapper(
    "euwlvpm", ("env", "user", "workdir", "name", "volume", "network", "entrypoint", "mount",
    "env-file", "publish", "platform", "label", "namespace", "container"), 1,
)  # fmt: skip
_SUDO = _Wrapper("ugpCDRThUrt", ("user", "group", "prompt", "chdir", "host", "role"))

#: https://www.gnu.org/software/coreutils/manual/ and the manuals of the programs.
_WRAPPERS: dict[str, tuple[_Wrapper, ...]] = {
    "sudo": (_SUDO,),
    "doas": (_Wrapper("uC"),),
    "pkexec": (_Wrapper("u", ("user",)),),
    "runuser": (_Wrapper("u", ("user",)),),
    "env": (_Wrapper("uC", ("unset", "chdir")),),
    "nice": (_Wrapper("n", ("adjustment",)),),
    "ionice": (_Wrapper("cn", ("class", "classdata")),),
    "chrt": (_Wrapper("", (), 1),),
    "taskset": (_Wrapper("", (), 1),),
    "nohup": (_Wrapper(),),
    "setsid": (_Wrapper(),),
    "timeout": (_Wrapper("ks", ("kill-after", "signal"), 1),),
    "gtimeout": (_Wrapper("ks", ("kill-after", "signal"), 1),),
    "time": (_Wrapper("fo", ("format", "output")),),
    "command": (_Wrapper(idle=("-v", "-V", "-pv", "-pV")),),
    "builtin": (_Wrapper(),),
    "exec": (_Wrapper("a"),),
    "stdbuf": (_Wrapper("ioe", ("input", "output", "error")),),
    "unbuffer": (_Wrapper(),),
    "busybox": (_Wrapper(idle=("--list", "--help")),),
    "toybox": (_Wrapper(),),
    "strace": (_Wrapper("eoptsSuEaIObPX"),),
    "ltrace": (_Wrapper("eoptsSuaA"),),
    "chroot": (_Wrapper("", ("userspec",), 1),),
    "flock": (_Wrapper("wE", ("wait", "timeout"), 1, idle=("-c", "--command")),),
    "caffeinate": (_Wrapper("tw"),),
    "coproc": (_Wrapper(),),
    "then": (_Wrapper(),),
    "do": (_Wrapper(),),
    "else": (_Wrapper(),),
    "!": (_Wrapper(),),
    "{": (_Wrapper(),),
    "npx": (_Wrapper("p", ("package",)),),
    "bunx": (_Wrapper(),),
    "pnpx": (_Wrapper(),),
    "uvx": (_Wrapper("", ("from", "with", "python")),),
    "pipx": (_Wrapper("", ("spec",), verbs=("run",)),),
    "dotenv": (_Wrapper("f", verbs=("run",)), _Wrapper("ef")),
    "systemd-run": (_Wrapper("pEtu", ("unit", "property")),),
    "poetry": (_Wrapper("C", ("directory",), verbs=("run",)),),
    "pipenv": (_Wrapper(verbs=("run",)),),
    "uv": (_Wrapper("", ("with", "python", "directory"), verbs=("run",)),),
    "rye": (_Wrapper(verbs=("run",)),),
    "hatch": (_Wrapper(verbs=("run",)),),
    "bundle": (_Wrapper(verbs=("exec",)),),
    "npm": (_Wrapper(verbs=("exec",)), _Wrapper(verbs=("x",))),
    "pnpm": (_Wrapper(verbs=("exec",)), _Wrapper(verbs=("dlx",))),
    "yarn": (_Wrapper(verbs=("exec",)), _Wrapper(verbs=("dlx",))),
    "mise": (_Wrapper(verbs=("exec",)),),
    "direnv": (_Wrapper(skip=1, verbs=("exec",)),),
    "wsl": (_Wrapper("du"),),
    "docker": (
        _CONTAINER._replace(verbs=("exec",)),
        _CONTAINER._replace(verbs=("run",)),
        _CONTAINER._replace(verbs=("container", "exec")),
        _CONTAINER._replace(verbs=("compose", "exec")),
        _CONTAINER._replace(verbs=("compose", "run")),
    ),
    "docker-compose": (_CONTAINER._replace(verbs=("exec",)), _CONTAINER._replace(verbs=("run",))),
    "kubectl": (_CONTAINER._replace(valued="nc", verbs=("exec",)),),
    "gitcoord": (_Wrapper("", ("session", "name", "keys", "ttl"), verbs=("run",)),),
}
_WRAPPERS["podman"] = _WRAPPERS["nerdctl"] = _WRAPPERS["docker"]
_WRAPPERS["oc"] = _WRAPPERS["kubectl"]

_ASSIGNMENT = Pattern(r"[A-Za-z_]\w*\+?=")


def unwrapped(words: Sequence[Word]) -> tuple[Word, ...]:
    """Return the words of the command that these run, empty where they run none."""
    for wrapper in _WRAPPERS.get(base(words[0].text), ()):
        verbs = wrapper.verbs
        if tuple(word.text for word in words[1 : 1 + len(verbs)]) == verbs:
            return _rest(words[1 + len(verbs) :], wrapper)
    return ()


def _rest(words: Sequence[Word], wrapper: _Wrapper) -> tuple[Word, ...]:
    at, skip = 0, wrapper.skip
    while at < len(words):
        text = words[at].text
        if text in wrapper.idle:
            return ()
        if text == "--":
            at += 1 + max(skip, 0) if not wrapper.verbs else 1
            break
        if text[:1] == "-" and len(text) > 1:
            at += 1 + _takes_next(text, wrapper)
        elif _ASSIGNMENT.match(text) and wrapper.skip == 0:
            at += 1
        elif skip > 0:
            skip -= 1
            at += 1
        else:
            break
    if at < len(words) and words[at].text == "--":
        at += 1
    return tuple(words[at:])


def _takes_next(text: str, wrapper: _Wrapper) -> bool:
    if text.startswith("--"):
        return "=" not in text and text[2:] in wrapper.long
    for place, letter in enumerate(text[1:], 2):
        if letter in wrapper.valued:
            return place == len(text)
    return False
