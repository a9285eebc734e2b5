"""`gitcoord policy`: ask whether something may be done, and keep the policies that decide it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gitcoord.entrypoints.cli.desk import Desk, acting, reading
from gitcoord.entrypoints.cli.desk import command as command_
from gitcoord.entrypoints.cli.governing import changed, governing, holder, reminded
from gitcoord.errors import InvalidFile, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.policies import Policy


@click.group()
def policy() -> None:
    """Ask what may be done, and keep the Cedar policies of the ledger.

    Policies decide where `gitcoord config policy_engine cedar --shared` says so; else trust
    levels do.
    """


@policy.command(epilog="Example: gitcoord policy check acquire_lock src/auth/login.py")
@click.argument("operation", metavar="OPERATION")
@click.argument("resource", metavar="[RESOURCE]", default="")
@acting
@reading
def check(desk: Desk, operation: str, resource: str) -> None:
    """Say whether the acting session may do OPERATION, and why. Exit code 3: it may not.

    RESOURCE is a path, a task or a type of tasks, or a domain for network_access.
    """
    from gitcoord.domain.permission import asked, principal, refusal_of
    from gitcoord.domain.sessions import Session, root

    acts = desk.anybody()
    with desk.state() as state:
        session = state.get(Session, root(acts)) if acts else None
        who = principal(state, session, desk.now(state))
        decision = asked(state, who, operation, resource)
    if not decision.allowed:
        raise refusal_of(decision, who, operation)
    desk.show({"decision": decision}, f"allowed: {decision.reason} ({decision.engine})")


@policy.command(epilog="Example: gitcoord policy validate freeze.cedar")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--schema", is_flag=True, help="Print what policies can speak of instead.")
@command_
def validate(desk: Desk, file: str | None, schema: bool) -> None:
    """Say whether a policy fits the schema; `-` reads standard input. Stores nothing."""
    from gitcoord.domain.cedar import SCHEMA, errors_of
    from gitcoord.errors import InvalidPolicy

    desk.tends = desk.seeks = False
    if (file is None) != schema:
        raise UsageError("name a FILE, or pass --schema")
    if file is None:
        desk.show({"schema": SCHEMA}, SCHEMA)
        return
    errors = errors_of(_text(desk, file))
    if errors:
        raise InvalidPolicy("; ".join(errors[:5]), valid=False, errors=errors)
    desk.show({"valid": True, "errors": []}, "it fits the schema")


@policy.command("list", epilog="Example: gitcoord policy list")
@reading
def list_(desk: Desk) -> None:
    """List the policies, built in and stored, and which engine decides."""
    from gitcoord.domain.policies import Policy, every
    from gitcoord.entrypoints.cli.render import table

    with desk.state() as state:
        engine, found = state.settings.policy_engine, every(state)
        stored = {one.name for one in state.all(Policy)}

    def text() -> list[str]:
        rows = [
            (
                one.name,
                one.priority,
                "stored" if one.name in stored else "built in",
                "" if one.enabled else "off",
                one.description if one.name in stored else "",
            )
            for one in found
        ]
        decides = "these policies decide" if engine == "cedar" else "trust levels decide, not these"
        return [
            f"engine {engine}: {decides}",
            table(("policy", "priority", "", "", "description"), rows, "no policies"),
        ]

    rows = [_document(one, one.name not in stored) for one in found]
    desk.show({"engine": engine, "policies": rows}, text)


@policy.command(epilog="Example: gitcoord policy show writes")
@click.argument("name", metavar="POLICY")
@click.option("--at", metavar="TIME", help="As it was at that time.")
@reading
def show(desk: Desk, name: str, at: str | None) -> None:
    """Show the text of a policy."""
    from gitcoord.domain.policies import Policy, policy_of

    with desk.state(at) as state:
        found = policy_of(state, name)
        stored = state.get(Policy, name) is not None
    desk.show({"policy": _document(found, not stored)}, found.text)


@policy.command("set", epilog="Example: gitcoord policy set freeze freeze.cedar")
@click.argument("name", metavar="POLICY")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--description", metavar="TEXT")
@click.option("--priority", type=int, metavar="N", help="Place in the list, 0 to 1000.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it is in force.")
@governing
@command_
def set_(desk: Desk, name: str, file: str | None, person: bool, **said: Any) -> None:
    """Store a policy from a file (`-`: standard input), or change what is named of one.

    It is validated before. Needs a person, or trust level 4.
    """
    from gitcoord.domain.policies import PolicyChanged, SetPolicy

    text = None if file is None else _text(desk, file)
    answer = changed(desk, SetPolicy(name=name, text=text, **said), PolicyChanged, person)
    assert answer.policy is not None
    found = answer.policy
    with desk.state() as state:
        engine = state.settings.policy_engine
    idle = "" if engine == "cedar" else "; the engine is native, so that it decides nothing yet"
    desk.show(
        {"policy": _document(found, False), "engine": engine},
        f"policy {name} is {'stored' if found.enabled else 'stored and switched off'}{idle}",
    )


@policy.command(epilog="Example: gitcoord policy remove freeze")
@click.argument("name", metavar="POLICY")
@governing
@command_
def remove(desk: Desk, name: str, person: bool) -> None:
    """Remove a stored policy; a built-in one of that name is there again."""
    from gitcoord.domain.policies import PolicyChanged, RemovePolicy

    answer = changed(desk, RemovePolicy(name=name), PolicyChanged, person)
    left = answer.policy
    again = " (the built-in one is in force again)" if left else ""
    desk.show(
        {"removed": name, "policy": _document(left, True) if left else None},
        f"policy {name} is removed{again}",
    )


@policy.command(epilog="Example: gitcoord policy rollback freeze --at 2h")
@click.argument("name", metavar="[POLICY]", default="")
@click.option("--at", metavar="TIME", required=True, help="A time, or how long ago (2h).")
@governing
@command_
def rollback(desk: Desk, name: str, at: str, person: bool) -> None:
    """Bring back a policy, or all of them, as they were at a time; all or none.

    The chain keeps every version: nothing that was stored since is lost by it.
    """
    from gitcoord.domain.policies import Policy, PolicyChanged, RemovePolicy, SetPolicy
    from gitcoord.domain.time import moment
    from gitcoord.errors import PolicyNotFound
    from gitcoord.ledger.request import Batch

    with desk.state() as state:
        time = moment(at, desk.now(state))
        present = {one.name: one for one in state.all(Policy)}
    with desk.state(time) as state:
        past = {one.name: one for one in state.all(Policy)}
    names = [name] if name else sorted(present | past)
    if name and name not in present | past:
        raise PolicyNotFound(f"no policy {name!r} is stored, now or then", policy=name)
    wishes: list[SetPolicy | RemovePolicy] = []
    for one in names:
        if one not in past:
            wishes.append(RemovePolicy(name=one))
        elif one not in present or _said(past[one]) != _said(present[one]):
            old = past[one]
            wishes.append(
                SetPolicy(
                    name=one,
                    text=old.text,
                    description=old.description,
                    priority=old.priority,
                    enabled=old.enabled,
                )
            )
    if wishes:
        with reminded(desk):
            session = holder(desk, person)
            (reply,) = desk.house.coordinator.run(
                Batch(*wishes), session=session, agent=desk.named_for(session)
            )
            if reply.error is not None:
                raise reply.error
        assert all(isinstance(answer, PolicyChanged) for answer in reply.answers)
    done = [one.name for one in wishes]
    desk.show(
        {"rolled_back": done, "at": time},
        f"as at {time}: {', '.join(done)}" if done else f"nothing has changed since {time}",
    )


def _said(found: Policy) -> Policy:
    """Return a policy without who stored it when."""
    return msgspec.structs.replace(found, at="", by="")


def _document(found: Policy, built_in: bool) -> dict[str, Any]:
    from gitcoord.domain.record import shown

    return {**shown(found), "built_in": built_in}


def _text(desk: Desk, file: str) -> str:
    """Return the text of a file. Raises `InvalidFile`."""
    from gitcoord.domain.record import TEXT_LIMIT

    try:
        if file == "-":
            data = sys.stdin.buffer.read(TEXT_LIMIT + 1)
        else:
            with open(os.path.join(desk.directory, file), "rb") as source:
                data = source.read(TEXT_LIMIT + 1)
        return data.decode()
    except OSError as error:
        raise InvalidFile(f"{file}: {error.strerror}", file=file) from error
    except UnicodeDecodeError as wrong:
        raise InvalidFile(f"{file}: not UTF-8: {wrong.reason}", file=file) from wrong
