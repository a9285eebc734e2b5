"""docs/compatibility.md names every route of the three systems, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webhook.compat import coordinator, golemxv, gozen
from webhook.compat.system import System

TEXT = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("system", [gozen.SYSTEM, golemxv.SYSTEM, coordinator.SYSTEM])
def test_every_route_has_its_row(system: System) -> None:
    section = TEXT.split(f"\n### {system.name}")[1].split("\n### ")[0]
    rows = [row.split(" | ")[0] for row in section.splitlines() if row.startswith("| `")]
    named = re.findall(r"`((?:GET|POST|PUT|DELETE) /\S+)`", "\n".join(rows))
    assert sorted(named) == sorted(f"{line.method} {line.path}" for line in system.lines)
