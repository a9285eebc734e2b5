"""A runner for one job, as far as GitHub documents it: files, environment, shells, node, ends.

Steps run as processes of their own, with bash and node. Replaced are: `actions/checkout` by a
clone without credentials, `actions/setup-python` by the Python of these tests, and what installs
gitcoord by the gitcoord of these tests, which `.github/actions/install` finds as if an earlier
step had installed it. What steps print is read for commands as the runner reads it.
https://docs.github.com/actions/reference/workflows-and-actions/variables
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests import npm
from tests.actions.expressions import filled, true, value

ROOT = Path(__file__).parents[2]
ACTIONS = ROOT / ".github" / "actions"
_FILES = ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
_COMMAND = re.compile(r"::(?P<name>[\w-]+)(?: (?P<more>[^:]*))?::(?P<data>.*)")
_OLD = re.compile(r"##\[(?P<name>[\w-]+)[^\]]*\](?P<data>.*)")


class Command(NamedTuple):
    """What the runner takes for a command in what a step prints."""

    name: str
    data: str


class Step(NamedTuple):
    """How a step ended."""

    ok: bool
    outputs: Mapping[str, str]
    log: str

    @property
    def commands(self) -> list[Command]:
        """The commands that the runner finds, in either of its two forms."""
        lines = [line.strip() for line in self.log.splitlines()]
        found = [match for line in lines if (match := _COMMAND.match(line))]
        old = [match for line in lines if not _COMMAND.match(line) and (match := _OLD.search(line))]
        return [Command(match["name"], match["data"]) for match in (*found, *old)]

    def told(self, name: str) -> str:
        """Return what the commands of this name say."""
        return "\n".join(one.data for one in self.commands if one.name == name)


class Job:
    """One job: its folders, its environment, and what its actions leave to be done at its end."""

    def __init__(self, place: Path, workspace: Path, github: Mapping[str, Any]) -> None:
        """`github` is the context of that name, with the token and the event's payload."""
        if sys.platform == "win32" or shutil.which("bash") is None:
            pytest.skip("there is no bash of this system")
        self.place, self.workspace, self.github = place, workspace, dict(github)
        self.temp = place / "temp"
        self.temp.mkdir(parents=True)
        (self.temp / "gitcoord").mkdir()
        programs = str(Path(sys.executable).parent)
        (self.temp / "gitcoord" / "ready").write_text(f"{programs}\n", encoding="utf-8")
        self.environ: dict[str, str] = {}
        self.summary = ""
        #: The process of the step that runs, for whoever cancels it.
        self.running: subprocess.Popen[bytes] | None = None
        self._path: list[str] = []
        self._posts: list[Callable[[], Step]] = []
        self._count = 0

    def uses(self, action: str, **inputs: str) -> Step:
        """Run an action of ours; `working_directory` is the input `working-directory`."""
        place = ACTIONS / action
        described = yaml.safe_load((place / "action.yml").read_text(encoding="utf-8"))
        given = {name.replace("_", "-"): text for name, text in inputs.items()}
        assert set(given) <= set(described["inputs"]), f"{action} has no such input"
        values = {
            name: given[name]
            if name in given
            else filled(one.get("default", ""), {"github": self.github})
            for name, one in described["inputs"].items()
        }
        if described["runs"]["using"] == "composite":
            return self._composite(place, described, values)
        return self._node(place, described["runs"], values)

    def run(self, script: str, **environ: str) -> Step:
        """Run a step of the workflow's own."""
        return self._process(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
                             self.workspace, environ)  # fmt: skip

    def ends(self) -> list[Step]:
        """Do what actions have left for the end of the job, the latest first."""
        done = []
        while self._posts:
            done.append(self._posts.pop()())
        return done

    def _composite(self, place: Path, described: Any, inputs: Mapping[str, str]) -> Step:
        steps: dict[str, Any] = {}
        contexts = {"inputs": inputs, "github": self.github, "steps": steps}
        log, ok = "", True
        for step in described["runs"]["steps"]:
            assert step["shell"] == "bash"
            environ = {k: filled(text, contexts) for k, text in step.get("env", {}).items()}
            where = self.workspace / filled(step.get("working-directory", "."), contexts)
            script = self.place / f"script-{self._count}.sh"
            script.write_text(filled(step["run"], contexts), encoding="utf-8")
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
            done = self._process(command, where, environ | {"GITHUB_ACTION_PATH": str(place)})
            log += done.log
            if "id" in step:
                steps[step["id"]] = {"outputs": done.outputs}
            if not done.ok:
                ok = False
                break
        outputs = {
            name: filled(one["value"], contexts) for name, one in described["outputs"].items()
        }
        return Step(ok, outputs, log)

    def _node(self, place: Path, runs: Any, inputs: Mapping[str, str]) -> Step:
        assert runs["using"] == "node24"
        environ = {f"INPUT_{k.replace(' ', '_').upper()}": text for k, text in inputs.items()}
        state: dict[str, str] = {}

        def part(name: str) -> Step:
            kept = {f"STATE_{key}": text for key, text in state.items()}
            command = [npm.node(), str(place / runs[name])]
            return self._process(command, self.workspace, environ | kept, state)

        # The end comes also where the beginning has failed.
        self._posts.append(lambda: part("post"))
        return part("main")

    def _process(
        self,
        command: list[str],
        where: Path,
        environ: Mapping[str, str],
        state: dict[str, str] | None = None,
    ) -> Step:
        self._count += 1
        files = {name: self.place / f"{name.lower()}-{self._count}" for name in _FILES}
        for file in files.values():
            file.touch()
        given = self._given() | self.environ | dict(environ)
        given |= {name: str(file) for name, file in files.items()}
        with subprocess.Popen(
            command, cwd=where, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as self.running:  # fmt: skip
            try:
                told, _ = self.running.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                self.running.kill()
                raise
        read = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
        self.environ |= _pairs(read["GITHUB_ENV"])
        self._path = read["GITHUB_PATH"].split("\n")[:-1][::-1] + self._path
        self.summary += read["GITHUB_STEP_SUMMARY"]
        if state is not None:
            state |= _pairs(read["GITHUB_STATE"])
        log = told.decode("utf-8", "replace")
        return Step(self.running.returncode == 0, _pairs(read["GITHUB_OUTPUT"]), log)

    def _given(self) -> dict[str, str]:
        """Return what the runner sets: the machine's own, and the variables of GitHub."""
        github = self.github
        event = self.place / "event.json"
        event.write_text(json.dumps(github["event"]), encoding="utf-8")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "GITCOORD_"))}
        # The virtual environment of the tests is found as the one that `install` has made.
        own = str(Path(sys.executable).parent)
        path = [part for part in kept["PATH"].split(os.pathsep) if part != own]
        return kept | {
            "PATH": os.pathsep.join([*self._path, *path]),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": github["api_url"],
            "GITHUB_SERVER_URL": github["server_url"],
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_EVENT_NAME": github["event_name"],
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_RUN_ID": github["run_id"],
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_JOB": "job",
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.temp),
            # Nobody at the fake minds how fast it is written to.
            "GITCOORD_GITHUB_PAUSE": "0",
        }


