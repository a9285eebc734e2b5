"""What was left for others: handoffs, messages, changes, violations, notices, settings, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

import msgspec
from msgspec import Meta

from gitcoord.domain.changes import Change
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.mailbox import Message, Priority
from gitcoord.domain.notices import Notice
from gitcoord.domain.oids import is_oid
from gitcoord.domain.settings import Settings
from gitcoord.domain.violations import Violation
from gitcoord.errors import InvalidValue
from webhook.api.pages import Asked, Paged, page

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: More than any list holds: the page says how many are shown.
ALL = 10**9

#: The most urgent first.
_URGENT: tuple[Priority, ...] = get_args(Priority)[::-1]


class HandoffsAsked(Paged, frozen=True, kw_only=True):
    """Whose handoffs."""

    agent: str | None = None
    task: str | None = None


class Handoffs(msgspec.Struct, frozen=True, kw_only=True):
    """Handoffs, the newest first."""

    handoffs: list[Handoff]
    next: str = ""


def handoffs(asking: Asking, asked: HandoffsAsked) -> Handoffs:
    """Return handoffs."""
    from gitcoord.domain.handoffs import newest

    with asking.state() as state:
        found = newest(state, agent=asked.agent, task=asked.task, limit=ALL)
    found.sort(key=_when, reverse=True)
    shown, more = page(found, _when, asked, descending=True)
    return Handoffs(handoffs=shown, next=more)


class ChangesAsked(Paged, frozen=True, kw_only=True):
    """Which changes: of a file or below a folder, of a session, or all."""

    path: str = ""
    session: str = ""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, the newest first."""

    changes: list[Change]
    next: str = ""


def changes(asking: Asking, asked: ChangesAsked) -> Changes:
    """Return changes. Raises `InvalidKey`."""
    from gitcoord.domain.changes import recent

    with asking.state() as state:
        found = recent(state, path=asked.path, session=asked.session, limit=ALL)
    shown, more = page(found, _when, asked, descending=True)
    return Changes(changes=shown, next=more)


class ViolationsAsked(Paged, frozen=True, kw_only=True):
    """Which violations."""

    session: str = ""
    rule: str = ""


class Violations(msgspec.Struct, frozen=True, kw_only=True):
    """Violations, the newest first."""

    violations: list[Violation]
    next: str = ""


def violations(asking: Asking, asked: ViolationsAsked) -> Violations:
    """Return what guardrails have found."""
    from gitcoord.domain.violations import recorded

    with asking.state() as state:
        found = recorded(state, session=asked.session, rule=asked.rule, limit=ALL)
    shown, more = page(found, _when, asked, descending=True)
    return Violations(violations=shown, next=more)


class Notices(msgspec.Struct, frozen=True, kw_only=True):
    """What the acting session was told."""

    notices: list[Notice]


def notices(asking: Asking, asked: Asked) -> Notices:
    """Return the notices. Raises `SessionRequired`."""
    from gitcoord.domain.notices import told

    with asking.state() as state:
        return Notices(notices=told(state, asking.holder))


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that all share."""

    settings: Settings


def settings(asking: Asking, asked: Asked) -> Agreed:
    """Return the settings."""
    with asking.state() as state:
        return Agreed(settings=state.settings)


class InboxAsked(Paged, frozen=True, kw_only=True):
    """Which messages: those to read or acknowledge, or all that are kept."""

    all: bool = False


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """Messages; to read: the most urgent first, else the newest."""

    messages: list[dict[str, Any]]
    next: str = ""


def inbox(asking: Asking, asked: InboxAsked) -> Messages:
    """Return messages for the acting session. Raises `SessionRequired`."""
    from gitcoord.domain.sessions import root
    from gitcoord.entrypoints.cli.message import incoming, received_row

    holder = asking.holder
    with asking.state() as state:
        found = incoming(asking, state, holder, asked.all)
        place = _when if asked.all else _urgency
        shown, more = page(found, place, asked, descending=asked.all)
        return Messages(messages=[received_row(one, root(holder)) for one in shown], next=more)


def outbox(asking: Asking, asked: Paged) -> Messages:
    """Return messages of the acting session. Raises `SessionRequired`."""
    from gitcoord.domain.mailbox import sent
    from gitcoord.entrypoints.cli.message import sent_row

    holder = asking.holder
    with asking.state() as state:
        shown, more = page(sent(state, holder, limit=ALL), _when, asked, descending=True)
        return Messages(messages=[sent_row(one) for one in shown], next=more)


class LogAsked(Paged, frozen=True, kw_only=True):
    """Which transactions."""

    agent: str = ""
    session: str = ""
    operation: Annotated[str, Meta(description="An operation or its beginning: `lock.`")] = ""
    key: str = ""
    since: str = ""
    until: str = ""


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """Transactions, the newest first."""

    transactions: list[dict[str, Any]]
    next: str = ""


def log(asking: Asking, asked: LogAsked) -> Log:
    """Return transactions. Raises `InvalidValue` for a time or a place that is none."""
    from gitcoord.domain.time import from_epoch, moment
    from gitcoord.ledger.history import Filter, transactions

    ledger = asking.house.ledger
    now = from_epoch(ledger.clock.wall())
    wish = Filter(
        agent=asked.agent,
        session=asked.session,
        operation=asked.operation,
        key=asked.key,
        since=moment(asked.since, now) if asked.since else "",
        until=moment(asked.until, now) if asked.until else "",
    )
    start = _commit(asking, asked.cursor) if asked.cursor else None
    found = list(transactions(ledger, wish, limit=asked.limit + 1, start=start))
    more = found[asked.limit].oid if len(found) > asked.limit else ""
    rows = [
        {
            "oid": one.oid,
            "time": one.time,
            "agent": one.agent,
            "subject": one.subject,
            "operations": one.lines,
        }
        for one in found[: asked.limit]
    ]
    return Log(transactions=rows, next=more)


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Every record, as the lines of an export say it."""

    records: list[dict[str, Any]]


def export(asking: Asking, asked: Asked) -> Export:
    """Return all records; the first says which ledger and transaction it is."""
    from gitcoord.ledger.transfer import exported

    return Export(records=[msgspec.json.decode(x) for x in exported(asking.house.ledger)])


def _when(one: Handoff | Change | Violation | Message) -> str:
    return f"{one.at}\0{one.id}"


def _urgency(one: Message) -> str:
    return f"{_URGENT.index(one.priority)}\0{_when(one)}"


def _commit(asking: Asking, oid: str) -> str:
    """Return the commit, if it is one of this ledger's chain. Raises `InvalidValue`."""
    ledger = asking.house.ledger
    if is_oid(oid):
        for found, _ in ledger.store.chain(ledger.head()):
            if found == oid:
                return oid
    raise InvalidValue("not a transaction of this ledger", hint="Take `next` as it is.")
