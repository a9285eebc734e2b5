"""What an agent is told in the file of instructions that its client reads.

Promises few words: they are part of every conversation. What is new is told by hooks when
it happens. Not here: which file that is.
"""

from __future__ import annotations

from gitcoord.clients.contents import Block
from gitcoord.clients.program import NAME, quoted

BEGIN = "<!-- gitcoord: begin (`gitcoord setup` writes what stands here) -->"
END = "<!-- gitcoord: end -->"

_HOOKS = """\
- Hooks lock each file that you edit. Where an edit is refused, another agent holds the file: do
  what the refusal says or work on something else. Do not go round it through the shell."""

#: For clients of which no hook calls gitcoord.
_BY_HAND = """\
- Nothing locks files for you. Before you edit one, call the tool `acquire_lock` of the MCP server
  `gitcoord`. Where it is refused, another agent holds the file: do not edit it, do what the
  refusal says or work on something else. When the work is committed, call `release_lock`."""

_COMMON = """\
## Other agents work here too

gitcoord keeps several agents in this repository out of each other's way.

{locks}
- `gitcoord context` shows your task, your locks, who works where and the last handoff.
- Before larger work take its keys together, all or none: `gitcoord lock acquire PATH...`.
- Before you stop leave a handoff: `gitcoord handoff write "summary" --next-step "what is left"`."""

_SANDBOX = """
- In the sandbox the shell cannot write to the git directory: use the tools of the MCP server
  `gitcoord` for whatever changes something (locks, tasks, handoffs)."""


def block(program: str, *, first: str = "", sandboxed: bool = False, hooks: bool = True) -> Block:
    """Return the block of instructions.

    `first`: a line that must come before it. `sandboxed`: the client's shell may read the
    ledger and not write it. `hooks`: the client's hooks call gitcoord. Where the program is no
    plain name, it is said which it is.
    """
    body = _COMMON.format(locks=_HOOKS if hooks else _BY_HAND) + (_SANDBOX if sandboxed else "")
    if program != NAME:
        body += f"\n- `{NAME}` in these lines stands for `{quoted(program)}`."
    return Block("instructions", BEGIN, END, f"{first}\n\n{body}" if first else body)
