"""Templates: data in, a page out; everything that comes from a ledger is escaped.

A template that names what it was not given is a bug and fails. Not here: what a page shows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from shlex import quote
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from gitcoord.entrypoints.cli.render import plain
from webhook.dashboard import assets, words

_CODE = re.compile(r"`([^`]+)`")
#: Filters of the templates.
WORDS: tuple[Callable[..., Any], ...] = (
    words.relative, words.exact, words.clock, words.count, words.money, words.short, words.span,
    words.plural, words.noun, words.timed,
)  # fmt: skip
FOLDER = os.path.join(os.path.dirname(__file__), "templates")


@cache
def templates() -> Environment:
    """Return the templates."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {one.__name__: one for one in WORDS}
    made.filters |= {"prose": prose, "breaks": breaks, "quoted": quote, "plain": plain}
    made.globals |= {"shape": words.shape, "link": assets.link}
    return made


def prose(text: str) -> Markup:
    """Return a sentence of ours as HTML: with a capital, and `commands` as code."""
    first = text[:1].upper() + text[1:]
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(first))))


def breaks(path: str) -> Markup:
    """Return a path or key as HTML that may go on in a new line after each slash."""
    return Markup("/<wbr>").join(path.split("/"))


def rendered(template: str, shown: Mapping[str, Any]) -> str:
    """Return the page."""
    return templates().get_template(template).render(shown)
