"""The machine's name in the ledger: one for all processes of a clone, whoever was first."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gitcoord.ledger import machine


def test_the_name_stays_and_begins_with_that_of_the_host(tmp_path: Path) -> None:
    home = str(tmp_path / "private")
    name = machine.identity(home)
    assert name.startswith(machine.host() + "-")
    assert machine.identity(home) == name


def test_all_who_are_the_first_at_once_get_one_name(tmp_path: Path) -> None:
    for number in range(30):
        home = str(tmp_path / str(number))
        gate = threading.Barrier(8)
        found: list[str] = []

        def ask(home: str = home, gate: threading.Barrier = gate, found: list[str] = found) -> None:
            gate.wait()
            found.append(machine.identity(home))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) == 1


@pytest.mark.parametrize("text", ["", "garbage", "elsewhere-ab12\n"])
def test_what_is_no_name_of_this_machine_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "machine").write_text(text, encoding="utf-8")
    name = machine.identity(str(tmp_path))
    assert name.startswith(machine.host() + "-")
    assert machine.identity(str(tmp_path)) == name


def test_this_process_lives_and_one_that_has_ended_does_not() -> None:
    here = machine.process()
    assert here is not None
    assert machine.alive(here)
    assert machine.alive(type(here)(here.host, here.pid, "0", here.boot)) is False
    assert machine.alive(type(here)("elsewhere", here.pid, here.started, here.boot)) is None
    assert machine.alive(type(here)(here.host, here.pid, here.started, "another boot")) is False
