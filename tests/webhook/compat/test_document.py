"""docs/compatibility.md names every route of the three systems, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.webhook.compat.talking import Client
from tests.webhook.served import Served
from webhook.app import ORIGINALS
from webhook.compat import coordinator
from webhook.compat.system import System

TEXT = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("prefix", coordinator.LATER)
def test_what_later_versions_have_and_this_has_not_is_said(served: Served, prefix: str) -> None:
    section = TEXT.split("Not there of later versions")[1]
    rows = [row for row in section.splitlines() if row.startswith("| `")]
    places = [row.split(" | ")[0] for row in rows]
    assert any(f"`{prefix}/" in place or f"`{prefix}`" in place for place in places)
    answer = Client(served, "").get(f"{prefix}/x")
    assert (answer.status_code, answer.json().keys()) == (404, {"detail"})


@pytest.mark.parametrize("system", ORIGINALS)
def test_every_route_has_its_row(system: System) -> None:
    section = TEXT.split(f"\n### {system.name}")[1].split("\n### ")[0]
    rows = [row.split(" | ")[0] for row in section.splitlines() if row.startswith("| `")]
    named = re.findall(r"`((?:GET|POST|PUT|DELETE) /\S+)`", "\n".join(rows))
    assert sorted(named) == sorted(f"{line.method} {line.path}" for line in system.lines)
