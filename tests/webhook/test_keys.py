"""API keys: shown once, kept as digests, revoked, rotated; the file that keeps them."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from gitcoord.errors import InvalidValue, Unavailable
from webhook.keys import SCOPES, Keys, allows
from webhook.private import Private


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(Private(str(tmp_path / "own" / "service.sqlite")))


def test_a_key_is_found_by_its_text_and_by_nothing_else(keys: Keys) -> None:
    made, text = keys.add("web", "ci", "agent", "ada", at=0)
    assert keys.find(text) == made
    assert (made.project, made.name, made.scope, made.agent) == ("web", "ci", "agent", "ada")
    other = keys.add("web", "ci", "agent", at=0)[1]
    mixed = text[:16] + other[16:]
    for wrong in ("", "gc_", text[:-1], text + "A", text.upper(), mixed, made.id, " " + text, "\0"):
        assert keys.find(wrong) is None


def test_a_revoked_key_is_good_for_nothing_and_stays_listed(keys: Keys) -> None:
    made, text = keys.add("web", "ci", "agent", at=0)
    first = keys.revoke(made.id, at=10)
    assert keys.revoke(made.id, at=20) == first
    assert keys.find(text) is None
    assert [one.revoked_at for one in keys.list()] == ["1970-01-01T00:00:10.000Z"]


def test_a_rotated_key_ends_and_its_successor_is_like_it(keys: Keys) -> None:
    made, text = keys.add("web", "ci", "admin", "ada", at=0)
    new, secret = keys.rotate(made.id, at=5)
    assert keys.find(text) is None
    assert keys.find(secret) == new
    assert new[1:5] == made[1:5]
    with pytest.raises(InvalidValue, match="was revoked"):
        keys.rotate(made.id, at=6)


def test_what_does_not_exist_is_refused(keys: Keys) -> None:
    for wrong in (keys.revoke, keys.rotate):
        with pytest.raises(InvalidValue, match="key"):
            wrong("nope", at=0)
    with pytest.raises(InvalidValue, match="not a scope"):
        keys.add("web", "ci", "root", at=0)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        keys.add("web", "a\nb", "read", at=0)
    assert keys.list() == []


def test_the_file_holds_no_secret_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "own" / "service.sqlite"
    private = Private(str(path))
    text = Keys(private).add("web", "ci", "read", at=0)[1]
    private.close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    secret = text.split("_", 2)[2].encode()
    assert all(secret not in file.read_bytes() for file in path.parent.iterdir())


def test_two_services_on_one_file_agree(tmp_path: Path) -> None:
    one, two = (Private(str(tmp_path / "service.sqlite")) for _ in range(2))
    assert one.secret("cookies") == two.secret("cookies") != one.secret("tokens")
    text = Keys(one).add("web", "ci", "read", at=0)[1]
    assert Keys(two).find(text) is not None
    Keys(two).revoke(Keys(two).list()[0].id, at=0)
    assert Keys(one).find(text) is None


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"no database at all" * 100)
    for path in (broken, tmp_path, broken / "below"):
        with pytest.raises(Unavailable, match="cannot use"):
            Private(str(path))


def test_the_file_of_a_later_gitcoord_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite"
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 2")
    later.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="form 2"):
        Private(str(path))
    assert path.read_bytes()[100:] == before[100:]


def test_services_that_begin_at_once_find_one_file(tmp_path: Path) -> None:
    path = str(tmp_path / "service.sqlite")
    context = multiprocessing.get_context("spawn")
    gate, out = context.Barrier(4), context.Queue()
    racers = [context.Process(target=_begin, args=(path, gate, out)) for _ in range(4)]
    for racer in racers:
        racer.start()
    found = {out.get(timeout=60) for _ in racers}
    for racer in racers:
        racer.join()
    assert len(found) == 1
    assert all(isinstance(each, bytes) for each in found)


def _begin(path: str, gate: Any, out: Any) -> None:
    gate.wait()
    try:
        private = Private(path)
        out.put(private.secret("tokens"))
        private.close()
    except Unavailable as wrong:
        out.put(str(wrong))


def test_a_key_is_found_while_another_thread_writes(tmp_path: Path) -> None:
    private = Private(str(tmp_path / "service.sqlite"))
    keys = Keys(private)
    text = keys.add("web", "ci", "read", at=0)[1]
    with private.transaction() as base:
        base.execute("DELETE FROM keys")
        # Looked up in the event loop, which must wait for nobody.
        assert keys.find(text) is not None
    assert keys.find(text) is None


def test_what_goes_wrong_later_is_said_too(tmp_path: Path) -> None:
    private = Private(str(tmp_path / "service.sqlite"))
    sqlite3.connect(private.path).execute("DROP TABLE keys").connection.close()
    with pytest.raises(Unavailable, match="cannot use"):
        Keys(private).list()


def test_a_scope_contains_those_before_it() -> None:
    assert [[allows(has, needed) for needed in SCOPES] for has in SCOPES] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
