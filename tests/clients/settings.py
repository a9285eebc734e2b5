"""Settings files as clients' users have them: generated, and a few from life."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
#: Hooks of others: well-formed, and what nobody should write but somebody will.
GROUPS = st.fixed_dictionaries(
    {},
    optional={
        "matcher": st.sampled_from(["Bash", "", "Edit|Write"]),
        "hooks": st.lists(
            st.fixed_dictionaries(
                {"type": st.just("command"), "command": st.sampled_from(["lint", "gitcoordx", ""])}
            ),
            max_size=2,
        ),
    },
)
EVENTS = st.sampled_from(["PreToolUse", "Stop", "BeforeTool", "SessionStart", "Other"])
HOOKS = st.dictionaries(EVENTS, st.lists(GROUPS | VALUES, min_size=1, max_size=3), min_size=1)
SERVERS = st.dictionaries(
    st.sampled_from(["files", "web", "git coord", ""]),
    st.fixed_dictionaries({"command": KEYS}),
    min_size=1,
)
OBJECTS = st.builds(
    lambda free, known: {name: free[name] for name in free if name not in RESERVED} | known,
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.fixed_dictionaries({}, optional={"hooks": HOOKS, "mcpServers": SERVERS}),
)
RESERVED = ("hooks", "mcpServers", "statusLine")
LAYOUTS = st.sampled_from([None, 2, 4, "\t"])


def laid_out(value: Any, layout: Any, newline: str, end: str, bom: str) -> str:
    """Return a JSON text in one of the layouts that people and programs write."""
    text = json.dumps(value, indent=layout, ensure_ascii=False)
    return bom + text.replace("\n", newline) + end


def texts(objects: st.SearchStrategy[Any] = OBJECTS) -> st.SearchStrategy[str]:
    """Return texts of such objects."""
    return st.builds(
        laid_out,
        objects,
        LAYOUTS,
        st.sampled_from(["\n", "\r\n"]),
        st.sampled_from(["", "\n", " \n\n"]),
        st.sampled_from(["", "\ufeff"]),
    )
