"""Which files a patch of Codex touches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitcoord.clients.event import Edit
from gitcoord.clients.patch import LIMIT, touched


def test_every_head_names_a_file() -> None:
    patch = (
        "*** Begin Patch\n*** Add File: a.py\n+x\n*** Update File: b.py\n@@\n-x\n+y\n"
        "*** Update File: c.py\n*** Move to: d.py\n@@\n*** Delete File: e.py\n*** End Patch\n"
    )
    assert touched(patch) == (
        Edit("a.py", "create"),
        Edit("b.py", "modify"),
        Edit("d.py", "rename", "c.py"),
        Edit("e.py", "delete"),
    )


def test_added_lines_that_look_like_heads_name_none() -> None:
    assert touched("*** Begin Patch\n*** Add File: a\n+*** Delete File: b\n") == (
        Edit("a", "create"),
    )


def test_a_move_without_a_file_before_it_names_none() -> None:
    assert touched("*** Move to: x") == ()


def test_a_head_without_a_name_names_none() -> None:
    assert touched("*** Update File:  \n*** Delete File: a") == (Edit("a", "delete"),)


def test_a_patch_over_more_files_than_anybody_writes_is_cut() -> None:
    assert len(touched("*** Add File: x\n" * (LIMIT + 5))) == LIMIT


@given(st.text(max_size=300))
def test_any_text_ends_in_names_that_are_not_empty(text: str) -> None:
    assert all(edit.path for edit in touched(text))
