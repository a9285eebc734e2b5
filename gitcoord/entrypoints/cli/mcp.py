"""`gitcoord mcp`: the MCP server for an agent's client.

Speaks the protocol on standard input and output, or over HTTP for several clients. Only this
command loads the MCP SDK, which takes longer than most commands do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.errors import ExtraMissing, NotARepository, UsageError

if TYPE_CHECKING:
    from gitcoord.entrypoints.mcp.cost import Cost
    from gitcoord.entrypoints.mcp.table import Profile

#: Where HTTP is served.
HOST, PORT = "127.0.0.1", 8751


@click.command(epilog="Example: gitcoord mcp --tools core")
@click.option("--http", "over_http", is_flag=True, help="Serve several clients over HTTP.")
@click.option("--host", default=HOST, show_default=True, help="Address for --http.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535))
@click.option("--token-file", metavar="FILE", help="Bearer tokens for --http, one a line.")
@click.option(
    "--tools",
    type=click.Choice(["core", "all", "golemxv"]),
    help="Which tools (default: setting, all); golemxv: those of GolemXV, by its names.",
)
@click.option("--print-tools", is_flag=True, help="Only list the tools and what they cost.")
@command
def mcp(
    desk: Desk,
    over_http: bool,
    host: str,
    port: int,
    token_file: str | None,
    tools: Profile | None,
    print_tools: bool,
) -> int:
    """Serve the ledger to an agent's client as an MCP server.

    A client starts this itself (docs/mcp.md). Over HTTP it asks for a bearer token, from
    --token-file or GITCOORD_MCP_TOKEN.
    """
    if print_tools and over_http:
        raise UsageError("--print-tools and --http exclude each other")
    if not over_http and (unused := _of_http()):
        raise UsageError(f"{unused} goes with --http")
    if print_tools:
        _print(desk, tools or "all")
        return 0
    if desk.json:
        raise UsageError("--json goes with --print-tools: the server itself answers its client")
    profile = tools or _configured(desk)
    tokens = _tokens(desk, token_file) if over_http else {}
    _loaded()
    from gitcoord.entrypoints.mcp.office import Office

    directory = click.get_current_context().find_root().obj["directory"]
    office = Office(directory, desk.environ, several=over_http)
    if over_http:
        from gitcoord.entrypoints.mcp.http import serve as serve_http

        return serve_http(office, profile, host, port, tokens)
    from gitcoord.entrypoints.mcp.stdio import serve

    return serve(office, profile)


def _of_http() -> str:
    """Return an option of --http that was given; "" for none."""
    here = click.get_current_context()
    for name in ("host", "port", "token_file"):
        if here.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            return f"--{name.replace('_', '-')}"
    return ""


def _configured(desk: Desk) -> Profile:
    """Return the profile that the settings name; outside of a repository there are none."""
    try:
        return desk.settings.mcp_tools
    except NotARepository:
        return "all"


def _tokens(desk: Desk, file: str | None) -> dict[str, str]:
    from gitcoord.entrypoints.mcp.tokens import VARIABLE, from_file, from_text

    if file is not None:
        return from_file(file)
    found = from_text(desk.environ.get(VARIABLE, ""), VARIABLE)
    if not found:
        raise UsageError(
            "--http needs a bearer token: whoever can reach the port acts in this repository",
            hint=f"Pass --token-file FILE, or set {VARIABLE}.",
        )
    return found


def _loaded() -> None:
    """Load the SDK. Raises `ExtraMissing` where it is not installed."""
    try:
        import mcp.server.lowlevel  # noqa: F401
    except ImportError as lacking:
        raise ExtraMissing(
            f"the MCP server needs a package that is not installed: {lacking.name or lacking}",
            hint="Run `pip install 'gitcoord[mcp]'`.",
            extra="mcp",
        ) from lacking


def _least(cost: Cost, profile: Profile) -> Profile:
    """Return the smallest profile that has the tool."""
    return "core" if cost.core else profile


def _print(desk: Desk, profile: Profile) -> None:
    from gitcoord.entrypoints.cli.render import table
    from gitcoord.entrypoints.mcp.cost import costs
    from gitcoord.entrypoints.mcp.schema import CHARACTERS

    found = costs(profile)
    profiles = {profile: found}
    if profile == "all":
        profiles = {"core": costs("core"), "all": found}
    totals = {name: sum(x.tokens for x in group) for name, group in profiles.items()}
    document: dict[str, Any] = {
        "tools": [
            {
                "name": cost.name,
                "profile": _least(cost, profile),
                "tokens": cost.tokens,
                "output_tokens": cost.output,
            }
            for cost in found
        ],
        "profiles": {
            name: {"tools": len(profiles[name]), "tokens": total} for name, total in totals.items()
        },
        "characters_per_token": CHARACTERS,
    }

    def text() -> list[str]:
        columns = ("tool", "profile", "tokens", "answer schema")
        rows = [(x.name, _least(x, profile), x.tokens, x.output) for x in found]
        return [
            table(columns, rows, "there are no tools"),
            "",
            *(
                f"profile {name}: {len(profiles[name])} tools, about {total} tokens"
                for name, total in totals.items()
            ),
            f"A token is estimated as {CHARACTERS} characters of compact JSON.",
            "Counted are name, description and input schema, which are what a model reads.",
        ]

    desk.show(document, text)
