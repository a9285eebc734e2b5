"""The skills that come with gitcoord: one for working beside others, twelve for a workflow.

Their texts are files of the package, in the plugin for Claude Code, and every client that
knows skills gets the same ones. They ask `gitcoord context --env` what there is, and work
without it. Not here: what the flags mean.
"""

from __future__ import annotations

import os

from gitcoord.clients.contents import Whole
from gitcoord.clients.plan import read
from gitcoord.clients.program import NAME, quoted
from gitcoord.clients.setup import File

#: The one that a set-up always writes.
GENERAL = NAME

#: Skill of the workflow -> the flags that it asks for.
WORKFLOW: dict[str, tuple[str, ...]] = {
    "explore-feature": ("CAN_MEMORY",),
    "plan-feature": ("CAN_HANDOFF", "CAN_MEMORY"),
    "iterate-on-plan": ("CAN_HANDOFF", "CAN_MEMORY"),
    "implement-feature": ("CAN_HANDOFF", "CAN_QUEUE_WORK", "CAN_LOCK", "CAN_GUARDRAILS"),
    "iterate-on-implementation": ("CAN_HANDOFF", "CAN_MEMORY"),
    "validate-feature": ("CAN_MEMORY",),
    "security-review": ("CAN_GUARDRAILS",),
    "cleanup-feature": ("CAN_HANDOFF", "CAN_LOCK"),
    "parallel-plan-feature": ("CAN_HANDOFF", "CAN_MEMORY", "CAN_DISCOVER", "CAN_POLICY"),
    "parallel-implement-feature": (
        "CAN_DISCOVER",
        "CAN_AUDIT",
        "CAN_QUEUE_WORK",
        "CAN_HANDOFF",
        "CAN_LOCK",
        "CAN_GUARDRAILS",
    ),
    "parallel-validate-feature": ("CAN_HANDOFF", "CAN_MEMORY", "CAN_AUDIT", "CAN_GUARDRAILS"),
    "parallel-cleanup-feature": ("CAN_LOCK", "CAN_AUDIT", "CAN_MEMORY", "CAN_HANDOFF"),
}

#: Stands in each of them, so that a file that somebody else wrote is known as such.
MARK = "<!-- from gitcoord: "

_FOLDER = os.path.join(os.path.dirname(__file__), "claude", "plugin", "skills")


def text(name: str, program: str = NAME) -> str:
    """Return the text of a skill; where the program is no plain name, it says which it is."""
    with open(os.path.join(_FOLDER, name, "SKILL.md"), encoding="utf-8", newline="") as file:
        said = file.read()
    if program == NAME:
        return said
    before, _, after = said.partition(f"\n{NAME} context --env ")
    asked, _, rest = after.partition("\n```\n")
    return (
        f"{before}\n{quoted(program)} context --env {asked}\n```\n\n"
        f"`{NAME}` below stands for `{quoted(program)}`.\n{rest}"
    )


def files(folder: str, program: str, *, workflow: bool) -> tuple[File, ...]:
    """Return the skills as files of a client's folder of skills.

    Those of the workflow where they are wanted, and where they are already.
    """
    chosen = []
    for name in (GENERAL, *WORKFLOW):
        path = os.path.join(folder, name, "SKILL.md")
        if workflow or name == GENERAL or MARK.encode() in (read(path) or b""):
            chosen.append(File(path, (Whole(f"skill {name}", text(name, program), MARK),)))
    return tuple(chosen)
