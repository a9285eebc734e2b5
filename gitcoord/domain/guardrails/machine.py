"""Judges what changes or stops the machine: disks, services, users, processes, containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import opaque
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.rules import Severity

Found = Iterator[tuple[str, Severity | None]]


def judge(command: Command) -> Found:
    """Yield the rules that a command meets."""
    how = _PROGRAMS.get(command.name)
    if how is not None:
        yield from how(command)
    elif command.name.startswith("mkfs"):
        yield "disk_write", None


def _disk(command: Command) -> Found:
    if not parse(command.args).has("l", "list", "help", "version", "p", "V") and command.args:
        yield "disk_write", None


def _down(command: Command) -> Found:
    if not parse(command.args).has("help", "c"):
        yield "host_damage", None


def _fork(command: Command) -> Found:
    yield "host_damage", None


def _kill(command: Command) -> Found:
    targets = [arg for arg in command.args if arg not in {"-9", "-15", "-KILL", "-TERM", "--"}]
    if command.name == "kill":
        if targets[:1] == ["-1"] or targets == ["1"]:
            yield "host_damage", None
        elif any(opaque(target) for target in targets):
            yield "system_change", "warn"
    elif not parse(command.args).has("l", "0"):
        yield "system_change", "warn"


def _service(command: Command) -> Found:
    verb = next((arg for arg in command.args if not arg.startswith("-")), "")
    if verb in {"poweroff", "reboot", "halt", "kexec", "rescue", "emergency", "isolate"}:
        yield "host_damage", None
    elif verb in {"stop", "disable", "mask", "restart", "kill", "start", "enable"}:
        yield "system_change", None if "--user" not in command.args else "warn"
    elif (
        command.name == "service"
        and len(command.args) > 1
        and command.args[1] in {"stop", "restart"}
    ):
        yield "system_change", None


def _crontab(command: Command) -> Found:
    given = parse(command.args, "u")
    if given.has("r") or (not given.has("l") and command.args):
        yield "system_change", None


def _container(command: Command) -> Found:
    words = [arg for arg in command.args if not arg.startswith("-")]
    given = parse(command.args)
    if words[:2] in (["volume", "rm"], ["volume", "prune"]):
        yield "volume_delete", None
    elif words[:2] == ["system", "prune"]:
        yield "volume_delete", None if given.has("volumes", "a", "all") else "warn"
    elif "down" in words[:2] and given.has("v", "volumes"):
        yield "volume_delete", None
    elif words[-1:] == ["prune"] and given.has("f", "force"):
        yield "volume_delete", "warn"
    elif words[:1] in (["rm"], ["rmi"], ["kill"], ["stop"]) and any(opaque(word) for word in words):
        yield "volume_delete", "ask" if words[0] != "stop" else "warn"


def _user(command: Command) -> Found:
    yield "system_change", None


_PROGRAMS: dict[str, Callable[[Command], Found]] = {
    "wipefs": _disk, "fdisk": _disk, "sfdisk": _disk, "gdisk": _disk, "sgdisk": _disk,
    "parted": _disk, "mkswap": _disk, "blkdiscard": _disk, "cryptsetup": _disk,
    "lvremove": _disk, "vgremove": _disk, "pvremove": _disk, "zpool": _disk, "shutdown": _down,
    "reboot": _down, "poweroff": _down, "halt": _down, "fork-bomb": _fork, "kill": _kill,
    "pkill": _kill, "killall": _kill, "systemctl": _service, "service": _service,
    "crontab": _crontab, "docker": _container, "podman": _container,
    "docker-compose": _container, "useradd": _user, "userdel": _user, "usermod": _user,
    "passwd": _user, "chpasswd": _user, "visudo": _user, "groupadd": _user, "chsh": _user,
}  # fmt: skip
