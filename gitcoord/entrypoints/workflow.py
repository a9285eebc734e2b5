"""What a command tells the workflow that runs it: annotations, outputs, the run's summary.

Each is nothing where no workflow runs. What others wrote cannot give the runner a command: it
stands on lines of ours, and what the runner would act upon is taken apart.
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Literal

Level = Literal["notice", "warning", "error"]

#: How the runner wants what would end a command written.
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}


def running(environ: Mapping[str, str]) -> bool:
    """Say whether a workflow of GitHub runs this."""
    return environ.get("GITHUB_ACTIONS") == "true"


def annotation(level: Level, text: str) -> str:
    """Return the line that makes the runner show a remark on the run."""
    for char, code in _DATA.items():
        text = text.replace(char, code)
    return f"::{level} title=gitcoord::{harmless(text)}"


def harmless(text: str) -> str:
    """Return one line in which the runner finds no command, whatever others wrote into it.

    It takes `::name::` at the beginning of a line for one, and `##[name]` anywhere.
    """
    line = " ".join(text.split()).replace("##[", "## [")
    return f"'{line}" if line.startswith("::") else line


def tell(environ: Mapping[str, str], **outputs: str) -> None:
    """Set outputs of the step. Raises `OSError` where its file cannot be written."""
    path = environ.get("GITHUB_OUTPUT")
    if not path:
        return
    # No value can hold an end that nobody can guess.
    end = secrets.token_hex(16)
    text = "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in outputs.items())
    _append(path, text)


def summarise(environ: Mapping[str, str], markdown: str) -> None:
    """Add to the summary of the run. Raises `OSError` where its file cannot be written."""
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        _append(path, markdown.rstrip() + "\n\n")


def _append(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8", errors="replace", newline="\n") as file:
        file.write(text)
