"""What of a comment is a command: what people see as one, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.mirror.commands import LIMIT, VERBS, WORD, beyond, commands

SAID = "/coord lock src/a.py"


@pytest.mark.parametrize(
    "body",
    [
        SAID,
        f"  {SAID}  ",
        f"Hello\r\n\r\n{SAID}\r\nbye",
        f"> they said\n\n{SAID}",
        f"```sh\nx\n```\n{SAID}",
        f"```x``` is code\n{SAID}",
        f"`<!--` begins what nobody sees, `<pre>` too\n{SAID}",
        f"<!-- hidden --> seen\n{SAID}",
        f"<!-- from\nto -->\n{SAID}",
        f"<pre>\nx\n</pre>\n{SAID}",
        f"<details>\n\n{SAID}\n\n</details>",
    ],
)
def test_a_line_that_begins_so_is_one(body: str) -> None:
    assert [(one.verb, one.words) for one in commands(body)] == [("lock", ("src/a.py",))]


@pytest.mark.parametrize(
    "body",
    [
        f"please {SAID}",
        f"`{SAID}`",
        "/coordinate lock src/a.py",
        f"> {SAID}",
        f"  > {SAID}",
        f"> ```\n> {SAID}\n> ```",
        f"    {SAID}",
        f"\t{SAID}",
        f"```\n{SAID}\n```",
        f"~~~~ sh\n~~~\n{SAID}\n~~~~",
        f"````\n```\n{SAID}\n````",
        f"```\n{SAID}",
        f"<!--\n{SAID}\n-->",
        f"seen <!-- and\n{SAID}\n--> seen",
        f"<!-- one --> <!-- two\n{SAID}",
        f"<pre>\n{SAID}\n</pre>",
        f"<PRE class=x>\n{SAID}\n</PRE>",
        f"<p><code>\n{SAID}\n</code></p>",
        f"text\u2028{SAID}",
        f"text\x85{SAID}",
    ],
)
def test_what_is_quoted_shown_as_code_or_hidden_is_none(body: str) -> None:
    assert commands(body) == []


def test_of_very_many_the_first_are_heard_and_the_others_counted() -> None:
    body = "\n".join(f"/coord who {n}" for n in range(LIMIT + 2))
    assert [one.text for one in commands(body)] == [str(n) for n in range(LIMIT)]
    assert (beyond(body), beyond(SAID)) == (2, 0)


def test_the_document_has_every_command() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "github.md").read_text(encoding="utf-8")
    assert [form for form, _ in VERBS.values() if f"`{WORD} {form}`" not in text] == []
