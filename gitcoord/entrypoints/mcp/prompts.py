"""Prompts: two short scripts that a person can start in a client.

Names and arguments are those of the original. Not here: how clients show them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gitcoord.errors import InvalidValue

#: Longest argument, in characters.
LONGEST = 10_000

#: What the model hears of this server at the start. The first 512 characters stand for themselves.
INSTRUCTIONS = """\
gitcoord lets several agents work on one repository without stepping on each other. Call \
session_context first: it tells who you are, what others do and what was left for you. Call \
acquire_lock for a file before you edit it; if that is refused, do other work or wait with \
wait_seconds, but do not edit it. Take tasks with get_work and end them with complete_work; give \
locks back with release_lock after you have committed. Before you stop, call write_handoff.

A refusal names who is in the way, until when, and what to do next. Locks are renewed and your \
session is kept alive for as long as you are connected. Answers may carry notes: something that \
happened to you meanwhile, such as a lock that somebody took over."""


class Argument(NamedTuple):
    """One argument of a prompt; all are required."""

    name: str
    description: str


class Prompt(NamedTuple):
    """One prompt."""

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    write: Callable[[Mapping[str, str]], str]


def _start(given: Mapping[str, str]) -> str:
    return (
        "Start a work session in this repository, which other agents work on too.\n"
        "1. Call session_context, and take what it says into account: your locks and task, who "
        "works near you, what has not landed, the last handoff.\n"
        "2. Call read_messages, and acknowledge what asks for it.\n"
        "3. If you have no task, call get_work. If nothing is ready, say what stands in the way "
        "and ask what to do.\n"
        "4. Call acquire_lock for what you are going to change, before you change it.\n"
        "Then say in three sentences what you are going to do."
    )


def _edit(given: Mapping[str, str]) -> str:
    path, task = given["file_path"], given["task"]
    return (
        f"Edit {path} together with other agents. The task: {task}\n"
        f"1. Call check_locks and recent_changes for {path}. If its changes are on another branch "
        "(unlanded), build on that branch.\n"
        f"2. Call acquire_lock for {path} with the task as reason. If it is refused, say who holds "
        "it and until when; wait with wait_seconds, write to the holder with send_message, or do "
        "something else. Do not edit the file without the lock.\n"
        "3. Make the change and commit it.\n"
        f"4. Call release_lock for {path}, and write_handoff if somebody has to go on."
    )


PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "start_work_session",
            "Start a work session",
            "See who is here and what was left, take a task, lock what it needs.",
            (),
            _start,
        ),
        Prompt(
            "coordinate_file_edit",
            "Edit a file together with others",
            "Lock a file, change it, give it back.",
            (
                Argument("file_path", "The file, from the root of the repository."),
                Argument("task", "What is to be changed."),
            ),
            _edit,
        ),
    )
}


def written(prompt: Prompt, given: Mapping[str, str] | None) -> str:
    """Return the text of a prompt. Raises `InvalidValue` for what its arguments are not."""
    said = {name: value.strip() for name, value in (given or {}).items()}
    known = [argument.name for argument in prompt.arguments]
    lacking = [name for name in known if not said.get(name)]
    strange = [name[:80] for name in said if name not in known]
    if lacking or strange:
        what = f"needs {', '.join(lacking)}" if lacking else f"has no {', '.join(strange)}"
        raise InvalidValue(f"the prompt {prompt.name} {what}")
    if any(len(value) > LONGEST for value in said.values()):
        raise InvalidValue(f"an argument has at most {LONGEST} characters")
    return prompt.write(said)
