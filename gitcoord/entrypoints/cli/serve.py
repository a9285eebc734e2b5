"""`gitcoord serve`: the web service beside one or more repositories, and its API keys.

The service itself is the package `webhook`, which stands above this one and is found by its name
when it is started. Not here: anything that it does.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.render import table
from gitcoord.errors import ExtraMissing, InvalidConfig, UsageError

#: Where the service listens by default (DESIGN §7).
HOST, PORT = "127.0.0.1", 8750
#: What is said before `key`, too: which service is meant.
OF_KEYS = {"projects", "state"}
SCOPES = ("read", "agent", "admin")


@click.group(
    invoke_without_command=True,
    epilog="Example: gitcoord serve --project web=../web --project api=https://host/api.git",
)
@click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="NAME=PATH_OR_URL",
    help="A repository to serve; may be repeated (default: the one around here).",
)
@click.option("--state", metavar="FILE", help="The service's own file: keys and secrets.")
@click.option("--host", default=HOST, show_default=True, help="Address to listen on.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535))
@click.option("--require-key-everywhere", is_flag=True, help="Leave no route but /health open.")
@click.option(
    "--loopback-dashboard", is_flag=True, help="Ask for no log-in from this machine itself."
)
@click.option("--origin", "origins", multiple=True, metavar="URL", help="Pages that may call it.")
@click.option(
    "--rate", default=1200, show_default=True, type=click.IntRange(1), help="Requests a minute."
)
@click.option(
    "--private-notifications", is_flag=True, help="Let notifications go to private networks."
)
@click.option("--behind-proxy", is_flag=True, help="Believe a proxy here who the client is.")
@click.option(
    "--run-checks", is_flag=True, help="Run commands of verification here when something lands."
)
@click.option("--log", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def serve(ctx: click.Context, /, **given: Any) -> None:
    """Serve agents that reach no git host, and people: HTTP API, events, dashboard.

    All truth stays in the ledger: it can be stopped at any time, and run more than once.
    """
    ctx.ensure_object(dict)["serve"] = given
    if ctx.invoked_subcommand is None:
        ctx.exit(ctx.invoke(_serving) or 0)
    for name in given.keys() - OF_KEYS:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = next(one.opts[0] for one in ctx.command.params if one.name == name)
            raise UsageError(f"{option} is for the service itself, not for its keys")


@click.command()
@command
def _serving(desk: Desk) -> int:
    given = click.get_current_context().find_root().obj["serve"]
    running = _service("running")
    settings = _settings(desk)
    names = ("host", "port", "require_key_everywhere", "loopback_dashboard", "rate",
             "private_notifications", "behind_proxy", "run_checks")  # fmt: skip
    known = _service("settings")
    settings = settings._replace(
        origins=known.origins(given["origins"]),
        forge=known.forge(desk.environ),
        **{name: given[name] for name in names},
    )
    found = running.serve(settings, desk.environ, log=given["log"])
    assert isinstance(found, int)
    return found


@serve.group()
def key() -> None:
    """Make, list, rotate and revoke API keys."""


@key.command(epilog="Example: gitcoord serve key add --name ci --scope agent")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--scope", required=True, type=click.Choice(SCOPES), help="What it may do.")
@click.option("--agent", default="", metavar="NAME", help="The only agent that it may act for.")
@click.option("--for", "project", metavar="PROJECT", help="Its project, where several are served.")
@command
def add(
    desk: Desk,
    name: str,
    scope: str,
    agent: str,
    project: str | None,
) -> None:
    """Make a key, and show it this once."""
    _refuse_agents(desk, scope)
    settings = _settings(desk)
    chosen = _project(settings, project)
    keys = _keys(settings)
    made, secret = keys.add(chosen, name, scope, agent, at=time.time())
    _tell(desk, made, secret)


@key.command("list", epilog="Example: gitcoord serve key list --json")
@command
def list_(desk: Desk) -> None:
    """List the keys; their secrets are known to nobody."""
    found = _keys(_settings(desk)).list()
    desk.show(
        {"keys": [one._asdict() for one in found]},
        lambda: table(
            ("id", "name", "scope", "project", "agent", "made", "revoked"),
            [
                (x.id, x.name, x.scope, x.project, x.agent, x.created_at, x.revoked_at)
                for x in found
            ],
            "there are no keys; `gitcoord serve key add` makes one",
        ),
    )


@key.command(epilog="Example: gitcoord serve key rotate 3f2a9c41d0b7")
@click.argument("id")
@command
def rotate(desk: Desk, id: str) -> None:
    """Put another key in the place of one, which ends."""
    keys = _keys(_settings(desk))
    _refuse_agents(desk, next((one.scope for one in keys.list() if one.id == id), ""))
    made, secret = keys.rotate(id, at=time.time())
    _tell(desk, made, secret)


@key.command(epilog="Example: gitcoord serve key revoke 3f2a9c41d0b7")
@click.argument("id")
@command
def revoke(desk: Desk, id: str) -> None:
    """End a key at once."""
    ended = _keys(_settings(desk)).revoke(id, at=time.time())
    desk.show({"key": ended._asdict()}, f"key {ended.id} ({ended.name}) was revoked")


def _refuse_agents(desk: Desk, scope: str) -> None:
    """Raise `UsageError` where the shell of an agent would get what makes it a person."""
    from gitcoord.entrypoints.cli.governing import OUTSIDE, shows

    if scope == "admin" and shows(desk):
        raise UsageError("a key with scope admin is a person's to make", hint=OUTSIDE)


def _tell(desk: Desk, made: Any, secret: str) -> None:
    desk.show(
        {"key": made._asdict() | {"secret": secret}},
        f"key {made.id} ({made.name}), scope {made.scope}, project {made.project}:\n"
        f"{secret}\n"
        "It is shown this once, and kept as a digest only.",
    )


def _project(settings: Any, name: str | None) -> str:
    if name is None and len(settings.projects) == 1:
        return str(next(iter(settings.projects)))
    if name is None or name not in settings.projects:
        known = ", ".join(settings.projects)
        raise InvalidConfig(
            f"there is no project {name!r}" if name else "several projects are served",
            hint=f"Say --for PROJECT, one of {known}.",
        )
    return name


def _settings(desk: Desk) -> Any:
    """Return the settings of the service that `gitcoord serve`'s own options mean."""
    given = click.get_current_context().find_root().obj["serve"]
    known = _service("settings")
    places = known.projects(given["projects"], desk.directory)
    known.checked(places, desk.environ)
    return known.Settings(places, known.state_file(given["state"], places, desk.environ))


def _keys(settings: Any) -> Any:
    return _service("keys").Keys(_service("private").Private(settings.state))


def _service(name: str) -> Any:
    """Return a module of the service. Raises `ExtraMissing`."""
    try:
        return import_module(f"webhook.{name}")
    except ImportError as missing:
        raise ExtraMissing(
            f"the service needs more than is installed: {missing.name}",
            hint="Run `pip install 'gitcoord[service]'`.",
        ) from missing
