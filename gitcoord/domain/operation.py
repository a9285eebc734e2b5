"""An operation is data: what somebody wants, with a pure rule that decides it.

`apply` reads and changes a `State` and returns an answer, or raises and leaves
undoing to the ledger. It may run many times, in other processes, on other
heads; it knows only what `Context` tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from gitcoord.domain.record import TEXT_LIMIT
from gitcoord.domain.time import Time, plus
from gitcoord.errors import InvalidId, InvalidValue, TextTooLong

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Tag of each operation -> where its class lives. Imported when it is met, so that a
#: command loads only the rules it needs while a group's leader can decide any of them.
OPERATIONS: dict[str, str] = {
    "session.start": "sessions:StartSession",
    "session.heartbeat": "pausing:Heartbeat",
    "session.scope": "conflicts:ChangeScope",
    "session.end": "departure:EndSession",
    "session.pause": "pausing:PauseSession",
    "session.resume": "pausing:ResumeSession",
    "session.kill": "departure:KillSession",
    "session.suspect": "sweep:SuspectSession",
    "session.sweep": "sweep:SweepSession",
    "session.usage": "usage:ReportUsage",
    "session.signals": "signals:ReportSignals",
    "lease.lapse": "sweep:LapseLeases",
    "lock.acquire": "lock_operations:AcquireLocks",
    "lock.renew": "lock_operations:RenewLocks",
    "lock.release": "lock_operations:ReleaseLocks",
    "lock.takeover": "takeover:TakeOverLocks",
    "lock.leave": "lock_operations:LeaveQueue",
    "lock.landed": "unlanded:DropMarks",
    "lock.track": "tracking:TrackPaths",
    "task.add": "new_tasks:AddTasks",
    "task.claim": "claiming:ClaimTask",
    "task.next": "claiming:NextTask",
    "task.move": "task_moves:MoveTask",
    "task.retry": "task_moves:RetryTask",
    "task.settle": "task_settling:SettleTask",
    "task.note": "tasks:NoteTask",
    "task.worktree": "tasks:RecordWorktree",
    "handoff.write": "handoffs:WriteHandoff",
    "memory.remember": "remembering:Remember",
    "memory.use": "remembering:UseMemories",
    "memory.forget": "remembering:ForgetMemories",
    "working.set": "working_memory:SetItems",
    "working.clear": "working_memory:ClearItems",
    "change.record": "changes:RecordChanges",
    "message.send": "messages:SendMessage",
    "message.read": "messages:ReceiveMessages",
    "message.ack": "messages:AckMessages",
    "guard.record": "violations:RecordViolations",
    "config.set": "configure:ChangeSettings",
    "ledger.compact": "compact:Compact",
    "ledger.import": "transfer:ImportRecords",
    "ledger.init": "configure:Begin",
    "profile.set": "profiles:SetProfile",
    "profile.remove": "profiles:RemoveProfile",
    "profile.assign": "assignments:AssignProfile",
    "policy.set": "policies:SetPolicy",
    "policy.remove": "policies:RemovePolicy",
    "network.set": "network:SetNetworkRule",
    "network.remove": "network:RemoveNetworkRule",
    "network.record": "accesses:RecordAccesses",
    "port.allocate": "ports:AllocatePorts",
    "port.release": "ports:ReleasePorts",
    "plan.add": "plans:AddPlan",
    "task.report": "results:ReportResult",
    "escalation.raise": "escalations:RaiseEscalation",
    "escalation.resolve": "escalations:ResolveEscalation",
    "feature.register": "registering:RegisterFeature",
    "feature.pause": "registering:PauseFeature",
    "feature.resume": "registering:ResumeFeature",
    "feature.deregister": "registering:DeregisterFeature",
    "approval.request": "approving:RequestApproval",
    "approval.decide": "approving:DecideApproval",
    "approval.use": "approving:UseApproval",
    "merge.enqueue": "merge_queueing:EnqueueMerge",
    "merge.check": "merging:CheckMerges",
    "merge.checked": "merging:RecordCheck",
    "merge.eject": "merging:EjectMerge",
    "merge.remove": "merging:RemoveMerge",
    "merge.begin": "merge_landing:BeginLanding",
    "merge.land": "merge_landing:LandMerges",
    "merge.hand_over": "merge_setbacks:HandOver",
    "merge.back": "merge_setbacks:TakeBack",
    "merge.settle": "merge_landing:SettleMerges",
    "merge.note_pull": "merge_pulls:NotePull",
    "verification.record": "verifying:RecordVerification",
    "verification.policy_set": "verify_policies:SetVerifyPolicy",
    "verification.policy_remove": "verify_policies:RemoveVerifyPolicy",
}


#: Stands in the place of a session for an agent that has not checked in. It is no person: it may
#: do what an agent may that nobody knows. A person has None there.
UNKNOWN = ""


class Beat(msgspec.Struct, frozen=True):
    """The last sign of life of a session on its machine: a counter, not a time."""

    count: int
    at: Time = ""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside the state that a rule may look at."""

    now: Time
    op_id: str
    #: The acting session, or a sub-agent of it as "<session>/<agent>"; None for a person, `UNKNOWN`
    #: for an agent without one.
    session: str | None = None
    agent: str = ""
    #: Signs of life of the sessions on this machine, read under the leader's lock.
    presence: Mapping[str, Beat] = {}
    #: False while `meta.time` is far ahead of our clock: then nobody's lease has ended.
    clock_trusted: bool = True
    #: Whether the push budget is spent, so that what can wait is not written now.
    frugal: bool = False

    def over(self, end: Time, tolerance: float) -> bool:
        """Say whether somebody else's lease that ends then counts as ended."""
        return self.clock_trusted and self.now >= plus(end, tolerance)


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an accepted operation says back."""


class Operation(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One wish. Subclasses name their `tag`, their answer's type and the rule."""

    tag: ClassVar[str]
    answer: ClassVar[type[Answer]]
    #: Whether only a live session may ask for this.
    acting: ClassVar[bool] = True
    #: Whether people may ask for it without being checked in; a session that is named must live.
    sessionless: ClassVar[bool] = False
    #: Whether it means the same whenever it is decided, so that it may wait for a connection.
    commutes: ClassVar[bool] = False

    def apply(self, state: State, context: Context) -> Answer:
        """Change `state` as wished and return the answer, or raise."""
        raise TypeError(f"{type(self).__name__} has no rule")

    def alive(self, answer: Any, context: Context) -> str | None:
        """Return the holder that showed by this operation that it lives, if any."""
        return context.session if self.acting else None

    def subject(self, answer: Any, agent: str) -> str:
        """Return the line with which this enters the ledger's diary."""
        return f"{self.tag.replace('.', ': ')} by {agent or 'somebody'}"

    def diary(self) -> dict[str, Any]:
        """Return the arguments as the diary repeats them: all, unless only some may read them."""
        body: dict[str, Any] = msgspec.to_builtins(self)
        return body


