"""Options that take several words: `--files a b c` as well as `--files a --files b`.

Every word up to the next option belongs to the option before it. Arguments of the
command come before its options, as in `task add TITLE --keys a b`; where an option
comes first, each of its words needs the option's name.
"""

from __future__ import annotations

import click


class Words(click.Command):
    """A command whose repeatable options take all words up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat such an option before each of its words, then parse as usual."""
        if args and args[0].startswith("-") and self._arguments():
            return super().parse_args(ctx, args)
        many = {
            name
            for option in self.params
            if isinstance(option, click.Option) and option.multiple
            for name in option.opts
        }
        return super().parse_args(ctx, _repeated(args, many))

    def _arguments(self) -> list[click.Parameter]:
        return [one for one in self.params if isinstance(one, click.Argument)]


def _repeated(args: list[str], many: set[str]) -> list[str]:
    found: list[str] = []
    option, taken = "", True
    for at, word in enumerate(args):
        if word == "--":
            return found + args[at:]
        if word.startswith("-") and word != "-" and taken:
            name = word.partition("=")[0]
            option = name if name in many else ""
            # The word after `--files` is its value, whatever it looks like.
            taken = not option or "=" in word
            found.append(word)
            continue
        if option and taken:
            found.append(option)
        found.append(word)
        taken = True
    return found
