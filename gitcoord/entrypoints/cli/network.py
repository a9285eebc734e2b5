"""`gitcoord network`: which domains agents may reach, and what they wanted to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, reading
from gitcoord.entrypoints.cli.desk import command as command_
from gitcoord.entrypoints.cli.governing import changed, governing
from gitcoord.errors import DomainBlocked, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.network import NetworkRule, Verdict
    from gitcoord.domain.state import State


@click.group()
def network() -> None:
    """Say which domains agents may reach. What no rule allows is blocked.

    gitcoord answers and keeps a record; programs that enforce it read `network export`.
    """


@network.command(epilog="Example: gitcoord network check https://api.github.com/repos")
@click.argument("target", metavar="URL|DOMAIN")
@click.option("--profile", metavar="P", help="As this profile (default: the acting session's).")
@acting
@reading
def check(desk: Desk, target: str, profile: str | None) -> None:
    """Say whether a URL or a domain may be reached. Exit code 3: it may not.

    The check is kept in the access log, unless it is asked for another profile.
    """
    from gitcoord.domain.permission import asked, principal, refusal_of
    from gitcoord.domain.sessions import Session, root

    acts = desk.anybody()
    with desk.state() as state:
        found = _verdict(state, profile, acts, target)
        session = state.get(Session, root(acts)) if acts else None
        who = principal(state, session, desk.now(state))
        refusal = None
        if session is not None and profile is None:
            decision = asked(state, who, "network_access", target)
            if not decision.allowed:
                refusal = refusal_of(decision, who, "network_access")
    allowed = found.allowed and refusal is None
    if profile is None:
        record(desk, found, acts, allowed=allowed)
    if not found.allowed:
        raise blocked(found)
    if refusal is not None:
        raise refusal
    desk.show({"access": found}, f"{found.host} may be reached: rule {found.rule}")


@network.command("list", epilog="Example: gitcoord network list --profile codex_cloud_worker")
@click.option("--profile", metavar="P", help="Only what holds for this profile.")
@reading
def list_(desk: Desk, profile: str | None) -> None:
    """List the rules in the order in which they count."""
    from gitcoord.domain.network import NetworkRule, rules
    from gitcoord.domain.profiles import profile_of
    from gitcoord.entrypoints.cli.render import table

    with desk.state() as state:
        if profile:
            profile = profile_of(state, profile).name
        found = rules(state, profile or "", all_profiles=profile is None)
        stored = {one.id for one in state.all(NetworkRule)}

    def text() -> str:
        rows = [
            (
                one.id,
                one.action,
                one.pattern,
                one.profile or "all",
                one.priority,
                "" if one.enabled else "off",
                one.description,
            )
            for one in found
        ]
        columns = ("rule", "", "domains", "profile", "priority", "", "description")
        return table(columns, rows, "no rules: everything is blocked")

    desk.show({"rules": [_document(one, one.id not in stored) for one in found]}, text)


@network.command(epilog="Example: gitcoord network add '*.example.com' --profile implementer")
@click.argument("pattern", metavar="PATTERN")
@click.option("--allow/--deny", "allow", default=True, help="What is done (default: allow).")
@click.option("--profile", default="", metavar="P", help="Only for this profile.")
@click.option("--priority", type=int, default=5, show_default=True, help="The lowest counts.")
@click.option("--description", default="", metavar="TEXT")
@click.option("--disabled", is_flag=True, help="Keep it, but not in force.")
@click.option("--id", "name", metavar="ID", help="An id of your own (default: made).")
@governing
@command_
def add(
    desk: Desk,
    pattern: str,
    allow: bool,
    profile: str,
    priority: int,
    description: str,
    disabled: bool,
    name: str | None,
    person: bool,
) -> None:
    """Add a rule, or replace the one with that id. Needs a person, or trust level 4.

    PATTERN is example.com, *.example.com (every name below it), or * for all.
    """
    from gitcoord.domain.network import RuleChanged, SetNetworkRule
    from gitcoord.ledger.request import fresh_id

    wish = SetNetworkRule(
        id=name or fresh_id("n-"),
        pattern=pattern,
        action="allow" if allow else "deny",
        profile=profile,
        priority=priority,
        description=description,
        enabled=not disabled,
    )
    answer = changed(desk, wish, RuleChanged, person)
    assert answer.rule is not None
    rule = answer.rule
    verb = "allows" if allow else "denies"
    desk.show({"rule": _document(rule, False)}, f"rule {rule.id} {verb} {rule.pattern}")


@network.command(epilog="Example: gitcoord network remove n-4k2m8x7q1z")
@click.argument("id", metavar="RULE")
@governing
@command_
def remove(desk: Desk, id: str, person: bool) -> None:
    """Remove a stored rule; a built-in one of that id is there again."""
    from gitcoord.domain.network import RemoveNetworkRule, RuleChanged

    answer = changed(desk, RemoveNetworkRule(id=id), RuleChanged, person)
    again = " (the built-in one is in force again)" if answer.rule else ""
    desk.show(
        {"removed": id, "rule": _document(answer.rule, True) if answer.rule else None},
        f"rule {id} is removed{again}",
    )


@network.command(epilog="Example: gitcoord network export --format pac > agents.pac")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pac", "list", "commas", "claude"]),
    default="list",
    show_default=True,
    help="A proxy auto-config file, a domain a line, with commas, Claude Code's sandbox.",
)
@click.option("--profile", default="", metavar="P", help="For agents with this profile.")
@click.option("--proxy", metavar="HOST:PORT", help="In pac: where what is allowed goes.")
@reading
def export(desk: Desk, form: str, profile: str, proxy: str | None) -> None:
    """Write the rules for a program that enforces them."""
    from gitcoord.domain.hosts import host_of
    from gitcoord.domain.network import rules
    from gitcoord.domain.network_export import LISTS, allowed, proxy_config
    from gitcoord.domain.profiles import profile_of

    if proxy is not None and form != "pac":
        raise UsageError("--proxy goes with --format pac")
    with desk.state() as state:
        if profile:
            profile = profile_of(state, profile).name
        found = rules(state, profile)
    omitted: list[str] = []
    if form == "pac":
        way = "DIRECT"
        if proxy is not None:
            place = host_of(proxy)
            if place.port is None:
                raise UsageError("--proxy is HOST:PORT")
            way = f"PROXY {place.name}:{place.port}"
        text = proxy_config(found, way)
    else:
        patterns, omitted = allowed(found)
        text = LISTS[form](patterns)
    if omitted:
        desk.note(f"left out, a list cannot say what is denied below: {', '.join(omitted)}")
    desk.show({"format": form, "text": text, "omitted": omitted}, text.rstrip("\n"))


@network.command(epilog="Example: gitcoord network log --blocked --since 1d")
@click.option("--session", "by", default="", metavar="ID", help="Only accesses of this session.")
@click.option("--blocked", is_flag=True, help="Only what was blocked.")
@click.option("--since", metavar="TIME", help="From then on: a time, or how long ago (2h).")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True)
@reading
def log(desk: Desk, by: str, blocked: bool, since: str | None, limit: int) -> None:
    """List what agents wanted to reach, newest first."""
    from gitcoord.domain.accesses import accessed
    from gitcoord.domain.time import EPOCH, moment
    from gitcoord.entrypoints.cli.render import ago, table

    with desk.state() as state:
        now = desk.now(state)
        start = EPOCH if since is None else moment(since, now)
        found = accessed(state, session=by, blocked=blocked, since=start, limit=limit)

    def text() -> str:
        rows = [
            (
                ago(now, one.at),
                one.agent or "somebody",
                "reached" if one.allowed else "BLOCKED",
                one.domain,
                one.rule or one.reason,
            )
            for one in found
        ]
        return table(("when", "agent", "", "domain", "rule"), rows, "nothing was checked")

    desk.show({"accesses": found}, text)


def blocked(found: Verdict) -> DomainBlocked:
    """Return the refusal of a domain."""
    why = f"rule {found.rule} denies {found.pattern}" if found.rule else "no rule allows it"
    return DomainBlocked(
        f"{found.host} is blocked: {why}",
        domain=found.host,
        rule=found.rule,
        reason=found.reason,
        alert=True,
    )


def record(desk: Desk, found: Verdict, session: str | None, *, allowed: bool) -> None:
    """Let the access ride on the next decision of this machine."""
    from gitcoord.domain.accesses import AccessDraft, RecordAccesses

    with desk.state() as state:
        now = desk.now(state)
    draft = AccessDraft(
        domain=found.host, allowed=allowed, rule=found.rule, reason=found.reason, at=now
    )
    desk.house.coordinator.later(
        RecordAccesses(accesses=(draft,)), session=session, agent=desk.person
    )


def _verdict(state: State, profile: str | None, acts: str | None, target: str) -> Verdict:
    from gitcoord.domain.assignments import standing
    from gitcoord.domain.network import verdict
    from gitcoord.domain.profiles import profile_of
    from gitcoord.domain.sessions import Session, root

    if profile is not None:
        return verdict(state, profile_of(state, profile).name, target)
    session = state.get(Session, root(acts)) if acts else None
    return verdict(state, standing(state, session).profile.name, target)


def _document(rule: NetworkRule, built_in: bool) -> dict[str, Any]:
    from gitcoord.domain.record import shown

    return {**shown(rule), "built_in": built_in}
