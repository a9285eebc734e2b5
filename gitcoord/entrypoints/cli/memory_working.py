"""`gitcoord memory set`, `get` and `clear`: what a session keeps for itself until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gitcoord.domain.record import shown
from gitcoord.entrypoints.cli.desk import Desk, acting, command, reading
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.working_memory import Kept


@click.command("set", epilog="Example: gitcoord memory set plan 'parser, then printer'")
@click.argument("name", metavar="NAME")
@click.argument("text", metavar="TEXT")
@acting
@command
def set_(desk: Desk, name: str, text: str) -> None:
    """Keep a text in the session's working memory until the session ends; - is stdin.

    Above the budget the oldest give way: they are cut to their beginning, then dropped.
    """
    from gitcoord.domain.working_memory import Kept, SetItems

    if text == "-":
        from gitcoord.entrypoints.cli.message import from_stdin

        text = from_stdin("the text")
    answer = desk.do(SetItems(items={name: text}), Kept)
    desk.show(shown(answer), lambda: _told(answer, f"{name} is kept"))


@click.command(epilog="Example: gitcoord memory get plan")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@acting
@reading
def get(desk: Desk, names: Sequence[str]) -> None:
    """Show what the session's working memory holds, or the texts of these names."""
    from gitcoord.domain.sessions import known
    from gitcoord.domain.working_memory import of
    from gitcoord.entrypoints.cli.render import ago, table

    me = desk.holder
    with desk.state() as state:
        now, budget = desk.now(state), state.settings.working_memory
        kept = of(state, known(state, desk.context(state, me)).id)
    missing = [name for name in names if name not in kept.items]
    if missing:
        there = ", ".join(sorted(kept.items)) or "nothing"
        raise UsageError(f"the working memory holds no {missing[0]!r}; it holds {there}")
    items = {name: item for name, item in kept.items.items() if not names or name in names}

    def text() -> str:
        if names:
            return "\n".join(items[name].text for name in dict.fromkeys(names))
        rows = [
            (name, ago(now, item.at), item.text.partition("\n")[0])
            for name, item in sorted(items.items())
        ]
        return table(("name", "set", "summary"), rows, "the working memory is empty")

    texts = {name: item.text for name, item in sorted(items.items())}
    desk.show({"items": texts, "size": kept.size, "budget": budget}, text)


@click.command(epilog="Example: gitcoord memory clear plan")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of it.")
@acting
@command
def clear(desk: Desk, names: Sequence[str], everything: bool) -> None:
    """Forget items of the session's working memory."""
    from gitcoord.domain.working_memory import ClearItems, Kept

    answer = desk.do(ClearItems(names=tuple(names), all=everything), Kept)
    gone = ", ".join(answer.dropped) or "nothing"
    desk.show(shown(answer), f"cleared {gone}")


def _told(answer: Kept, first: str) -> list[str]:
    lines = [f"{first}; {answer.size} of {answer.budget} bytes"]
    if answer.shortened:
        lines.append(f"cut to make room: {', '.join(answer.shortened)}")
    if answer.dropped:
        lines.append(f"dropped to make room: {', '.join(answer.dropped)}")
    return lines
