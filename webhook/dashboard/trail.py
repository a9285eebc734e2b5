"""The past of a key, as the log has it: looked for once, then only in what has come since.

A page of one file asks again at every change of the ledger; to walk two weeks of history each
time would be dear. Not here: which transactions are about a key (`gitcoord.ledger.history`).
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from gitcoord.domain.time import EPOCH, plus
from gitcoord.ledger import journal
from gitcoord.ledger.history import Filter, transactions

if TYPE_CHECKING:
    from gitcoord.ledger.journal import Transaction
    from webhook.api.asking import Asking
    from webhook.dashboard.past import Sight
    from webhook.projects import Project

#: Transactions of one key that are shown.
ROWS = 50
#: Seconds of the past that are searched unless all of it is asked for.
RECENT = 14 * 86_400
#: Keys whose past is known, for each project.
REMEMBERED = 64


class _Known(NamedTuple):
    head: str
    epoch: int
    found: list[Transaction]


_KNOWN: WeakKeyDictionary[Project, OrderedDict[tuple[str, bool], _Known]] = WeakKeyDictionary()


def trail(asking: Asking, seen: Sight, text: str, *, whole: bool) -> list[Transaction]:
    """Return the transactions about a key, the newest first; those that only changed files not.

    Without `whole` those of the last two weeks. Raises `InvalidKey`, `UnknownNamespace`.
    """
    ledger = asking.house.ledger
    begins = EPOCH if whole else plus(seen.now, -RECENT)
    known = _KNOWN.setdefault(asking.caller.project, OrderedDict())
    before = known.pop((text, whole), None)
    if before is None or before.epoch != seen.state.meta.epoch:
        before = _Known("", seen.state.meta.epoch, [])
    found = before.found
    if before.head != seen.head:
        since = begins
        if before.head:
            since = journal.read(before.head, ledger.store.read(before.head)[1]).time
        wish = Filter(key=text, since="" if since == EPOCH else since)
        new = transactions(ledger, wish, start=seen.head)
        told = {one.oid for one in found}
        wanted = (one for one in new if one.oid not in told and not _only_changes(one))
        found = [*islice(wanted, ROWS), *found][:ROWS]
    known[text, whole] = _Known(seen.head, before.epoch, found)
    while len(known) > REMEMBERED:
        known.popitem(last=False)
    return [one for one in found if one.time >= begins[:19]]


def _only_changes(one: Transaction) -> bool:
    return all(line["op"] == "change.record" for line in one.lines)
