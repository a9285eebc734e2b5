"""What is documented about events is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from gitcoord.domain.event import TYPES
from webhook.events import notify, outside
from webhook.events.item import ASIDES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "events.md"


def test_every_type_is_documented_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", text, re.MULTILINE)
    assert dict(rows) == TYPES | ASIDES


def test_the_limits_of_notifications_are_those_of_the_code() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"{notify.TRIES} times in all, after {notify.FIRST:.0f} seconds" in text
    assert f"within {outside.WHOLE:.0f} seconds" in text
    assert notify.LONGEST == 3600
