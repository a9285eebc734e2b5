"""`gitcoord hook`: what agent clients call; here for people who look it up, and after `-C`.

The usual call never comes here: `entrypoints/main.py` hands it to `entrypoints/hooks`
before the command line is loaded.
"""

from __future__ import annotations

import os

import click


@click.command(epilog="Example: gitcoord hook claude PreToolUse < event.json")
@click.argument("client", metavar="CLIENT")
@click.argument("event", metavar="EVENT")
def hook(client: str, event: str) -> int:
    """Answer a hook of an agent client: its JSON on stdin, the client's own answer on stdout.

    `gitcoord setup CLIENT` writes these calls into the client's settings. A hook ends within
    two seconds; its exit code and output are what the client obeys (docs/hooks.md).
    """
    from gitcoord.entrypoints.hooks import fast
    from gitcoord.entrypoints.hooks.door import answer

    limit = fast.Limit()
    limit.start()
    directory = click.get_current_context().find_root().obj["directory"]
    if directory is not None:
        try:
            os.chdir(directory)
        except OSError as gone:
            # Exit code 2 would make some clients stop every tool.
            click.echo(f"gitcoord: cannot go to {directory}: {gone.strerror}", err=True)
            return 1
    return answer(client, event, fast.read(), limit)
