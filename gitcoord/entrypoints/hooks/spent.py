"""What a conversation has cost: tokens of its transcripts, told as totals of its session.

A transcript goes on when its conversation is resumed, under another session of the ledger: each
has its own part of the total. Not here: what the lines of a client's transcript mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from gitcoord.clients import adapters, tally

if TYPE_CHECKING:
    from gitcoord.clients.tally import Counts
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.usage import ReportUsage
    from gitcoord.entrypoints.hooks.visit import Visit


def report(visit: Visit, session: Session) -> None:
    """Have the ledger remember, with its next decision, what the conversation has cost so far."""
    for wish in usage(visit, session):
        visit.desk.house.coordinator.later(wish, session=session.id)


def carry_over(visit: Visit, session: Session) -> None:
    """Count what the session has used on top: a cleared conversation begins a new transcript."""
    used = session.usage_parts.get("", session.usage)
    if used is None:
        return
    known = visit.conversation.known
    counts = {name: getattr(used, name) for name in tally.Counts.__struct_fields__}
    # Under a path that no transcript has; the model is that of the answers to come.
    known.tallies[""] = tally.Tally(counts=tally.Counts(**counts | {"model": ""}))
    known.errors = used.errors
    visit.conversation.keep()


def usage(visit: Visit, session: Session) -> Sequence[ReportUsage]:
    """Return the report of what this session has cost, or nothing where it is known already."""
    from gitcoord.domain.usage import ReportUsage, Usage, less, total

    known, event = visit.conversation.known, visit.event
    count = adapters.counting(event.client)
    paths = [event.transcript, event.agent_transcript]
    paths += adapters.transcripts_beside(event.client, event.transcript, event.session)
    for path in paths:
        if path:
            before = known.tallies.get(path, tally.Tally())
            known.tallies[path] = tally.follow(path, before, count)
    visit.conversation.keep()
    found = [one.counts for one in known.tallies.values()]
    if not any(one.requests for one in found) and not known.errors:
        return ()
    whole = Usage(
        requests=sum(one.requests for one in found),
        input_tokens=sum(one.input_tokens for one in found),
        output_tokens=sum(one.output_tokens for one in found),
        cache_read_tokens=sum(one.cache_read_tokens for one in found),
        cache_write_tokens=sum(one.cache_write_tokens for one in found),
        cost_usd=_cost(found),
        model=next((one.model for one in found if one.model), ""),
    )
    with visit.desk.state() as state:
        earlier = total(
            msgspec.structs.replace(one.usage, errors=0)
            for one in visit.formers(state)
            if one.usage is not None and one.id != session.id
        )
    own = msgspec.structs.replace(less(whole, earlier), errors=known.errors)
    return () if own == session.usage else (ReportUsage(usage=own),)


def _cost(found: Sequence[Counts]) -> float | None:
    known = [one.cost_usd for one in found if one.cost_usd is not None]
    return sum(known) if known else None