def job_of(path: Path) -> dict[str, Any]:
    """Return the only job of a workflow."""
    (job,) = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    assert isinstance(job, dict)
    return job


def carried_out(job: Job, described: Mapping[str, Any], inputs: Mapping[str, str]) -> Step | None:
    """Run the steps of a workflow's job; None where its condition does not hold."""
    steps: dict[str, Any] = {}
    contexts = {"github": job.github, "inputs": inputs, "steps": steps}
    if "if" in described and not true(value(described["if"], contexts)):
        return None
    done = Step(True, {}, "")
    for step in described["steps"]:
        done = _step(job, step, contexts, done)
        if "id" in step:
            steps[step["id"]] = {"outputs": done.outputs}
        if not done.ok:
            break
    job.ends()
    outputs = {name: filled(text, contexts) for name, text in described.get("outputs", {}).items()}
    return Step(done.ok, outputs, done.log)


def _step(job: Job, step: Mapping[str, Any], contexts: Any, before: Step) -> Step:
    given = {name: filled(text, contexts) for name, text in step.get("with", {}).items()}
    used = step.get("uses", "")
    if used.startswith("actions/checkout@"):
        assert given["persist-credentials"] == "false"
        assert given["ref"] in ("", "main")
        return before
    if used.startswith("actions/setup-python@"):
        return before
    if used:
        assert used.startswith("$/.github/actions/"), used
        done = job.uses(used.rpartition("/")[2], **given)
        return done._replace(log=before.log + done.log)
    if "pip install" in step["run"]:
        return job.run(f'echo "{Path(sys.executable).parent}" >> "$GITHUB_PATH"')
    environ = {name: filled(text, contexts) for name, text in step.get("env", {}).items()}
    return job.run(filled(step["run"], contexts), **environ)


def _pairs(text: str) -> dict[str, str]:
    """Return what a file of the runner's names: `name=value`, or `name<<END`, lines, END."""
    found = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, heredoc, end = line.partition("<<")
        if heredoc and "=" not in name:
            body = []
            for each in lines:
                if each == end:
                    break
                body.append(each)
            found[name] = "\n".join(body)
        elif line:
            name, _, found[name] = line.partition("=")
    return found
