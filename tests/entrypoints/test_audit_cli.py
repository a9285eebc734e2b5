"""`gitcoord audit`: what was asked for, what came of it, and the proof of the chain."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.violations import RecordViolations, ViolationDraft
from gitcoord.ledger.audit import Entry
from gitcoord.ledger.auditfile import COLUMNS, as_csv, document
from tests.entrypoints.door import Door
from tests.entrypoints.program import Programs
from tests.gitrun import git


@pytest.fixture
def lived(door: Door) -> tuple[str, str]:
    """Let two agents do something, also what is refused, and return their sessions."""
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "src/**", "--session", ada)
    door("lock", "acquire", "src/a.py", "--session", bob, code=3)
    door("task", "add", "Login", "--id", "t-1", "--session", bob)
    return ada, bob


def found(door: Door, *words: str) -> list[str]:
    entries = door.json("audit", "query", *words)["entries"]
    return [f"{one['agent']} {one['operation']} {one['outcome']}" for one in entries]


def test_operations_come_newest_first_with_all_that_is_known(
    door: Door, lived: tuple[str, str]
) -> None:
    # The refusal was told by the transaction after it, behind what that one did.
    assert found(door)[:3] == [
        "bob lock.acquire lock_held",
        "bob task.add done",
        "ada lock.acquire done",
    ]
    assert len(found(door)) == 6
    body = door.json("audit", "query", "-n", "1", "--outcome", "done")
    (entry,) = body["entries"]
    assert set(entry) == set(COLUMNS)
    assert (entry["operation"], entry["session"]) == ("task.add", lived[1])
    assert (entry["result"], entry["place"], entry["spooled"]) == ("done", 0, False)
    assert entry["commit"] == git(door.place, "rev-parse", "refs/coord/state")
    assert body["known_from"] is None


def test_each_filter_admits_what_it_says(door: Door, lived: tuple[str, str]) -> None:
    ada, bob = lived
    assert found(door, "--agent", "ada") == ["ada lock.acquire done", "ada session.start done"]
    assert found(door, "--session", ada, "--operation", "lock") == ["ada lock.acquire done"]
    assert found(door, "--outcome", "refused") == ["bob lock.acquire lock_held"]
    assert found(door, "--outcome", "lock_held", "--session", bob) == ["bob lock.acquire lock_held"]
    assert found(door, "--outcome", "denied") == []
    assert found(door, "--key", "src/b.py", "--outcome", "done") == ["ada lock.acquire done"]
    assert found(door, "--operation", "task.,lock.", "--outcome", "done") == [
        "bob task.add done",
        "ada lock.acquire done",
    ]
    assert found(door, "--since", "1h") == found(door)
    assert found(door, "--until", "1h") == []


def test_pages_are_joined_by_the_cursor(door: Door, lived: tuple[str, str]) -> None:
    pages, cursor = [], None
    for _ in range(10):
        words = ["-n", "2", *(["--cursor", cursor] if cursor else [])]
        body = door.json("audit", "query", *words)
        pages += body["entries"]
        if (cursor := body["next"]) is None:
            break
    assert pages == door.json("audit", "query")["entries"]


def test_people_see_a_line_each_and_what_waits_is_marked(
    door: Door, lived: tuple[str, str]
) -> None:
    heading, *lines = door("audit", "query").splitlines()
    assert heading.split() == ["WHEN", "AGENT", "OPERATION", "OUTCOME", "COMMIT"]
    assert len(lines) == 6
    door("lock", "acquire", "src/c.py", "--session", lived[1], code=3)
    assert door("audit", "query", "-n", "1").splitlines()[1].split()[-1] == "*"
    said = door("audit", "query", "-n", "1", "--full", "--outcome", "done")
    assert '"title":"Login"' in said.splitlines()[1]
    assert "next: pass --cursor " in said


def test_a_guardrail_that_was_met_is_found(door: Door, lived: tuple[str, str]) -> None:
    house = open_house(door.place, {})
    draft = ViolationDraft(rule="rm_rf", category="file", severity="block", action="blocked")
    house.coordinator.later(RecordViolations(violations=(draft,)), session=lived[0])
    house.close()
    entries = door.json("audit", "query", "--outcome", "guardrail")["entries"]
    assert [one["operation"] for one in entries] == ["guard.record"]
    assert entries[0]["spooled"] is True
    door("task", "add", "Next", "--session", lived[0])
    (told,) = door.json("audit", "query", "--outcome", "guardrail")["entries"]
    assert (told["spooled"], told["outcome"], told["agent"]) == (False, "done", "ada")
    assert told["arguments"]["violations"][0]["rule"] == "rm_rf"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--since", "soon"], "invalid_value"),
        (["--outcome", "a b"], "invalid_value"),
        (["--cursor", "x"], "invalid_value"),
        (["--key", "../x"], "invalid_key"),
    ],
)
def test_what_makes_no_sense_is_refused(door: Door, words: list[str], code: str) -> None:
    assert door.refused("audit", "query", *words, code=2)["code"] == code


def test_lines_of_an_export_are_those_of_the_query(
    door: Door, lived: tuple[str, str], tmp_path: Path
) -> None:
    lines = [json.loads(line) for line in door("audit", "export").splitlines()]
    assert lines == door.json("audit", "query", "-n", "100")["entries"]
    target = tmp_path / "a.csv"
    body = door.json("audit", "export", "--format", "csv", "-o", str(target), "--agent", "ada")
    assert body["entries"] == 2
    rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8"), newline="")))
    assert [row["operation"] for row in rows] == ["lock.acquire", "session.start"]
    assert list(rows[0]) == list(COLUMNS)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_a_spreadsheet_is_a_formula(begin: str) -> None:
    evil = f"{begin}HYPERLINK(0)"
    entry = Entry("", evil, evil, evil, evil, evil, "done", evil, "c", 0)
    line = b"".join(as_csv([entry])).decode().partition("\r\n")[2]
    (cells,) = csv.reader(io.StringIO(line, newline=""))
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))] == []
    assert cells.count(f"'{evil}") == 6
    # In JSON nothing is changed: programs read what was said.
    assert document(entry)["agent"] == evil


def test_a_reader_that_stops_early_ends_the_export_quietly(
    door: Door, lived: tuple[str, str], program: Programs
) -> None:
    for number in range(30):
        door("task", "add", f"Task {number}", "--session", lived[0])
    head = subprocess.run(
        ["sh", "-c", "gitcoord audit export | head -n 1"], cwd=door.place, capture_output=True,
        env=_path(), text=True, check=False,
    )  # fmt: skip
    assert json.loads(head.stdout)["operation"] == "task.add"
    assert "Traceback" not in head.stderr


def _path() -> dict[str, str]:
    import os
    import sys

    folder = os.path.dirname(sys.executable)
    return dict(os.environ) | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_an_untouched_chain_is_proved(door: Door, lived: tuple[str, str]) -> None:
    body = door.json("audit", "verify")
    assert (body["verdict"], body["faults"], body["whole"]) == ("ok", [], True)
    assert (body["transactions"], body["signatures"]) == (5, None)
    assert body["head"] == git(door.place, "rev-parse", "refs/coord/state")
    assert body["checked"]
    assert body["unchecked"]
    said = door("audit", "verify")
    assert "nothing is wrong" in said
    assert "not looked at: " in said


def test_a_fault_ends_with_exit_code_6_and_names_its_commit(
    door: Door, lived: tuple[str, str]
) -> None:
    victim = git(door.place, "rev-parse", "refs/coord/state~1")
    path = Path(door.place, ".git", "objects", victim[:2], victim[2:])
    path.chmod(0o600)
    path.unlink()
    body = json.loads(door("audit", "verify", "--json", code=6))
    assert body["ok"] is True
    (fault,) = body["faults"]
    assert (fault["code"], fault["commit"]) == ("chain_broken", victim)
    assert victim[:9] in door("audit", "verify", code=6)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_signatures_are_judged_where_they_are_set_up(
    door: Door, lived: tuple[str, str], tmp_path: Path
) -> None:
    key = str(tmp_path / "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ada {Path(key + '.pub').read_text(encoding='ascii')}", encoding="ascii")
    for name, value in (("format", "ssh"), ("ssh.allowedSignersFile", str(allowed))):
        git(door.place, "config", f"gpg.{name}", value)
    # Git judges signatures for other reasons: that nobody signs is no fault, unless asked for.
    assert door.json("audit", "verify")["signatures"] == {
        "signed": 0, "unsigned": 5, "signers": {}
    }  # fmt: skip
    body = json.loads(door("audit", "verify", "--signatures", "--json", code=6))
    assert [one["code"] for one in body["faults"]] == ["unsigned"]
    git(door.place, "config", "coord.sign", "true")
    git(door.place, "config", "user.signingKey", key)
    door("task", "add", "Signed", "--session", lived[0])
    body = door.json("audit", "verify")
    assert body["signatures"] == {"signed": 1, "unsigned": 5, "signers": {"ada": 1}}
    assert [one["code"] for one in body["faults"]] == ["unsigned_before"]
    assert door.json("audit", "verify", "--no-signatures")["signatures"] is None
    assert "1 signed (ada 1), 5 not" in door("audit", "verify")
    # It is no setting of gitcoord's own, and stands in nobody's way.
    door("config")


def test_signatures_without_a_file_of_signers_are_refused(
    door: Door, lived: tuple[str, str]
) -> None:
    error = door.refused("audit", "verify", "--signatures", code=2)
    assert "allowedSignersFile" in error["message"]
    assert "--no-signatures" in error["hint"]
