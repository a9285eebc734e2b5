"""What is told to a workflow's runner cannot be mistaken for a command of somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.entrypoints import workflow


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("::error::x", "'::error::x"),
        ("  ::error::x", "'::error::x"),
        ("a\n::error::x", "a ::error::x"),
        ("a\r::error::x", "a ::error::x"),
        ("a\u2028::error::x", "a ::error::x"),
        ("x ##[set-output name=a;]b", "x ## [set-output name=a;]b"),
    ],
)
def test_a_line_holds_no_command(text: str, line: str) -> None:
    assert workflow.harmless(text) == line


def test_a_remark_is_one_command_whatever_it_says() -> None:
    said = workflow.annotation("error", "50%\n::set-output name=a::b")
    assert said == "::error title=gitcoord::50%25%0A::set-output name=a::b"


def test_outputs_and_summary_go_to_the_files_of_the_runner(tmp_path: Path) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    environ = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    workflow.tell(environ, free="true", blocked="[]\nfree=false")
    first, end = output.read_text().splitlines()[0].split("<<")
    assert output.read_text() == (
        f"{first}<<{end}\ntrue\n{end}\nblocked<<{end}\n[]\nfree=false\n{end}\n"
    )
    workflow.summarise(environ, "one")
    workflow.summarise(environ, "two\n")
    assert summary.read_text() == "one\n\ntwo\n\n"
    workflow.tell({}, free="true")
    workflow.summarise({}, "one")
    assert workflow.running({}) is False
