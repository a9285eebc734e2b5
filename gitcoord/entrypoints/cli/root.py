"""Which commands there are, loaded one at a time.

Importing every command would cost more than most commands take, so the group
knows their names and first lines from a table and imports the one that is run.
"""

from __future__ import annotations

from importlib import import_module

import click

#: Command -> (module in this package, attribute, one line for the overview).
COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("init", "init", "Give this repository a ledger."),
    "demo": ("demo", "demo", "Watch several agents share a real repository."),
    "status": ("status", "status", "Who works here, what is locked, what is to do."),
    "where": ("where", "where", "Where the ledger is and who decides."),
    "whoami": ("where", "whoami", "Which session this command line acts for."),
    "context": ("context", "context", "What an agent needs to know now."),
    "session": ("session", "session", "Check in, beat, declare scope, check out."),
    "lock": ("lock", "lock", "Lock paths and logical keys."),
    "task": ("task", "task", "Add, claim, move and list tasks."),
    "handoff": ("handoff", "handoff", "Leave notes for whoever comes next."),
    "message": ("message", "message", "Write to other sessions and read what they wrote."),
    "memory": ("memory", "memory", "Remember what was learned, and recall it."),
    "change": ("change", "change", "Who changed which file."),
    "guard": ("guard", "guard", "Check commands, commits and pushes before they happen."),
    "profile": ("profile", "profile", "What agents may do, and how much of it."),
    "policy": ("policy", "policy", "Ask and change what decides what agents may do."),
    "network": ("network", "network", "Which domains agents may reach."),
    "port": ("port", "port", "Lease ports of this machine."),
    "team": ("team", "team", "Check and show who works together."),
    "escalation": ("escalation", "escalation", "Raise and resolve what a worker cannot decide."),
    "feature": ("feature", "feature", "Register features and see which overlap."),
    "approval": ("approval", "approval", "Ask for a person's consent, and decide."),
    "merge": ("merge", "merge", "Queue branches, check and land them."),
    "verify": ("verify", "verify", "Check commits before they land."),
    "setup": ("setup", "setup", "Connect an agent client, or git itself."),
    "hook": ("hook", "hook", "Answer a hook of an agent client."),
    "run": ("run", "run", "Run a command as a checked-in session with locks."),
    "mcp": ("mcp", "mcp", "Serve an agent's client (MCP)."),
    "serve": ("serve", "serve", "Serve agents and people over HTTP."),
    "github": ("github", "github", "Take part from GitHub: labels, branches, comments."),
    "watch": ("watch", "watch", "A live view that follows the ledger."),
    "log": ("log", "log", "What has happened, newest first."),
    "audit": ("audit", "audit", "What was asked for, and whether the chain is right."),
    "config": ("config", "config", "Settings, and where each comes from."),
    "doctor": ("doctor", "doctor", "Verify the ledger and this clone; repair what is safe."),
    "compact": ("compact", "compact", "Prune what is long closed."),
    "export": ("transfer", "export", "Write all records as JSON Lines."),
    "import": ("transfer", "import_", "Read records that `export` wrote."),
    "uninstall": ("uninstall", "uninstall", "Remove gitcoord from this repository."),
}


#: The \b keeps click from joining the lines.
EPILOG = """\b
Exit codes: 0 done, 1 bug, 2 usage, 3 refused, 4 try again, 5 unavailable, 6 damaged.
Completion: eval "$(_GITCOORD_COMPLETE=bash_source gitcoord)" (also zsh_source, fish_source)."""


class LazyGroup(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, imported."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        found = getattr(import_module(f"{__package__}.{module}"), attribute)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or refuse with the nearest name that exists."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"there is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
)
@click.option("-C", "directory", metavar="DIR", help="Act as if started in DIR.")
@click.version_option(None, "--version", package_name="gitcoord", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, directory: str | None) -> None:
    """Locks, tasks and handoffs for agents that share one git repository.

    The ledger lives in the repository itself, under refs/coord/, and needs no server.
    """
    ctx.obj = {"directory": directory}
