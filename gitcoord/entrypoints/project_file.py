"""`.gitcoord.yaml` at the root of the worktree: first settings of a ledger, and taste.

It differs between branches, so what all must agree on is read from it only by `init`;
from then on the ledger has the last word.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.settings import Area, Settings
from gitcoord.entrypoints.settings import LOCAL, SHARED, Local, converted, refuse
from gitcoord.errors import InvalidConfig

if TYPE_CHECKING:
    from gitcoord.domain.guardrails.policy import Policy

FILE = ".gitcoord.yaml"
#: The key of the section that is neither a setting of a clone nor one of the ledger.
GUARDRAILS = "guardrails"

#: What `init --write-config` writes.
SAMPLE = """\
# First settings of this repository's ledger; `gitcoord init` reads them once.
# Later: gitcoord config --shared KEY VALUE
target_branch: {target}
conflict_mode: warn   # or block: refuse sessions whose declared scope overlaps another's
lock_ttl: 30m
areas: []             # - {{name: backend, patterns: [src/**], description: The server}}
ignore: []            # keys that are never locked, such as package-lock.json
shared: []            # keys that are only ever shared
# remote: origin      # a git host that keeps the ledger for all clones; or a URL
namespaces: []        # prefixes of logical keys beside api: db: event: flag: env: contract:
"""


def load(worktree: str | None) -> dict[str, Any]:
    """Return what the file says as plain data; nothing where there is no file.

    Raises `InvalidConfig` for what is no YAML or a wrong value, `UnknownSetting` with a
    suggestion; both name the file.
    """
    text = _text(worktree)
    if text is None:
        return {}
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        words = " ".join(str(wrong).split())
        raise InvalidConfig(f"{FILE} is no YAML: {words}", path=FILE) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidConfig(f"{FILE} must hold keys with values", path=FILE)
    values = {}
    for name, value in found.items():
        if name not in (*LOCAL, *SHARED, GUARDRAILS):
            refuse(str(name), (*SHARED, *LOCAL, GUARDRAILS), FILE)
        if value is not None:
            values[name] = _checked(name, value)
    return values


def seeds(worktree: str | None) -> dict[str, Any]:
    """Return what the file says about settings that all share. Raises like `load`."""
    return {name: value for name, value in load(worktree).items() if name in SHARED}


def has_file(worktree: str | None) -> bool:
    """Say whether the worktree has the file."""
    return worktree is not None and os.path.isfile(os.path.join(worktree, FILE))


def _text(worktree: str | None) -> str | None:
    if worktree is None:
        return None
    try:
        with open(os.path.join(worktree, FILE), encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as wrong:
        raise InvalidConfig(f"{FILE} cannot be read: {wrong}", path=FILE) from wrong


def _checked(name: str, value: Any) -> Any:
    if name == GUARDRAILS:
        from gitcoord.domain.guardrails.policy import policy_from

        try:
            policy_from(value)
        except InvalidConfig as wrong:
            raise InvalidConfig(f"{FILE}: {wrong.message}", hint=wrong.hint, path=FILE) from None
        return value
    if name in LOCAL:
        converted(Local, name, value, f"{FILE}: {name}")
        return value
    if name == "areas":
        value = _areas(value)
    return msgspec.to_builtins(converted(Settings, name, value, f"{FILE}: {name}"))


def _areas(value: Any) -> Any:
    """Return the areas as a list; they may be written as `name: patterns` too."""
    if isinstance(value, dict):
        value = [_area(name, said) for name, said in value.items()]
    for area in value if isinstance(value, list) else ():
        for field in area if isinstance(area, dict) else ():
            if field not in Area.__struct_fields__:
                refuse(str(field), Area.__struct_fields__, f"{FILE}: areas")
    return value


def _area(name: Any, said: Any) -> Any:
    if isinstance(said, dict):
        return {"name": name} | said
    return {"name": name, "patterns": [said] if isinstance(said, str) else said}


def guardrails(worktree: str | None) -> Policy:
    """Return the guardrails of a worktree; the defaults where its file says nothing of them.

    Raises like `load`.
    """
    from gitcoord.domain.guardrails.policy import policy_from

    return policy_from(load(worktree).get(GUARDRAILS) if has_file(worktree) else None)
