"""Plans of set-ups: shown as they will be, applied whole or not, undone to the byte."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from gitcoord.clients.backups import Backups
from gitcoord.clients.plan import FileEdit, Plan, Rename, apply, diff, mode_of, read
from gitcoord.errors import Contended

OURS = b"# gitcoord\n"
no_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    return Backups(str(tmp_path / "private"), "test")


def installs(*steps: FileEdit | Rename) -> Plan:
    return Plan("test", steps)


def without(data: bytes) -> bytes | None:
    return data.replace(OURS, b"") or None


def undo(backups: Backups, *paths: Path) -> list[str]:
    edits = (backups.undoing(str(path), without) for path in paths)
    return apply(Plan("test", tuple(filter(None, edits)), removes=True), backups)


def test_a_plan_that_changes_nothing_shows_nothing_and_writes_nothing(
    tmp_path: Path, backups: Backups
) -> None:
    file = tmp_path / "notes.md"
    file.write_bytes(b"mine\n")
    plan = installs(FileEdit(str(file), b"mine\n", b"mine\n"))
    assert plan.changes() == ()
    assert diff(plan) == ""
    assert apply(plan, backups) == []
    assert backups.paths() == []


def test_a_diff_shows_new_changed_and_removed_files_with_names_under_the_root(
    tmp_path: Path,
) -> None:
    plan = installs(
        FileEdit(str(tmp_path / "a.md"), b"one\ntwo\n", b"one\n2\n"),
        FileEdit(str(tmp_path / "sub" / "new.sh"), None, b"echo", 0o755),
        FileEdit("/elsewhere/old", b"gone\n", None),
        Rename(str(tmp_path / "hook"), str(tmp_path / "hook.before")),
    )
    assert diff(plan, str(tmp_path)) == (
        "--- a/a.md\n+++ b/a.md\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
        "new file mode 100755\n--- /dev/null\n+++ b/sub/new.sh\n@@ -0,0 +1 @@\n+echo\n"
        "\\ No newline at end of file\n"
        "--- a//elsewhere/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
        "rename from hook\nrename to hook.before\n"
    )


def test_a_diff_of_bytes_that_are_no_utf8_makes_them_visible() -> None:
    shown = diff(installs(FileEdit("/x", b"caf\xe9\x0c\n", b"cafe\x0c\n")))
    assert "-caf\\xe9\x0c\n+cafe\x0c\n" in shown


def test_applying_writes_the_files_and_makes_their_folders(
    tmp_path: Path, backups: Backups
) -> None:
    file, deep = tmp_path / "a.md", tmp_path / "x" / "y" / "b.md"
    file.write_bytes(b"old\n")
    plan = installs(FileEdit(str(file), b"old\n", b"new\n"), FileEdit(str(deep), None, OURS))
    assert apply(plan, backups) == [str(file), str(deep)]
    assert file.read_bytes() == b"new\n"
    assert deep.read_bytes() == OURS
    assert backups.paths() == [str(file), str(deep)]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".gitcoord")]


@no_modes
def test_a_file_keeps_its_permissions_unless_the_plan_names_others(
    tmp_path: Path, backups: Backups
) -> None:
    private, script = tmp_path / "private.json", tmp_path / "hook"
    for file in (private, script):
        file.write_bytes(b"old\n")
        file.chmod(0o600)
    apply(
        installs(
            FileEdit(str(private), b"old\n", b"new\n"),
            FileEdit(str(script), b"old\n", b"old\n", 0o755),
        ),
        backups,
    )
    assert mode_of(str(private)) == 0o600
    assert mode_of(str(script)) == 0o755
    assert undo(backups, private, script) == [str(private), str(script)]
    assert mode_of(str(script)) == 0o600


def test_a_file_that_has_changed_since_the_plan_stops_all_of_it(
    tmp_path: Path, backups: Backups
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1\n")
    second.write_bytes(b"2, edited\n")
    plan = installs(FileEdit(str(first), b"1\n", OURS), FileEdit(str(second), b"2\n", OURS))
    with pytest.raises(Contended, match="has changed meanwhile"):
        apply(plan, backups)
    assert first.read_bytes() == b"1\n"
    assert backups.paths() == []


def test_undoing_gives_back_bytes_permissions_and_folders(tmp_path: Path, backups: Backups) -> None:
    file, deep = tmp_path / "a.md", tmp_path / "x" / "y" / "b.md"
    file.write_bytes(b"\xff old, no newline")
    apply(
        installs(
            FileEdit(str(file), b"\xff old, no newline", b"\xff old, no newline\n" + OURS),
            FileEdit(str(deep), None, OURS),
        ),
        backups,
    )
    undo(backups, file, deep)
    assert file.read_bytes() == b"\xff old, no newline"
    assert not (tmp_path / "x").exists()
    assert backups.paths() == []
    assert os.listdir(tmp_path / "private" / "setup") == []


def test_undoing_after_somebody_has_edited_takes_out_only_what_is_ours(
    tmp_path: Path, backups: Backups
) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"mine\n")
    apply(installs(FileEdit(str(file), b"mine\n", b"mine\n" + OURS)), backups)
    file.write_bytes(b"mine\n" + OURS + b"more of mine\n")
    undo(backups, file)
    assert file.read_bytes() == b"mine\nmore of mine\n"


def test_undoing_leaves_a_folder_in_which_somebody_else_has_a_file(
    tmp_path: Path, backups: Backups
) -> None:
    ours, theirs = tmp_path / "x" / "ours", tmp_path / "x" / "theirs"
    apply(installs(FileEdit(str(ours), None, OURS)), backups)
    theirs.write_bytes(b"mine\n")
    undo(backups, ours)
    assert not ours.exists()
    assert theirs.read_bytes() == b"mine\n"


def test_a_second_set_up_keeps_what_was_before_the_first(tmp_path: Path, backups: Backups) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"mine\n\n\n")
    apply(installs(FileEdit(str(file), b"mine\n\n\n", b"mine\n# gitcoord 1\n")), backups)
    apply(installs(FileEdit(str(file), b"mine\n# gitcoord 1\n", b"mine\n# gitcoord 2\n")), backups)
    undo(backups, file)
    assert file.read_bytes() == b"mine\n\n\n"


def test_a_part_of_ours_that_came_with_the_file_is_not_given_back(
    tmp_path: Path, backups: Backups
) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"mine\n" + OURS)
    apply(
        installs(FileEdit(str(file), b"mine\n" + OURS, b"mine\n# new\n", without=b"mine\n")),
        backups,
    )
    undo(backups, file)
    assert file.read_bytes() == b"mine\n"


def test_undoing_forgets_a_file_that_somebody_has_deleted(tmp_path: Path, backups: Backups) -> None:
    file = tmp_path / "a.md"
    apply(installs(FileEdit(str(file), None, OURS)), backups)
    file.unlink()
    assert undo(backups, file) == []
    assert backups.paths() == []


def test_a_torn_backup_counts_as_none(tmp_path: Path, backups: Backups) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"mine\n")
    apply(installs(FileEdit(str(file), b"mine\n", b"mine\n" + OURS)), backups)
    (stored,) = (tmp_path / "private" / "setup").iterdir()
    stored.write_bytes(stored.read_bytes()[:40])
    assert backups.original(str(file)) is None
    undo(backups, file)
    assert file.read_bytes() == b"mine\n"


def test_clients_keep_their_backups_apart(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"mine\n")
    first, second = (Backups(str(tmp_path / "private"), name) for name in ("one", "two"))
    apply(installs(FileEdit(str(file), b"mine\n", b"mine\n1\n")), first)
    apply(installs(FileEdit(str(file), b"mine\n1\n", b"mine\n1\n2\n")), second)
    assert first.paths() == second.paths() == [str(file)]
    undo(second, file)
    undo(first, file)
    assert file.read_bytes() == b"mine\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a right to make symbolic links")
def test_a_file_behind_a_symbolic_link_is_changed_where_it_is(
    tmp_path: Path, backups: Backups
) -> None:
    real, link = tmp_path / "AGENTS.md", tmp_path / "CLAUDE.md"
    real.write_bytes(b"mine\n")
    link.symlink_to("AGENTS.md")
    apply(installs(FileEdit(str(link), b"mine\n", b"mine\n" + OURS)), backups)
    assert link.is_symlink()
    assert real.read_bytes() == b"mine\n" + OURS
    undo(backups, link)
    assert link.is_symlink()
    assert real.read_bytes() == b"mine\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a right to make symbolic links")
def test_a_rename_moves_the_link_itself_and_makes_room_for_a_new_file(
    tmp_path: Path, backups: Backups
) -> None:
    hook, kept, real = tmp_path / "hook", tmp_path / "hook.before", tmp_path / "real"
    real.write_bytes(b"theirs\n")
    hook.symlink_to("real")
    apply(
        installs(Rename(str(hook), str(kept)), FileEdit(str(hook), None, OURS, 0o755)),
        backups,
    )
    assert os.readlink(kept) == "real"
    assert stat.S_ISREG(os.lstat(hook).st_mode)
    undone = (backups.undoing(str(hook), without), Rename(str(kept), str(hook)))
    apply(Plan("test", tuple(filter(None, undone)), removes=True), backups)
    assert os.readlink(hook) == "real"
    assert read(str(real)) == b"theirs\n"


def test_a_rename_over_something_is_refused_before_anything_is_written(
    tmp_path: Path, backups: Backups
) -> None:
    old, new, other = tmp_path / "old", tmp_path / "new", tmp_path / "other"
    old.write_bytes(b"1\n")
    new.write_bytes(b"2\n")
    with pytest.raises(Contended, match="in the way"):
        apply(installs(FileEdit(str(other), None, OURS), Rename(str(old), str(new))), backups)
    assert (old.read_bytes(), new.read_bytes()) == (b"1\n", b"2\n")
    assert not other.exists()


def test_a_rename_of_what_is_gone_is_refused(tmp_path: Path, backups: Backups) -> None:
    with pytest.raises(Contended, match="is gone"):
        apply(installs(Rename(str(tmp_path / "x"), str(tmp_path / "y"))), backups)