def packed(operation: Operation) -> dict[str, Any]:
    """Return the operation as plain data, its tag under "op".

    Raises `TextTooLong` when one of its texts is over the limit.
    """
    body: dict[str, Any] = msgspec.to_builtins(operation)
    if len(msgspec.json.encode(body)) > TEXT_LIMIT:
        _measure(body, operation.tag)
    return {"op": operation.tag} | body


def unpacked(body: Mapping[str, Any]) -> Operation:
    """Return the operation that `packed` described. Raises `InvalidValue`."""
    fields = dict(body)
    tag = fields.pop("op", None)
    kind = kind_of(tag)
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(f"{tag}: {wrong}") from None


def kind_of(tag: Any) -> type[Operation]:
    """Return the class of operations with this tag. Raises `InvalidValue`."""
    where = OPERATIONS.get(tag)
    if where is None:
        raise InvalidValue(f"there is no operation {tag!r}")
    module, name = where.split(":")
    found: type[Operation] = getattr(import_module("gitcoord.domain." + module), name)
    return found


def checked_id(text: str, what: str) -> str:
    """Return `text` if it has the form of an id: 1 to 128 letters, digits and `-_.:@/`.

    Raises `InvalidId`.
    """
    plain = text.translate(_ID_PUNCTUATION)
    if not (0 < len(text) <= 128 and plain.isascii() and (plain.isalnum() or not plain)):
        raise InvalidId(f"not the id of a {what}: {text[:80]!r}", id=text[:128])
    if not text[0].isalnum():
        raise InvalidId(f"the id of a {what} begins with a letter or digit", id=text)
    return text


_ID_PUNCTUATION = str.maketrans("", "", "-_.:@/")


def _measure(value: Any, where: str) -> None:
    if isinstance(value, str):
        size = len(value.encode("utf-8", "surrogatepass"))
        if size > TEXT_LIMIT:
            raise TextTooLong(f"{where} has {size} bytes, at most {TEXT_LIMIT}", field=where)
    elif isinstance(value, dict):
        for key, item in value.items():
            _measure(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for item in value:
            _measure(item, where)
